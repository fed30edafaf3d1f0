"""Any module as a weight-sharing supernet, and what a subnet of it costs."""

from gancompress.supernet.axes import ChannelGroup
from gancompress.supernet.cost import Cost, CostModel, Layer
from gancompress.supernet.space import SearchSpace, Subnet
from gancompress.supernet.supernet import Supernet

__all__ = ["ChannelGroup", "Cost", "CostModel", "Layer", "SearchSpace", "Subnet", "Supernet"]

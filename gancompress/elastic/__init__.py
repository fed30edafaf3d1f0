"""Any module as a weight-sharing supernet, and what a subnet of it costs."""

from gancompress.elastic.axes import ChannelGroup
from gancompress.elastic.cost import Cost, CostModel, Layer
from gancompress.elastic.space import SearchSpace, Subnet
from gancompress.elastic.supernet import Supernet

__all__ = ["ChannelGroup", "Cost", "CostModel", "Layer", "SearchSpace", "Subnet", "Supernet"]

"""The best weights of a subnet before any training: least squares, layer by layer."""

from gancompress.reconstruction.gathered import Gathered, gather
from gancompress.reconstruction.sequential import LayerFit, reconstruct

__all__ = ["Gathered", "LayerFit", "gather", "reconstruct"]

"""BiRefNet, the paper's segmenter (3.1, RMBG-2.0), under the names that the public files have."""

from ddlivm.segmentation.birefnet.network import BiRefNet
from ddlivm.segmentation.birefnet.sizes import SIZES, Size

__all__ = ["SIZES", "BiRefNet", "Size"]

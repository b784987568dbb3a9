"""Background removal (3.1): where the panels are, in either modality."""

from ddlivm.segmentation.segmenter import Segmenter, load_segmenter

__all__ = ["Segmenter", "load_segmenter"]

"""Spatial alignment (3.1): where an infrared pixel lies in the visible image, without calibration.

`gather` makes a pair's evidence from its raw images and, where they are known, its panels; `align_pairs` finds the
site's transform from all of them and says how well each pair keeps to it.
"""

from ddlivm.alignment.consensus import align_pair, align_pairs
from ddlivm.alignment.evidence import PairEvidence, gather

__all__ = ["PairEvidence", "align_pair", "align_pairs", "gather"]

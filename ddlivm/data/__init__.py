"""The data set: sites, pairs, labels, the taxonomy, and the frames that they are in."""

from ddlivm.data.aligned_pair import VISIBLE_RATIO, AlignedPair, WorkingFrame, visible_size
from ddlivm.data.dataset import DataSet, Labels, Pair, Site
from ddlivm.data.detections import Detections
from ddlivm.data.folds import ALL, Fold, SetAside, resolve_fold, series_by_site
from ddlivm.data.lenses import width_share
from ddlivm.data.outlines import Outline, box_outlines, move
from ddlivm.data.readers import Infrared, TemperatureScale, read_infrared, read_panel_mask, read_visible
from ddlivm.data.taxonomy import SHAPES, DefectType, Taxonomy, load_taxonomy
from ddlivm.data.transforms import Box, PairAlignment, SiteAlignments, Transform

__all__ = [
    "ALL",
    "SHAPES",
    "VISIBLE_RATIO",
    "AlignedPair",
    "Box",
    "DataSet",
    "DefectType",
    "Detections",
    "Fold",
    "Infrared",
    "Labels",
    "Outline",
    "Pair",
    "PairAlignment",
    "SetAside",
    "Site",
    "SiteAlignments",
    "Taxonomy",
    "TemperatureScale",
    "Transform",
    "WorkingFrame",
    "box_outlines",
    "load_taxonomy",
    "move",
    "read_infrared",
    "read_panel_mask",
    "read_visible",
    "resolve_fold",
    "series_by_site",
    "visible_size",
    "width_share",
]

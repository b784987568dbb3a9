"""The stage `alignment`: a transform for every pair of every site, from pixels alone."""

import sys
from collections.abc import Iterable
from pathlib import Path

from ddlivm.alignment.consensus import align_pairs
from ddlivm.alignment.evidence import PairEvidence, gather
from ddlivm.data import DataSet, Pair, SiteAlignments
from ddlivm.errors import InputError
from ddlivm.parameters.alignment import Alignment
from ddlivm.segmentation import Segmenter, load_segmenter


def align_sites(data: Path, segmenter: Path, parameters: Alignment, out: Path, work: Path) -> None:
    """Align every site of the data and write `transforms.json`; no label is read.

    Args:
        data: the data set.
        segmenter: what `background_removal` wrote.
        parameters: the section.
        out: an empty folder.
        work: scratch; not needed.

    Raises:
        InputError: a site without panels, or a damaged image.
    """
    import cv2
    import torch

    torch.set_num_threads(parameters.threads)
    cv2.setNumThreads(parameters.threads)
    panels = load_segmenter(segmenter)
    data_set = DataSet.load(data)
    sites, pairs = {}, {}
    for index, site in enumerate(data_set.sites.values(), 1):
        try:
            consensus, aligned = align_pairs(evidence_of(site.pairs, panels), parameters)
        except InputError as error:
            raise InputError(f"{site.folder}: {error}") from error
        sites[site.id] = consensus
        pairs.update({f"{site.id}/{name}": alignment for name, alignment in aligned.items()})
        print(
            f"alignment: {site.id} ({index}/{len(data_set.sites)}): scale {consensus.transform.scale:.3f}, "
            f"confidence {consensus.confidence:.2f}, {len(aligned)} pairs",
            file=sys.stderr,
            flush=True,
        )
    SiteAlignments(sites, pairs).save(out / "transforms.json")


def evidence_of(pairs: Iterable[Pair], segmenter: Segmenter) -> Iterable[PairEvidence]:
    """Yield each pair's evidence; at most one pair's raw images are in memory."""
    for pair in pairs:
        infrared, visible = pair.read_infrared().values, pair.read_visible()
        infrared_mask, visible_mask = segmenter.small_probabilities([infrared, visible])
        yield gather(pair.name, infrared, visible, infrared_mask, visible_mask, pair.width_share)

"""Cross-domain evaluation of one fold: the only stage that reads the held-out sites' labels."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ddlivm.data import DataSet, Site, SiteAlignments
from ddlivm.data.boxes import Boxes
from ddlivm.errors import InputError
from ddlivm.evaluation import analysis
from ddlivm.evaluation.figures import FoldFigures, HeadFigures, Regret, SiteAlignment
from ddlivm.evaluation.histories import load_history
from ddlivm.evaluation.image_results import image_results
from ddlivm.evaluation.metrics import mean_over_sites, measure
from ddlivm.evaluation.samples import write_samples
from ddlivm.evaluation.selection import SelectionScores, load_detections
from ddlivm.evaluation.series_picture import write_series_pictures
from ddlivm.parameters import CrossDomainEvaluation


def evaluate_fold(
    data: Path,
    transforms: Path,
    segmenter: Path,
    encoders: Path,
    bank: Path,
    series: Sequence[Path],
    selection: Path,
    fold: str,
    gate_sites: Sequence[str],
    parameters: CrossDomainEvaluation,
    out: Path,
) -> None:
    """Compare every head's detections with the held-out sites' labels; write figures.json, results.json and pictures.

    Args:
        data: the data set.
        transforms: the alignment stage's folder.
        segmenter: the background-removal stage's folder; only its history is read.
        encoders: the DTFT stage's folder; only its history is read.
        bank: the head bank; only its history is read.
        series: each site's augmentation folder, for a picture.
        selection: the head selection's folder, with every head's detections in raw infrared pixels.
        fold: the held-out site, or `all` for the gate's sites.
        gate_sites: what the fold `all` holds out.
        parameters: the IoU of recall and mAP, and a recall to compare heads at.
        out: an empty folder.

    Raises:
        InputError: an input is missing or damaged, or a held-out site has no labelled defects.
    """
    dataset = DataSet.load(data)
    resolved = dataset.fold(fold, tuple(gate_sites))
    sites = [dataset.site(name) for name in resolved.targets]
    chosen = SelectionScores.load(selection)
    if set(chosen.targets) != set(resolved.targets):
        raise InputError(
            f"{selection}: was made for {', '.join(chosen.targets)}, but fold {fold!r} holds out "
            f"{', '.join(resolved.targets)}; run head selection again"
        )
    truths = {site.id: _truth(site) for site in sites}
    detections = {head: {site.id: load_detections(selection, site, head) for site in sites} for head in chosen.heads}
    truth = _pooled(truths)
    heads = {}
    for head, by_site in detections.items():
        threshold = chosen.threshold(head)
        measures = {
            name: measure(boxes, truths[name], threshold, parameters.iou_threshold) for name, boxes in by_site.items()
        }
        matched = analysis.matched(_pooled(by_site), truth, parameters.matched_recall, parameters.iou_threshold)
        heads[head] = HeadFigures(mean_over_sites(list(measures.values())), measures, threshold, matched)

    image_results(sites, chosen.chosen, detections[chosen.chosen], truths, parameters.iou_threshold).save(out)

    pooled = {row: _pooled(detections[head]) for row, head in chosen.rows.items()}
    threshold = chosen.threshold(chosen.chosen)
    selected = pooled["selected"].above(threshold)
    alignments = SiteAlignments.load(transforms / "transforms.json")
    shown = {name: boxes.above(threshold) for name, boxes in detections[chosen.chosen].items()}
    pictures = write_samples(sites, alignments, shown, out) + write_series_pictures(
        dataset, series, resolved.sources, out
    )
    FoldFigures(
        fold=fold,
        sites={site.id: site.name for site in sites},
        simulated=any(bool(site.facts.get("simulated")) for site in sites),
        pairs=sum(len(site.pairs) for site in sites),
        score_threshold=threshold,
        iou_threshold=parameters.iou_threshold,
        chosen=chosen.chosen,
        rows=chosen.rows,
        heads=heads,
        regret=regret(chosen, heads),
        selection=chosen,
        curves=analysis.curves(pooled, truth, parameters.iou_threshold),
        thresholds=analysis.thresholds(pooled["selected"], truth, parameters.iou_threshold),
        confusion=analysis.confusion(selected, truth, parameters.iou_threshold),
        limits=analysis.limits(
            selected, truth, parameters.iou_threshold, sum(_outside(site, alignments) for site in sites)
        ),
        histories={
            "background_removal": load_history(segmenter),
            "dtft_training": load_history(encoders),
            "head_checkpointing": load_history(bank),
        },
        alignment={site.id: _alignment(site, alignments) for site in sites},
        pictures=pictures,
    ).save(out)


def regret(selection: SelectionScores, heads: dict[str, HeadFigures]) -> Regret:
    """Return what the choice cost against the best candidate in hindsight; ties go to the earlier candidate."""
    candidates = [candidate.head for candidate in selection.candidates]
    chosen = heads[selection.chosen].all
    best_accuracy = max(candidates, key=lambda head: heads[head].all.accuracy)
    best_map40 = max(candidates, key=lambda head: heads[head].all.map40)
    return Regret(
        best_accuracy,
        heads[best_accuracy].all.accuracy - chosen.accuracy,
        best_map40,
        heads[best_map40].all.map40 - chosen.map40,
    )


def _truth(site: Site) -> Boxes:
    truth = Boxes.of((labels.image_id, labels.defects) for labels in site.labels.values()).canonical()
    if not len(truth):
        raise InputError(f"{site.folder / 'annotations.json'}: has no defects; a held-out site needs labels")
    return truth


def _pooled(by_site: dict[str, Boxes]) -> Boxes:
    """Join the sites' boxes; image ids are only unique within a site, so each site gets a range of its own."""
    parts = [by_site[name] for name in sorted(by_site)]
    return Boxes(
        np.concatenate([part.images + (index << 32) for index, part in enumerate(parts)]),
        np.concatenate([part.boxes for part in parts]),
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.classes for part in parts]),
    )


def _outside(site: Site, alignments: SiteAlignments) -> int:
    """Count the defects whose centre the visible camera does not show; a site has one pair of cameras."""
    height, width = site.pairs[0].read_visible().shape[:2]
    count = 0
    for pair in site.pairs:
        labels = site.labels.get(pair.name)
        if labels is None or not len(labels.defects):
            continue
        x0, y0, x1, y1 = alignments.of(site.id, pair.name).transform.common_ground(labels.size, (width, height))
        centres = (labels.defects.boxes[:, :2] + labels.defects.boxes[:, 2:]) / 2
        inside = (centres >= (x0, y0)).all(axis=1) & (centres <= (x1, y1)).all(axis=1)
        count += int((~inside).sum())
    return count


def _alignment(site: Site, alignments: SiteAlignments) -> SiteAlignment:
    if site.id not in alignments.sites:
        raise InputError(f"site {site.id!r} has no transform; run the alignment stage on this data again")
    consensus = alignments.sites[site.id]
    flags = Counter(flag for pair in site.pairs for flag in alignments.of(site.id, pair.name).flags)
    transform = consensus.transform
    return SiteAlignment(
        transform.scale,
        transform.offset_x,
        transform.offset_y,
        transform.rotation_deg,
        consensus.confidence,
        len(site.pairs),
        dict(sorted(flags.items())),
    )

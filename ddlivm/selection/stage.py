"""The stage `head_selection`: the target's detections by every head, the heads' scores, and the choice (3.3)."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ddlivm.augmentation.source_defects import SourceDefects
from ddlivm.data import AlignedPair, DataSet, Detections, Fold, SetAside, Site, SiteAlignments
from ddlivm.detector.architecture import CONFIDENCE_FLOOR, UNTRAINED
from ddlivm.errors import InputError
from ddlivm.files import MEASURED, read_json, write_json
from ddlivm.parameters import Calibration, HeadSelection
from ddlivm.selection.calibration import calibrate
from ddlivm.selection.chain import Chain
from ddlivm.selection.choice import Selection
from ddlivm.selection.examination import Examination, Trial, decide, examine_pairs
from ddlivm.selection.latency import TimedBank


def select_head(
    data: Path,
    transforms: Path,
    series: Sequence[Path],
    segmenter: Path,
    encoders: Path,
    bank: Path,
    fold: str,
    gate_sites: tuple[str, ...],
    parameters: HeadSelection,
    calibration: Calibration,
    out: Path,
    work: Path,
) -> None:
    """Write `selection.json` and `detections/<site>/<head>.json` of one fold.

    Of the held-out sites only the unlabelled images are used: the choice is transductive. The labels of the sites that
    were set aside calibrate the heads.

    Args:
        data: the data set's folder.
        transforms: the alignment stage's output.
        series: the augmentation stage's folders; only the source sites' are opened further than for their name.
        segmenter: the background removal stage's output.
        encoders: the DTFT training stage's output.
        bank: the head checkpointing stage's output.
        fold: the fold's name.
        gate_sites: the sites that the fold `all` holds out.
        parameters: the stage's section.
        calibration: which sites are set aside, and how thresholds weigh accuracy and recall.
        out: an empty folder.
        work: scratch, for the time that a pair takes; the stage starts over after a kill.

    Raises:
        InputError: an input is missing or damaged.
    """
    dataset = DataSet.load(data)
    split = dataset.fold(fold, gate_sites, SetAside.of(calibration.sites))
    source_defects = SourceDefects.load(list(split.source_series(series).values()))
    import torch  # torch and mmdet cost 24 s that a wrong input need not wait for

    from ddlivm.detector.load import load_detector
    from ddlivm.segmentation import load_segmenter

    torch.set_num_threads(parameters.threads)
    wait = torch.cuda.synchronize if torch.cuda.is_available() else lambda: None
    loaded = load_segmenter(segmenter)
    detector = TimedBank(load_detector(encoders, bank), wait)
    panels = detector.timed(lambda visible: loaded.small_probabilities([visible])[0])
    chain = Chain(detector, panels, parameters)
    selection = select(dataset, transforms, split, chain, source_defects, calibration.beta, out)
    write_json(work / MEASURED, {"seconds_per_pair": detector.seconds_per_pair(selection.chosen)})


def select(
    dataset: DataSet,
    transforms: Path,
    fold: Fold,
    chain: Chain,
    source_defects: SourceDefects,
    beta: float,
    out: Path,
) -> Selection:
    """Do `select_head`'s work with a chain that is loaded, without calibrations yet.

    Raises:
        InputError: a pair cannot be read or was not aligned.
    """
    detector, parameters = chain.detector, chain.parameters
    alignments = SiteAlignments.load(transforms / "transforms.json")
    chain = calibrated(dataset, alignments, fold, chain, beta)
    pairs = [
        AlignedPair(pair, alignments.of(name, pair.name).transform, detector.working_size)
        for name in fold.targets
        for pair in dataset.site(name).pairs
    ]
    writer = _Results([dataset.site(name) for name in fold.targets], (*detector.heads, *detector.references))
    trials: list[Trial | None] = []
    for done, examination in enumerate(examine_pairs(chain, pairs, source_defects, detector.references), start=1):
        writer.add(examination)
        trials.append(examination.trial)
        if done % max(1, len(pairs) // 10) == 0:
            print(f"head_selection {fold.name}: {done} of {len(pairs)} pairs", flush=True)
    writer.write(out / "detections")
    selection = decide(detector.heads, trials, source_defects, parameters)
    context = {
        "fold": fold.name,
        "score": parameters.score,
        "targets": list(fold.targets),
        "references": list(detector.references),
        "minimum_score": CONFIDENCE_FLOOR,
        "set_aside": list(fold.set_aside),
        "calibrations": {head: asdict(chain.calibration(head)) for head in (*detector.heads, *detector.references)},
        "transductive": True,
    }
    write_json(out / "selection.json", asdict(selection) | context)
    return selection


def calibrated(dataset: DataSet, alignments: SiteAlignments, fold: Fold, chain: Chain, beta: float) -> Chain:
    """Return the chain with every head calibrated on the sites that were set aside; where there are none, as it is.

    Raises:
        InputError: a pair cannot be read or was not aligned, or has no entry in annotations.json.
    """
    if not fold.set_aside:
        return chain
    heads = [head for head in (*chain.detector.heads, *chain.detector.references) if head != UNTRAINED]
    detections: dict[str, list[Detections]] = {head: [] for head in heads}
    labels = []
    for name in fold.set_aside:
        site = dataset.site(name)
        known = site.labels
        for pair in site.pairs:
            if pair.name not in known:
                raise InputError(f"{pair.infrared_path}: is not listed in its site's annotations.json; add it")
            transform = alignments.of(name, pair.name).transform
            view = chain.see(AlignedPair(pair, transform, chain.detector.working_size))
            labels.append(known[pair.name].defects)
            for head in heads:
                found = chain.detect(head, view).on_panels
                detections[head].append(view.pair.frame.detections_to_raw(found))
        print(f"head_selection {fold.name}: calibrated on {name}, {len(site.pairs)} pairs", flush=True)
    return replace(chain, calibrations={head: calibrate(detections[head], labels, beta) for head in heads})


class _Results:
    """The detections of every head as COCO results, in raw infrared pixels."""

    def __init__(self, sites: Sequence[Site], heads: Sequence[str]) -> None:
        self._image_ids = {site.id: image_ids(site) for site in sites}
        self._rows: dict[str, dict[str, list[dict[str, Any]]]] = {
            site.id: {head: [] for head in heads} for site in sites
        }

    def add(self, examination: Examination) -> None:
        aligned = examination.pair
        image_id = self._image_ids[aligned.pair.site][aligned.pair.name]
        for head, detections in examination.detections.items():
            self._rows[aligned.pair.site][head] += aligned.frame.detections_to_raw(detections).to_coco(image_id)

    def write(self, folder: Path) -> None:
        for site, heads in self._rows.items():
            for head, rows in heads.items():
                write_json(
                    folder / site / f"{head}.json", sorted(rows, key=lambda row: (row["image_id"], -row["score"]))
                )


def image_ids(site: Site) -> dict[str, int]:
    """Return pair name to COCO image id: what annotations.json lists, or the pairs' order where it lists none.

    Only the list of images is looked at, never the labels.

    Raises:
        InputError: annotations.json is damaged or does not list a pair.
    """
    path = site.folder / "annotations.json"
    if not path.is_file():
        return {pair.name: number for number, pair in enumerate(site.pairs, start=1)}
    try:
        listed = {Path(image["file_name"]).stem: int(image["id"]) for image in read_json(path)["images"]}
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: is not a COCO annotation file as expected ({error!r})") from error
    missing = [pair.name for pair in site.pairs if pair.name not in listed]
    if missing:
        raise InputError(f"{path}: `images` does not list pair {missing[0]!r}; add it")
    return listed

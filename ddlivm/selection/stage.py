"""The stage `head_selection`: the target's detections by every head, the heads' scores, and the choice (3.3)."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ddlivm.augmentation.source_defects import SourceDefects
from ddlivm.data import AlignedPair, DataSet, Fold, Site, SiteAlignments
from ddlivm.errors import InputError
from ddlivm.files import MEASURED, read_json, write_json
from ddlivm.parameters import HeadSelection
from ddlivm.selection.choice import Selection
from ddlivm.selection.examination import MINIMUM_SCORE, Examination, HeadBank, Trial, decide, examine_pairs
from ddlivm.selection.latency import TimedBank


def select_head(
    data: Path,
    transforms: Path,
    series: Sequence[Path],
    encoders: Path,
    bank: Path,
    fold: str,
    gate_sites: tuple[str, ...],
    parameters: HeadSelection,
    out: Path,
    work: Path,
) -> None:
    """Write `selection.json` and `detections/<site>/<head>.json` of one fold.

    Of the held-out sites only the unlabelled images are used: the choice is transductive.

    Args:
        data: the data set's folder.
        transforms: the alignment stage's output.
        series: the augmentation stage's folders; only the source sites' are opened further than for their name.
        encoders: the DTFT training stage's output.
        bank: the head checkpointing stage's output.
        fold: the fold's name.
        gate_sites: the sites that the fold `all` holds out.
        parameters: the stage's section.
        out: an empty folder.
        work: scratch, for the time that a pair takes; a fold takes a minute or so and starts over after a kill.

    Raises:
        InputError: an input is missing or damaged.
    """
    dataset = DataSet.load(data)
    split = dataset.fold(fold, gate_sites)
    source_defects = SourceDefects.load(list(split.source_series(series).values()))
    import torch  # torch and mmdet cost 24 s that a wrong input need not wait for

    from ddlivm.detector.load import load_detector

    torch.set_num_threads(parameters.threads)
    wait = torch.cuda.synchronize if torch.cuda.is_available() else lambda: None
    detector = TimedBank(load_detector(encoders, bank), wait)
    selection = select(dataset, transforms, split, detector, source_defects, parameters, out)
    write_json(work / MEASURED, {"seconds_per_pair": detector.seconds_per_pair(selection.default)})


def select(
    dataset: DataSet,
    transforms: Path,
    fold: Fold,
    detector: HeadBank,
    source_defects: SourceDefects,
    parameters: HeadSelection,
    out: Path,
) -> Selection:
    """Do `select_head`'s work with a detector that is loaded.

    Raises:
        InputError: a pair cannot be read or was not aligned.
    """
    alignments = SiteAlignments.load(transforms / "transforms.json")
    pairs = [
        AlignedPair(pair, alignments.of(name, pair.name).transform, detector.working_size)
        for name in fold.targets
        for pair in dataset.site(name).pairs
    ]
    writer = _Results([dataset.site(name) for name in fold.targets], (*detector.heads, *detector.references))
    trials: list[Trial | None] = []
    for done, examination in enumerate(
        examine_pairs(detector, pairs, source_defects, parameters, detector.references), start=1
    ):
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
        "minimum_score": MINIMUM_SCORE,
        "transductive": True,
    }
    write_json(out / "selection.json", asdict(selection) | context)
    return selection


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

"""The commands `ddlivm predict` and `ddlivm align`."""

import json
import shutil
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ddlivm.errors import InputError

if TYPE_CHECKING:  # images and models are loaded where the work is
    from ddlivm.inspection.folder import Rejected

PICTURES = "annotated"
SUMMARY = "summary.json"
ALIGNMENT = "alignment.json"
ADAPTED = "adapted"
"""The adapted model's directory within an inspection."""


def predict(
    folder: Path, model: Path, out: Path, names: str | None, score: float | None, head: str, adapt: float | None = None
) -> None:
    """Inspect a folder of pairs and write what was found.

    Args:
        folder: raw pairs of one plant.
        model: a shipped model's directory.
        out: detections.coco.json, detections.csv, annotated/, report.html and summary.json go here.
        names: the rule of the files' names, where they follow none of the usual ones.
        score: detections below it are left out; None for the threshold that ships with the head.
        head: `select` on these pairs, `default`, or a head's name.
        adapt: Minutes to tune the model on these pairs first; the adapted model stays in `out/adapted`. None detects
            with the model as it shipped.

    Raises:
        InputError: no model, no pair that can be used, `out` holds something else, or `adapt` is out of range.
        Stopped: SIGTERM came while the model was tuned; the same command goes on.
    """
    from ddlivm.files import replacing, write_json
    from ddlivm.inspection.folder import find_pairs
    from ddlivm.inspection.model import ShippedModel
    from ddlivm.parameters.adaptation import MOST_MINUTES

    if adapt is not None and not 0 < adapt <= MOST_MINUTES:
        raise InputError(f"--adapt {adapt:g}: expected minutes above 0, {MOST_MINUTES:g} at most; 5 do on two cores")
    _check_out(out, folder)
    shipped = ShippedModel.load(model)
    found = find_pairs(folder, names)
    scratch = out.with_name(f".{out.name}.adaptation")
    with replacing(out) as place:
        (place / PICTURES).mkdir(parents=True)
        for entry in found.rejected:
            _say(entry)
        if not found.pairs:
            raise InputError(f"{folder}: has no pair that can be used; see the reasons above")
        print(f"{folder}: {len(found.pairs)} pairs; loading the model", flush=True)

        from ddlivm.data import AlignedPair
        from ddlivm.evaluation.pictures import write_jpeg
        from ddlivm.inspection.adaptation import Adapter, scratch_of
        from ddlivm.inspection.inspection import InspectedPair
        from ddlivm.inspection.inspector import Inspector
        from ddlivm.inspection.pictures import annotate
        from ddlivm.inspection.report import write_report
        from ddlivm.inspection.tables import summary, write_coco, write_csv

        # PyTorch's advice to mmdet's authors is of no use to an inspector.
        warnings.filterwarnings("ignore", message="torch.meshgrid", category=UserWarning)
        inspector = Inspector.load(shipped)

        def draw(pair: InspectedPair, pixels: AlignedPair) -> None:
            write_jpeg(place / PICTURES / f"{pair.pair.name}.jpg", annotate(pair, pixels))

        adapter = None
        if adapt is not None:
            work = scratch_of(shipped, found.pairs, adapt, scratch)
            adapter = Adapter.of(shipped, adapt, work, place / ADAPTED)
        inspection = inspector.inspect(found.pairs, score, head, draw, _say, adapter).with_rejected(found.rejected)
        content = summary(inspection, shipped)
        write_coco(place / "detections.coco.json", inspection)
        write_csv(place / "detections.csv", inspection)
        write_json(place / SUMMARY, content)
        write_report(place, inspection, shipped)
    shutil.rmtree(scratch, ignore_errors=True)
    _tell(content, out)


def align(infrared: Path, visible: Path, segmenter: Path | None, as_json: bool, picture: Path) -> None:
    """Align one pair, say where it lies and draw it.

    Args:
        infrared: the raw infrared image.
        visible: the raw visible image.
        segmenter: a trained segmenter's folder; without one, structure alone decides.
        as_json: whether to print JSON.
        picture: a JPEG file to draw the alignment to.

    Raises:
        InputError: an image cannot be read, or no panels are shown.
    """
    from ddlivm.evaluation.pictures import write_jpeg
    from ddlivm.files import replacing
    from ddlivm.inspection.alignment import align_files, segment_by

    if picture.suffix.lower() not in (".jpg", ".jpeg"):
        raise InputError(f"--picture {picture}: expected a name that ends in .jpg")
    answer, drawn = align_files(infrared, visible, segment_by(segmenter))
    with replacing(picture) as place:
        write_jpeg(place, drawn)
    if as_json:
        print(json.dumps(answer, indent=2))
        return
    for key, value in answer.items():
        print(f"{key}: {_text(value)}")
    print(f"written: {picture}")


def align_site(folder: Path, names: str | None, segmenter: Path | None, as_json: bool, out: Path) -> None:
    """Align the pairs of one site and write where each lies, with a picture a pair.

    Args:
        folder: raw pairs of one plant.
        names: the rule of the files' names, where they follow none of the usual ones.
        segmenter: a trained segmenter's folder; without one, structure alone decides.
        as_json: whether to print the site's alignment as JSON.
        out: alignment.json and annotated/ go here; an earlier alignment there is replaced.

    Raises:
        InputError: no pair that can be used, or `out` holds something else.
    """
    from ddlivm.alignment.consensus import LOW_CONFIDENCE
    from ddlivm.data import Transform
    from ddlivm.evaluation.pictures import write_jpeg
    from ddlivm.files import replacing, write_json
    from ddlivm.inspection.alignment import align_folder, segment_by
    from ddlivm.inspection.folder import find_pairs
    from ddlivm.inspection.pictures import compare

    _check_out(out, folder, ALIGNMENT)
    found = find_pairs(folder, names)
    for entry in found.rejected:
        _say(entry)
    site, pairs = align_folder(found.pairs, segment_by(segmenter), _say)
    with replacing(out) as place:
        (place / PICTURES).mkdir(parents=True)
        write_json(place / ALIGNMENT, {"site": site, "pairs": pairs})
        for pair in found.pairs:
            if pair.name in pairs:
                answer = pairs[pair.name]
                x, y = answer["offset"]
                transform = Transform(answer["scale"], x, y, answer["rotation_deg"])
                drawn = compare(pair.read_infrared().values, pair.read_visible(), transform)
                write_jpeg(place / PICTURES / f"{pair.name}.jpg", drawn)
    if as_json:
        print(json.dumps(site, indent=2))
        return
    for key, value in site.items():
        print(f"{key}: {_text(value)}")
    unsure = sum(LOW_CONFIDENCE in answer["flags"] for answer in pairs.values())
    print(f"pairs: {len(pairs)}, not sure on {unsure}\nwritten: {out}")


def _text(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)


def _check_out(out: Path, folder: Path, mark: str = SUMMARY) -> None:
    """Refuse to replace the images themselves, or anything that is no earlier output, which `mark` tells."""
    target, source = out.resolve(), folder.resolve()
    if target == source or target in source.parents:
        raise InputError(f"--out {out}: holds the images themselves; give another folder")
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / mark).is_file())):
        raise InputError(f"--out {out}: exists and is no earlier output; remove it or give another folder")


def _say(entry: "Rejected") -> None:
    print(f"left out: {entry.reason}", file=sys.stderr, flush=True)


def _tell(content: dict[str, Any], out: Path) -> None:
    from ddlivm.inspection.adaptation import told
    from ddlivm.inspection.basis import sentences
    from ddlivm.inspection.thresholds import Thresholds

    alignment = content["alignment"]
    if alignment["unsure_pairs"]:
        print(
            f"warning: alignment is not sure on {alignment['unsure_pairs']} of {content['pairs']} pairs; "
            "look whether both halves of their pictures show the same ground",
            file=sys.stderr,
            flush=True,
        )
    types = ", ".join(f"{name} {count}" for name, count in content["by_type"].items()) or "none"
    print(
        f"{content['pairs']} pairs inspected, {len(content['rejected'])} files left out\n"
        f"{content['off_panels']} detections beside the panels left out\n"
        f"{content['detections']} detections with score >= "
        f"{Thresholds(content['score_threshold'], content['score_threshold_at_anomalies'])}: {types}\n"
        f"{content['anomalies']} unclassified anomalies: hot regions of panels that no detection explains\n"
        f"alignment: scale {alignment['scale']:.3f}, offset {alignment['offset'][0]:.1f} {alignment['offset'][1]:.1f}, "
        f"confidence {alignment['confidence']:.2f}\n"
        f"head: {content['head']} ({content['head_choice']})\n"
        + "".join(f"{line}\n" for line in told(content["adaptation"]))
        + "this rests on:\n"
        + "".join(f"  {line}\n" for line in sentences(content["rests_on"]))
        + f"report: {out / 'report.html'}",
        flush=True,
    )

"""Adapt a detector to one flight without labels: tune it on the flight's own pictures for some minutes.

Transductive: the flight that is inspected is the flight that is learnt from.
"""

import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from ddlivm.adaptation.backgrounds import Background, background_of
from ddlivm.adaptation.calibrate import calibrated
from ddlivm.adaptation.cutouts import Cutout, cutouts_of
from ddlivm.adaptation.judgement import Known, agreement, best_worth, detect, known_tiles
from ddlivm.adaptation.pastes import paste
from ddlivm.adaptation.record import AdaptationRecord, Change, Worth
from ddlivm.adaptation.views import Views
from ddlivm.augmentation.source_tiles import SourceTiles
from ddlivm.data import AlignedPair, Detections
from ddlivm.data.calibration import Calibration
from ddlivm.detector import build
from ddlivm.detector.load import FCOS, Detector
from ddlivm.detector.normalisation import InfraredRange
from ddlivm.detector.tensors import infrared_tensor, visible_tensor
from ddlivm.errors import InputError
from ddlivm.files import read_json, write_json
from ddlivm.parameters import Adaptation, Thermography
from ddlivm.selection.chain import Chain
from ddlivm.training.batches import PROCESSOR
from ddlivm.training.devices import launch
from ddlivm.training.loop import History, train
from ddlivm.training.statistics import measure_statistics
from ddlivm.training.tuning import JointStep, Tuning

if TYPE_CHECKING:
    from ddlivm.adaptation.backgrounds import Look

EPOCH = "adapted"
HEAD = f"{FCOS}-{EPOCH}"
"""The head of an adapted model."""

ROUND = 10
"""Steps between two looks at the clock, as the training loop's epoch."""

TIMED = 3
"""Steps that are made on a copy to measure the pace; the first of them, which prepares memory, is not timed."""

FEWEST = 5
"""Pictures from which on some can be set aside."""

FEWEST_ANOMALIES = 20
"""Anomalies on the pictures that are set aside from which on the scores are calibrated on them; else on pastes."""

MEASURED = 32
"""Pictures of the flight that batch normalisation's statistics are measured on, at most."""

FORGETTING = 0.1
"""How much lower the F measure on source tiles may be after an adaptation that is kept."""


@dataclass(frozen=True)
class Course:
    """What the training loop is told: `ddlivm.training.loop.Plan`."""

    epochs: int
    warm_up: float
    seed: int
    checkpoint_minutes: float


@dataclass(frozen=True)
class Adapted:
    """An adaptation's result.

    Attributes:
        chain: The chain with the adapted detector and its one head, `HEAD`; the shipped chain where that was no better.
        record: What it cost and changed.
    """

    chain: Chain
    record: AdaptationRecord


def adapt(
    chain: Chain,
    head: str,
    tiles: SourceTiles,
    pairs: Sequence[AlignedPair],
    settings: Adaptation,
    thermography: Thermography,
    minutes: float,
    work: Path,
) -> Adapted:
    """Adapt a head and its encoders to the pairs of one flight.

    Args:
        chain: The shipped chain; it is not changed.
        head: The FCOS head to adapt.
        tiles: The source tiles that travel with the model.
        pairs: The flight's aligned pairs; their pixels do not stay in memory.
        settings: The section.
        thermography: When a region counts as an anomaly.
        minutes: How long to tune; evaluation comes on top.
        work: Scratch that survives a kill; a run that finds its own checkpoint there goes on from it.

    Raises:
        InputError: The head is not an FCOS head, or a loss is not a number.
        Stopped: SIGTERM came; what was learnt is in `work`.
    """
    started = time.monotonic()
    torch.set_num_threads(settings.threads)
    shipped, calibration = _parts(chain, head), chain.calibration(head)
    flight = _backgrounds(chain, head, shipped, pairs, settings, thermography)
    learnt, aside = _split(flight, settings)
    own = [Known.own(entry) for entry in aside]
    agreed = agreement(detect(shipped, own, chain.parameters), own, calibration)
    cutouts = cutouts_of(tiles)
    pasted, sources = _pasted(aside, cutouts, settings), known_tiles(tiles)

    def worths(parts: JointStep) -> list[Worth]:
        """Return what a head can on pasted pictures of the flight, and what it still can on source tiles."""
        found = ((detect(parts, known, chain.parameters), known) for known in (pasted, sources))
        return [best_worth(own, known, settings.beta) for own, known in found]

    before = worths(shipped)
    record = AdaptationRecord(
        kept=False,
        familiar=agreed.recall40 >= thermography.familiar,
        agreement=agreed,
        adapted_from=head,
        minutes=minutes,
        seconds=round(time.monotonic() - started, 1),
        steps=0,
        pairs=len(learnt),
        set_aside=len(aside) if aside is not learnt else 0,
        anomalies=sum(len(entry.known) for entry in learnt),
        seed=settings.seed,
        losses=None,
        flight=Change(before[0], before[0]),
        sources=Change(before[1], before[1]),
        threshold=calibration.threshold,
        false_alarms=None,
    )
    if record.familiar:
        return Adapted(chain, record)
    parts = deepcopy(shipped)
    history = _tune(parts, Views(learnt, cutouts, tiles, settings, ROUND, PROCESSOR), minutes, work)
    if sum(len(picture.sample.boxes) for picture in own) < FEWEST_ANOMALIES:
        own = pasted
    calibration, false_alarms = calibrated(detect(parts, own, chain.parameters), own, calibration, settings)
    after = worths(parts)
    record = replace(
        record,
        kept=_better(before, after, settings.beta),
        seconds=round(time.monotonic() - started, 1),
        steps=len(history) * ROUND,
        losses=_first_and_last(history),
        flight=Change(before[0], after[0]),
        sources=Change(before[1], after[1]),
        threshold=calibration.threshold,
        false_alarms=false_alarms,
    )
    return Adapted(_adapted_chain(chain, parts, calibration) if record.kept else chain, record)


def _tune(parts: JointStep, views: Views, minutes: float, work: Path) -> History:
    """Tune encoders and head in place; return a row per round."""
    settings = views.settings
    _measure(parts, views.backgrounds)
    fabric = launch("32-true")
    views = replace(views, device=fabric.device)

    def tuning(own: JointStep) -> Tuning:
        return Tuning(fabric, own, settings.frozen_stages, settings.encoder_rate, settings, settings.seed, "adaptation")

    epochs = _epochs(work, lambda: _pace(tuning(deepcopy(parts)), views), minutes)
    course = Course(epochs, settings.warm_up, settings.seed, settings.checkpoint_minutes)
    return train(fabric, tuning(parts), views, course, work)


def _parts(chain: Chain, head: str) -> JointStep:
    """Return copies of both encoders, and of an entry's neck and FCOS head."""
    detector = chain.detector
    kind, _, epoch = head.rpartition("-")
    assert isinstance(detector, Detector)
    if kind != FCOS or head not in detector.heads:
        known = [name for name in detector.heads if name.startswith(FCOS)]
        raise InputError(f"head {head!r} cannot be adapted; expected one of {', '.join(known)}")
    entry, joint = detector.entries[epoch], build.joint_head(detector.architecture)
    joint.neck.load_state_dict(entry.neck.state_dict())
    joint.bbox_head.load_state_dict(entry.bbox_head.state_dict())
    return JointStep(deepcopy(detector.infrared), deepcopy(detector.visible), joint.to(detector.device)).eval()


def _backgrounds(
    chain: Chain,
    head: str,
    shipped: JointStep,
    pairs: Sequence[AlignedPair],
    settings: Adaptation,
    thermography: Thermography,
) -> list[Background]:
    look = _look(chain, head, shipped)
    drawn = np.random.default_rng(settings.seed).permutation(len(pairs))[: settings.maximum_pairs]
    backgrounds = []
    for number, index in enumerate(sorted(drawn.tolist()), start=1):
        pair = replace(pairs[index])  # a copy reads the images itself and takes them along when it goes
        panels = chain.panels(pair.raw_visible)
        backgrounds.append(background_of(pair, panels, look, thermography, settings.seed + index))
        if number % max(1, len(drawn) // 4) == 0:
            print(f"adaptation: {number} of {len(drawn)} pairs prepared", flush=True)
    return backgrounds


def _look(chain: Chain, head: str, shipped: JointStep) -> "Look":
    """Return the shipped head's reported detections as a function of a picture."""
    calibration = chain.calibration(head)

    def look(infrared: np.ndarray, visible: np.ndarray, span: float) -> Detections:
        (found,) = detect(shipped, [Known.bare(infrared, visible, span)], chain.parameters)
        return found[found.calibrated(calibration) >= calibration.threshold]

    return look


def _split(flight: list[Background], settings: Adaptation) -> tuple[list[Background], list[Background]]:
    """Return the pictures to learn from and those to calibrate on, evenly over the flight; all for both if few."""
    if len(flight) < FEWEST:
        return flight, flight
    every = max(2, round(1 / settings.set_aside))
    return (
        [entry for index, entry in enumerate(flight) if index % every],
        [entry for index, entry in enumerate(flight) if not index % every],
    )


def _pasted(aside: Sequence[Background], cutouts: Sequence[Cutout], settings: Adaptation) -> list[Known]:
    """Return the pictures that were set aside with pastes that no step has seen: epochs are counted from 1."""
    draws = (np.random.default_rng([settings.seed, 0, index]) for index in range(len(aside)))
    return [
        Known(paste(entry, cutouts, settings.pastes, rng), entry.span, entry.radiometric, entry.panels)
        for entry, rng in zip(aside, draws, strict=True)
    ]


def _first_and_last(history: History) -> tuple[float, float]:
    """Return the mean loss over the first and the last tenth of the steps."""
    losses = [sum(value for key, value in row.items() if key != "epoch") for row in history]
    tenth = max(1, len(losses) // 10)
    return round(sum(losses[:tenth]) / tenth, 4), round(sum(losses[-tenth:]) / tenth, 4)


@torch.no_grad()
def _measure(parts: JointStep, flight: Sequence[Background]) -> None:
    """Let batch normalisation have the flight's statistics: those of the source plants mislead."""
    count = min(len(flight), MEASURED)
    chosen = [flight[index * len(flight) // count] for index in range(count)]
    device = next(parts.parameters()).device
    measure_statistics(
        parts.infrared,
        (
            infrared_tensor(InfraredRange(0.0, entry.span).normalise(entry.infrared)[None]).to(device)
            for entry in chosen
        ),
    )
    measure_statistics(parts.visible, (visible_tensor(entry.visible[None]).to(device) for entry in chosen))


def _epochs(work: Path, pace: Callable[[], float], minutes: float) -> int:
    """Return how many rounds fit in the time, as measured by the run that began."""
    path = work / "plan.json"
    if not path.is_file():
        work.mkdir(parents=True, exist_ok=True)
        write_json(path, {"rounds": max(1, int(60 * minutes / (pace() * ROUND)))})
    return int(read_json(path)["rounds"])


def _pace(tuning: Tuning, views: Views) -> float:
    """Return the seconds that a step takes."""
    tuning.epoch_begins(1, resumed=False)
    batches = views.epoch(1, 0)
    started = time.monotonic()
    for number in range(TIMED):
        if number == 1:
            started = time.monotonic()
        _, batch = next(batches)
        tuning.step(batch, 0.0)
    return (time.monotonic() - started) / (TIMED - 1)


def _better(before: Sequence[Worth], after: Sequence[Worth], beta: float) -> bool:
    """Return whether an adapted head is to be used, from what it is worth on the flight and on the source tiles."""
    flight, sources = ([worths[index].measure(beta) for worths in (before, after)] for index in range(2))
    return flight[1] > flight[0] and sources[1] >= sources[0] - FORGETTING


def _adapted_chain(chain: Chain, parts: JointStep, calibration: Calibration) -> Chain:
    shipped = chain.detector
    assert isinstance(shipped, Detector)
    detector = Detector(shipped.architecture, parts.infrared, parts.visible, {EPOCH: parts.head}, shipped.infrared_only)
    return replace(chain, detector=detector, calibrations={HEAD: calibration})

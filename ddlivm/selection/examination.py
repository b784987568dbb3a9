"""Examine pairs with every head: detect, perturb what was found, detect again (3.3).

With the score `agreement` nothing is perturbed: a detection holds as far as the other heads find it too.

The encoders are shared and the perturbation touches the infrared image only. So a pair costs one pass of the visible
encoder, one of the infrared encoder for the clean image, one more for each distinct perturbed image (heads that found
the same share it), and two of each head.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ddlivm.augmentation.contours import contour_finder
from ddlivm.augmentation.source_defects import SourceDefects
from ddlivm.data import AlignedPair, Detections, load_taxonomy
from ddlivm.parameters import HeadSelection
from ddlivm.selection.agreement import agreements
from ddlivm.selection.choice import Held, Selection, choose
from ddlivm.selection.perturbation import FarthestDefects, Perturbation, Target, targets_of
from ddlivm.selection.robustness import held

MINIMUM_SCORE = 0.05
"""Detections below it are never written."""

Features = Sequence[Any]
"""A pyramid: four maps whose first axis is the batch."""


class HeadBank(Protocol):
    """What selection needs of `ddlivm.detector.load.Detector`."""

    @property
    def references(self) -> tuple[str, ...]:
        """The heads to compare with, never to choose."""

    @property
    def heads(self) -> tuple[str, ...]:
        """The heads to choose from."""

    @property
    def working_size(self) -> tuple[int, int]:
        """(width, height) of the working infrared image."""

    def encode_infrared(self, values: npt.NDArray[np.float32], radiometric: bool) -> Any:
        """Encode (B, h, w) working infrared images to four maps."""

    def encode_visible(self, images: npt.NDArray[np.uint8]) -> Any:
        """Encode (B, 7h/4, 7w/4, 3) working visible images to four maps."""

    def detect(self, head: str, infrared: Any, visible: Any, minimum_score: float = ...) -> list[Detections]:
        """Detect with one head, in the working frame."""

    def detect_untrained(
        self, values: npt.NDArray[np.float32], radiometric: bool, images: npt.NDArray[np.uint8]
    ) -> list[Detections]:
        """Detect with fresh weights, in the working frame."""


@dataclass(frozen=True)
class Trial:
    """How the heads held on one pair.

    Attributes:
        held: head to how far each of its detections held: the IoU before and after, or the agreement with other heads;
            heads without detections are absent.
        images: how many distinct perturbed images the heads shared; 0 where none was needed.
        classes: the classes that were perturbed.
    """

    held: dict[str, Held]
    images: int
    classes: frozenset[int]


@dataclass(frozen=True)
class Examination:
    """What the heads did on one pair.

    Attributes:
        pair: the pair.
        detections: head to its detections on the clean images, working frame, from `MINIMUM_SCORE`.
        trial: how these held; None when that was not tried.
    """

    pair: AlignedPair
    detections: dict[str, Detections]
    trial: Trial | None


@dataclass(frozen=True)
class Examiner:
    """Examines pairs.

    Attributes:
        detector: the encoders and heads.
        perturbation: makes the perturbed images.
        score: how a detection is judged, `paper` or `agreement`.
        score_threshold: detections from here on are judged.
        references: heads to run on the clean images only.
    """

    detector: HeadBank
    perturbation: Perturbation
    score: str
    score_threshold: float
    references: tuple[str, ...] = ()

    def examine(self, pair: AlignedPair, judge: bool) -> Examination:
        """Detect with every head; with `judge`, also see how the detections hold."""
        values, images, radiometric = pair.infrared(), pair.visible()[None], pair.raw_infrared.radiometric
        visible = self.detector.encode_visible(images)
        infrared = self.detector.encode_infrared(values[None], radiometric)
        detections = {
            head: self.detector.detect(head, infrared, visible, MINIMUM_SCORE)[0] for head in self.detector.heads
        }
        sure = {head: found[found.scores >= self.score_threshold] for head, found in detections.items()}
        for head in self.references:
            detections[head] = (
                self.detector.detect_untrained(values[None], radiometric, images)[0]
                if head == "untrained"
                else self.detector.detect(head, infrared, visible, MINIMUM_SCORE)[0]
            )
        if not (judge and any(map(len, sure.values()))):
            return Examination(pair, detections, None)
        if self.score == "agreement":
            return Examination(pair, detections, Trial(agreements(sure), 0, frozenset()))
        targets = {head: targets_of(found, self.detector.working_size) for head, found in sure.items() if len(found)}
        order = {wanted: index for index, wanted in enumerate(dict.fromkeys(targets.values()))}
        perturbed = self._encode(pair, values, tuple(order), radiometric)
        holds: dict[str, Held] = {}
        for head, wanted in targets.items():
            after = self.detector.detect(head, perturbed(order[wanted]), visible, self.score_threshold)[0]
            holds[head] = held(sure[head], after)
        classes = frozenset(target[0] for found in targets.values() for target in found)
        return Examination(pair, detections, Trial(holds, len(order), classes))

    def _encode(
        self,
        pair: AlignedPair,
        values: npt.NDArray[np.float32],
        wanted: Sequence[tuple[Target, ...]],
        radiometric: bool,
    ) -> Callable[[int], Features]:
        """Encode the distinct perturbed images in one batch; return what gives one image's maps."""
        features = self.detector.encode_infrared(self.perturbation.perturb(pair, values, wanted), radiometric)
        return lambda index: tuple(level[index : index + 1] for level in features)


def examine_pairs(
    detector: HeadBank,
    pairs: Sequence[AlignedPair],
    source_defects: SourceDefects,
    parameters: HeadSelection,
    references: tuple[str, ...] = (),
) -> Iterator[Examination]:
    """Examine pairs one after the other, in an order that depends on the seed and their number alone.

    With the paper's score, only the first `maximum_pairs` pairs on which a head found something are perturbed, and
    none if the bank is empty. Of a pair nothing is kept once the next one is asked for, so memory does not grow with
    their number.

    Args:
        detector: the encoders and heads.
        pairs: unlabelled pairs of the target.
        source_defects: the bank to perturb with.
        parameters: the stage's section.
        references: heads to run on the clean images only.
    """
    perturbation = Perturbation(
        farthest=FarthestDefects(source_defects),
        finder=contour_finder(parameters.sam_checkpoint),
        window=parameters.window,
        seed=parameters.seed,
    )
    examiner = Examiner(detector, perturbation, parameters.score, parameters.score_threshold, references)
    left = parameters.maximum_pairs if parameters.score == "paper" and parameters.maximum_pairs else len(pairs)
    if parameters.score == "paper" and not len(source_defects):
        left = 0  # nothing to paste
    for index in np.random.default_rng(parameters.seed).permutation(len(pairs)):
        # A copy reads the images itself and takes them along when it goes.
        examination = examiner.examine(replace(pairs[index]), judge=left > 0)
        left -= examination.trial is not None
        yield examination


def choose_head(
    detector: HeadBank, pairs: Sequence[AlignedPair], source_defects: SourceDefects, parameters: HeadSelection
) -> Selection:
    """Choose the head whose detections on unlabelled pairs of one plant hold best.

    Args:
        detector: the encoders and heads.
        pairs: unlabelled pairs of the plant.
        source_defects: the bank to perturb with.
        parameters: `head_selection`'s section.
    """
    trials = [entry.trial for entry in examine_pairs(detector, pairs, source_defects, parameters)]
    return decide(detector.heads, trials, source_defects, parameters)


def decide(
    heads: Sequence[str],
    trials: Sequence[Trial | None],
    source_defects: SourceDefects,
    parameters: HeadSelection,
) -> Selection:
    """Choose from how the heads held; None stands for a pair on which that was not tried."""
    tried = [trial for trial in trials if trial is not None]
    selection = choose(heads, [trial.held for trial in tried], parameters.resamples, parameters.seed)
    if parameters.score == "agreement":
        alone = (f"{heads[0]} is the only head, which agrees with nobody: it stands",)
        return selection if len(heads) > 1 else replace(selection, notes=alone)
    if not len(source_defects):
        note = "the source bank is empty, so nothing was perturbed: the last FCOS head stands"
        return replace(selection, chosen=selection.default, tie=True, notes=(note,))
    farthest, types = FarthestDefects(source_defects), load_taxonomy().types
    stand_in = {"shape": "defects of its shape group", "any": "defects of any type"}
    missing = sorted({kind for trial in tried for kind in trial.classes if farthest.substitute(kind) != "type"})
    notes = tuple(
        f"no source defect of type {types[kind].name}: {stand_in[farthest.substitute(kind)]} stood in"
        for kind in missing
    )
    return replace(selection, notes=(*selection.notes, *notes))

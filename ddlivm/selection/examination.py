"""Examine pairs with every head: detect, perturb what was found, detect again (3.3).

With the score `agreement` nothing is perturbed: a detection holds as far as the other heads find it too.

The encoders are shared and the perturbation touches the infrared image only. So a pair costs one pass of the segmenter
and of the visible encoder, one of the infrared encoder for the clean image, one more for each distinct perturbed image
(heads that found the same share it), and two of each head.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ddlivm.augmentation.contours import contour_finder
from ddlivm.augmentation.source_defects import SourceDefects
from ddlivm.data import AlignedPair, Detections, load_taxonomy
from ddlivm.parameters import HeadSelection
from ddlivm.selection.agreement import agreements
from ddlivm.selection.chain import Chain, Features, View
from ddlivm.selection.choice import Held, Selection, choose
from ddlivm.selection.perturbation import FarthestDefects, Perturbation, Target, targets_of
from ddlivm.selection.robustness import held


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
        detections: head to its detections on the clean images, as the chain gives them, in the working frame.
        trial: how these held; None when that was not tried.
    """

    pair: AlignedPair
    detections: dict[str, Detections]
    trial: Trial | None


@dataclass(frozen=True)
class Examiner:
    """Examines pairs.

    Attributes:
        chain: from a pair to its detections; those from their head's threshold on are judged.
        perturbation: makes the perturbed images.
        score: how a detection is judged, `paper` or `agreement`.
        references: heads to run on the clean images only.
    """

    chain: Chain
    perturbation: Perturbation
    score: str
    references: tuple[str, ...] = ()

    def examine(self, pair: AlignedPair, judge: bool) -> Examination:
        """Detect with every head; with `judge`, also see how the detections hold."""
        view = self.chain.see(pair)
        heads = self.chain.detector.heads
        detections = {head: self.chain.detect(head, view).on_panels for head in (*heads, *self.references)}
        sure = {head: self._reported(head, detections[head]) for head in heads}
        if not (judge and any(map(len, sure.values()))):
            return Examination(pair, detections, None)
        if self.score == "agreement":
            return Examination(pair, detections, Trial(agreements(sure), 0, frozenset()))
        size = self.chain.detector.working_size
        targets = {head: targets_of(found, size) for head, found in sure.items() if len(found)}
        order = {wanted: index for index, wanted in enumerate(dict.fromkeys(targets.values()))}
        perturbed = self._encode(view, tuple(order))
        holds: dict[str, Held] = {}
        for head, wanted in targets.items():
            after = self.chain.detect(head, view, perturbed(order[wanted])).on_panels
            holds[head] = held(sure[head], self._reported(head, after))
        classes = frozenset(target[0] for found in targets.values() for target in found)
        return Examination(pair, detections, Trial(holds, len(order), classes))

    def _reported(self, head: str, found: Detections) -> Detections:
        return found[found.scores >= self.chain.calibration(head).threshold]

    def _encode(self, view: View, wanted: Sequence[tuple[Target, ...]]) -> Callable[[int], Features]:
        """Encode the distinct perturbed images in one batch; return what gives one image's maps."""
        radiometric = view.pair.raw_infrared.radiometric
        images = self.perturbation.perturb(view.pair, view.values, wanted)
        features = self.chain.detector.encode_infrared(images, radiometric)
        return lambda index: tuple(level[index : index + 1] for level in features)


def examine_pairs(
    chain: Chain,
    pairs: Sequence[AlignedPair],
    source_defects: SourceDefects,
    references: tuple[str, ...] = (),
    all_pairs: bool = True,
) -> Iterator[Examination]:
    """Examine pairs one after the other, in an order that depends on the seed and their number alone.

    With the paper's score, at most `maximum_pairs` pairs on which a head found something are perturbed, out of the
    first `2 * maximum_pairs`, and none if the bank is empty. Of a pair nothing is kept once the next one is asked for,
    so memory does not grow with their number.

    Args:
        chain: the chain, whose parameters are the stage's section.
        pairs: unlabelled pairs of the target.
        source_defects: the bank to perturb with.
        references: heads to run on the clean images only.
        all_pairs: whether pairs that cannot be perturbed any more are examined too.
    """
    parameters = chain.parameters
    perturbation = Perturbation(
        farthest=FarthestDefects(source_defects),
        finder=contour_finder(parameters.sam_checkpoint),
        window=parameters.window,
        seed=parameters.seed,
    )
    examiner = Examiner(chain, perturbation, parameters.score, references)
    left, tried = len(pairs), len(pairs)
    if parameters.score == "paper" and parameters.maximum_pairs:
        left, tried = parameters.maximum_pairs, 2 * parameters.maximum_pairs
    if parameters.score == "paper" and not len(source_defects):
        tried = 0  # nothing to paste
    for place, index in enumerate(np.random.default_rng(parameters.seed).permutation(len(pairs))):
        judge = left > 0 and place < tried
        if not judge and not all_pairs:
            return
        # A copy reads the images itself and takes them along when it goes.
        examination = examiner.examine(replace(pairs[index]), judge)
        left -= examination.trial is not None
        yield examination


def choose_head(chain: Chain, pairs: Sequence[AlignedPair], source_defects: SourceDefects) -> Selection:
    """Choose the head whose detections on unlabelled pairs of one plant hold best, as the stage does.

    Args:
        chain: the chain, whose parameters are the stage's section.
        pairs: unlabelled pairs of the plant.
        source_defects: the bank to perturb with.
    """
    trials = [entry.trial for entry in examine_pairs(chain, pairs, source_defects, all_pairs=False)]
    return decide(chain.detector.heads, trials, source_defects, chain.parameters)


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

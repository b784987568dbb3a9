"""Inspect the pairs of one plant: segment, align, choose a head, detect."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from ddlivm.data import AlignedPair, Detections, Pair, PairAlignment
from ddlivm.errors import InputError
from ddlivm.inspection.folder import Rejected
from ddlivm.inspection.inspection import HeadChoice, InspectedPair, Inspection
from ddlivm.inspection.model import ShippedModel
from ddlivm.inspection.place import read_place
from ddlivm.parameters import Alignment, HeadSelection

if TYPE_CHECKING:
    from ddlivm.augmentation.source_defects import SourceDefects
    from ddlivm.selection.examination import HeadBank

ALIGNMENT = Alignment(method="paper", erosion=5, minimum_area=0.01, candidate_widths=3)
"""The paper's."""
SELECTION = HeadSelection(
    window=50, score_threshold=0.3, maximum_pairs=16, resamples=1000, sam_checkpoint=None, threads=2, seed=0
)
"""The paper's, on so many pairs that a choice takes a minute or two on two cores."""
DEFAULT, SELECT = "default", "select"
Masks = tuple[str, npt.NDArray[np.float32], npt.NDArray[np.float32]]
"""A pair's name, and the panels' probability in its raw infrared and raw visible image, each (H, W)."""
Aligner = Callable[[Iterable[Masks]], tuple[PairAlignment, Mapping[str, PairAlignment]]]
Sink = Callable[[InspectedPair, AlignedPair], None]


class PanelSegmenter(Protocol):
    """What an inspection needs of `ddlivm.segmentation`'s segmenter."""

    def panel_probability(self, image: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return (H, W) in [0, 1] for an infrared (H, W) or a visible (H, W, 3) image."""


@dataclass(frozen=True)
class Inspector:
    """A loaded model.

    Attributes:
        segmenter: finds panels.
        align: finds the transforms of one plant's pairs.
        detector: the encoders and heads.
        default: the head that is used unless another is asked for.
        source_defects: loads what is pasted to select a head.
    """

    segmenter: PanelSegmenter
    align: Aligner
    detector: "HeadBank"
    default: str
    source_defects: "Callable[[], SourceDefects]"

    @classmethod
    def load(cls, model: ShippedModel) -> Self:
        """Load a model's weights.

        Raises:
            InputError: a file is damaged.
        """
        from ddlivm.alignment import align_pairs
        from ddlivm.augmentation.source_defects import SourceDefects
        from ddlivm.detector.load import load_detector
        from ddlivm.segmentation import load_segmenter

        return cls(
            segmenter=load_segmenter(model.segmenter),
            align=lambda masks: align_pairs(masks, ALIGNMENT),
            detector=load_detector(model.encoders, model.bank),
            default=model.card.default,
            source_defects=lambda: SourceDefects.load(model.defects),
        )

    def inspect(
        self,
        pairs: Sequence[Pair],
        score: float = 0.3,
        head: str = DEFAULT,
        sink: Sink | None = None,
        reject: Callable[[Rejected], None] | None = None,
    ) -> Inspection:
        """Inspect one plant.

        Args:
            pairs: its pairs; one that cannot be read is left out.
            score: detections below it are left out.
            head: `default`, `select`, or a head's name.
            sink: is given each inspected pair with its pixels, while they are in memory.
            reject: is given each pair that is left out.

        Raises:
            InputError: no such head, or no pair can be used.
        """
        self._check_head(head)
        rejected: list[Rejected] = []

        def leave_out(entry: Rejected) -> None:
            rejected.append(entry)
            if reject is not None:
                reject(entry)

        site, alignments = self.align(self._masks(pairs, leave_out))
        usable = [pair for pair in pairs if pair.name in alignments]
        if not usable:
            raise InputError("no pair could be used; see the reasons above")
        aligned = [AlignedPair(pair, alignments[pair.name].transform, self.detector.working_size) for pair in usable]
        choice = self._choose(head, aligned)
        inspected = []
        for pair in aligned:
            # A copy keeps its images no longer than its turn.
            turn = AlignedPair(pair.pair, pair.transform, pair.working_size)
            found = self._detect(turn, choice.head, score, alignments[pair.pair.name])
            inspected.append(found)
            if sink is not None:
                sink(found, turn)
        return Inspection(tuple(inspected), tuple(rejected), site, choice, score)

    def _check_head(self, head: str) -> None:
        known = (DEFAULT, SELECT, *self.detector.heads)
        if head not in known:
            raise InputError(f"head {head!r} is not in the model; expected one of {', '.join(known)}")

    def _masks(self, pairs: Sequence[Pair], leave_out: Callable[[Rejected], None]) -> Iterator[Masks]:
        """Segment the pairs one after the other; what cannot be read is left out."""
        for number, pair in enumerate(pairs, start=1):
            bad = False
            images: list[npt.NDArray[Any]] = []
            for path, read in (
                (pair.infrared_path, lambda pair: pair.read_infrared().values),
                (pair.visible_path, lambda pair: pair.read_visible()),
            ):
                try:
                    images.append(read(pair))
                except InputError as error:
                    bad = True
                    leave_out(Rejected(path, f"{error}; pair {pair.name} is left out"))
            if not bad:
                infrared, visible = map(self.segmenter.panel_probability, images)
                yield pair.name, infrared, visible
            _progress("panels", number, len(pairs))

    def _choose(self, head: str, pairs: Sequence[AlignedPair]) -> HeadChoice:
        if head == DEFAULT:
            return HeadChoice(self.default, "default", {})
        if head != SELECT:
            return HeadChoice(head, "named", {})
        from ddlivm.selection.examination import choose_head

        step = max(1, len(pairs) // (2 * (SELECTION.maximum_pairs or len(pairs))))
        print(f"selecting a head on {len(pairs[::step])} of {len(pairs)} pairs", flush=True)
        selection = choose_head(self.detector, pairs[::step], self.source_defects(), SELECTION)
        scores = {candidate.head: candidate.score for candidate in selection.candidates}
        return HeadChoice(selection.chosen, "selected", scores, selection.notes)

    def _detect(self, pair: AlignedPair, head: str, score: float, alignment: PairAlignment) -> InspectedPair:
        raw = pair.raw_infrared
        infrared = self.detector.encode_infrared(pair.infrared()[None], raw.radiometric)
        visible = self.detector.encode_visible(pair.visible()[None])
        found = pair.frame.detections_to_raw(self.detector.detect(head, infrared, visible, score)[0])
        return InspectedPair(
            pair=pair.pair,
            size=(raw.values.shape[1], raw.values.shape[0]),
            common=pair.frame.crop,
            alignment=alignment,
            detections=_best_first(found),
            place=read_place(pair.pair.infrared_path, pair.pair.visible_path),
        )


def _best_first(detections: Detections) -> Detections:
    return detections[np.argsort(-detections.scores, kind="stable")]


def _progress(what: str, done: int, total: int) -> None:
    if done % max(1, total // 10) == 0 or done == total:
        print(f"{what}: {done} of {total} pairs", flush=True)

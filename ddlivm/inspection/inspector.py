"""Inspect the pairs of one plant: read, align, choose a head, detect."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

import numpy as np
import numpy.typing as npt

from ddlivm.data import AlignedPair, Detections, Pair, PairAlignment
from ddlivm.errors import InputError
from ddlivm.inspection.folder import Rejected
from ddlivm.inspection.inspection import HeadChoice, InspectedPair, Inspection
from ddlivm.inspection.model import ShippedModel
from ddlivm.inspection.panels import on_panels
from ddlivm.inspection.place import read_place
from ddlivm.inspection.settings import load_settings

if TYPE_CHECKING:
    from ddlivm.alignment import PairEvidence
    from ddlivm.augmentation.source_defects import SourceDefects
    from ddlivm.segmentation import Segmenter
    from ddlivm.selection.examination import HeadBank

Image = TypeVar("Image", npt.NDArray[np.float32], npt.NDArray[np.uint8])
NONE_LEFT = "no pair could be used; see the reasons above"
DEFAULT, SELECT = "default", "select"
Images = tuple[Pair, npt.NDArray[np.float32], npt.NDArray[np.uint8]]
"""A pair, its raw infrared image (H, W), °C or grey levels, and its raw visible image (H, W, 3) RGB."""
Aligner = Callable[[Iterable[Images]], tuple[PairAlignment, Mapping[str, PairAlignment]]]
Sink = Callable[[InspectedPair, AlignedPair], None]


@dataclass(frozen=True)
class Inspector:
    """A loaded model.

    Attributes:
        align: finds the transforms of one plant's pairs.
        panels: panel probability over a raw visible image (H, W, 3), at any size; detections off the panels are left
            out.
        detector: the encoders and heads.
        default: the head that the model's gate has judged.
        source_defects: loads what is pasted to select a head.
    """

    align: Aligner
    panels: Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]
    detector: "HeadBank"
    default: str
    source_defects: "Callable[[], SourceDefects]"

    @classmethod
    def load(cls, model: ShippedModel) -> Self:
        """Load a model's weights.

        Raises:
            InputError: a file is damaged.
        """
        from ddlivm.augmentation.source_defects import SourceDefects
        from ddlivm.detector.load import load_detector
        from ddlivm.segmentation import load_segmenter

        segmenter = load_segmenter(model.segmenter)
        return cls(
            align=_by_panels(segmenter),
            panels=lambda visible: segmenter.small_probabilities([visible])[0],
            detector=load_detector(model.encoders, model.bank),
            default=model.card.default,
            source_defects=lambda: SourceDefects.load(model.defects),
        )

    def inspect(
        self,
        pairs: Sequence[Pair],
        score: float = 0.3,
        head: str = SELECT,
        sink: Sink | None = None,
        reject: Callable[[Rejected], None] | None = None,
    ) -> Inspection:
        """Inspect one plant.

        Args:
            pairs: its pairs; one that cannot be read is left out.
            score: detections below it are left out.
            head: `select` on these pairs, `default`, or a head's name.
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

        site, alignments = self.align(_readable(pairs, leave_out))
        usable = [pair for pair in pairs if pair.name in alignments]
        if not usable:
            raise InputError(NONE_LEFT)
        aligned = [AlignedPair(pair, alignments[pair.name].transform, self.detector.working_size) for pair in usable]
        choice = self._choose(head, aligned)
        inspected = []
        for number, pair in enumerate(aligned, start=1):
            # A copy keeps its images no longer than its turn.
            turn = AlignedPair(pair.pair, pair.transform, pair.working_size)
            found = self._detect(turn, choice.head, score, alignments[pair.pair.name])
            inspected.append(found)
            if sink is not None:
                sink(found, turn)
            _progress("detection", number, len(aligned))
        return Inspection(tuple(inspected), tuple(rejected), site, choice, score)

    def _check_head(self, head: str) -> None:
        known = (DEFAULT, SELECT, *self.detector.heads)
        if head not in known:
            raise InputError(f"head {head!r} is not in the model; expected one of {', '.join(known)}")

    def _choose(self, head: str, pairs: Sequence[AlignedPair]) -> HeadChoice:
        if head == DEFAULT:
            return HeadChoice(self.default, "default")
        if head != SELECT:
            return HeadChoice(head, "named")
        from ddlivm.selection.examination import choose_head

        settings = load_settings().head_selection
        step = max(1, len(pairs) // (2 * (settings.maximum_pairs or len(pairs))))
        print(f"selecting a head on {len(pairs[::step])} of {len(pairs)} pairs", flush=True)
        selection = choose_head(self.detector, pairs[::step], self.source_defects(), settings)
        return HeadChoice(selection.chosen, "selected", selection.candidates, selection.notes)

    def _detect(self, pair: AlignedPair, head: str, score: float, alignment: PairAlignment) -> InspectedPair:
        raw = pair.raw_infrared
        infrared = self.detector.encode_infrared(pair.infrared()[None], raw.radiometric)
        visible = self.detector.encode_visible(pair.visible()[None])
        found = pair.frame.detections_to_raw(self.detector.detect(head, infrared, visible, score)[0])
        height, width = pair.raw_visible.shape[:2]
        kept = on_panels(found.boxes, self.panels(pair.raw_visible), (width, height), pair.transform)
        return InspectedPair(
            pair=pair.pair,
            size=(raw.values.shape[1], raw.values.shape[0]),
            common=pair.frame.crop,
            alignment=alignment,
            detections=_best_first(found[kept]),
            off_panels=int((~kept).sum()),
            place=read_place(pair.pair.infrared_path, pair.pair.visible_path),
        )


def _readable(pairs: Sequence[Pair], leave_out: Callable[[Rejected], None]) -> Iterator[Images]:
    """Read the pairs one after the other; what cannot be read is left out, both its files looked at."""
    for number, pair in enumerate(pairs, start=1):
        infrared = _read(pair, pair.infrared_path, lambda pair: pair.read_infrared().values, leave_out)
        visible = _read(pair, pair.visible_path, lambda pair: pair.read_visible(), leave_out)
        if infrared is not None and visible is not None:
            yield pair, infrared, visible
        _progress("panels", number, len(pairs))


def _read(pair: Pair, path: Path, read: Callable[[Pair], Image], leave_out: Callable[[Rejected], None]) -> Image | None:
    try:
        return read(pair)
    except InputError as error:
        leave_out(Rejected(path, f"{error}; pair {pair.name} is left out"))
        return None


def _by_panels(segmenter: "Segmenter") -> Aligner:
    """Return what aligns pairs by their panels; of a few pairs the evidence is kept, of none the images."""
    from ddlivm.alignment import align_pairs, gather

    settings = load_settings().alignment

    def evidence_of(pair: Pair, infrared: npt.NDArray[np.float32], visible: npt.NDArray[np.uint8]) -> "PairEvidence":
        infrared_mask, visible_mask = segmenter.small_probabilities([infrared, visible])
        return gather(pair.name, infrared, visible, infrared_mask, visible_mask, pair.width_share)

    def align(pairs: Iterable[Images]) -> tuple[PairAlignment, Mapping[str, PairAlignment]]:
        evidence = (evidence_of(*images) for images in pairs)
        first = next(evidence, None)
        if first is None:
            raise InputError(NONE_LEFT)
        return align_pairs(chain([first], evidence), settings)

    return align


def _best_first(detections: Detections) -> Detections:
    return detections[np.argsort(-detections.scores, kind="stable")]


def _progress(what: str, done: int, total: int) -> None:
    if done % max(1, total // 10) == 0 or done == total:
        print(f"{what}: {done} of {total} pairs", flush=True)

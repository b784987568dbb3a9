"""Inspect the pairs of one plant: read, align, choose a head, detect, and report what stays unexplained."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

import numpy as np
import numpy.typing as npt

from ddlivm.data import AlignedPair, Pair, PairAlignment
from ddlivm.errors import InputError
from ddlivm.inspection.adaptation import Adapter
from ddlivm.inspection.folder import Rejected
from ddlivm.inspection.inspection import HeadChoice, InspectedPair, Inspection
from ddlivm.inspection.model import ShippedModel
from ddlivm.inspection.place import read_place
from ddlivm.inspection.thresholds import Thresholds
from ddlivm.parameters import Alignment, Thermography
from ddlivm.thermography import find_anomalies, pair_excess

if TYPE_CHECKING:
    from ddlivm.alignment import PairEvidence
    from ddlivm.augmentation.source_defects import SourceDefects
    from ddlivm.segmentation import Segmenter
    from ddlivm.selection.chain import Chain

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
        chain: from a pair to its detections, as it was judged.
        default: the head that is used where none can be selected.
        source_defects: loads what is pasted to select a head.
        thermography: When a hot region counts as an anomaly.
    """

    align: Aligner
    chain: "Chain"
    default: str
    source_defects: "Callable[[], SourceDefects]"
    thermography: Thermography

    @classmethod
    def load(cls, model: ShippedModel) -> Self:
        """Load a model's weights.

        Raises:
            InputError: a file is damaged.
        """
        from ddlivm.augmentation.source_defects import SourceDefects
        from ddlivm.detector.load import load_detector
        from ddlivm.segmentation import load_segmenter
        from ddlivm.selection.chain import Chain

        segmenter, settings = load_segmenter(model.segmenter), model.card.settings
        return cls(
            align=_by_panels(segmenter, settings.alignment),
            chain=Chain(
                detector=load_detector(model.encoders, model.bank),
                panels=lambda visible: segmenter.small_probabilities([visible])[0],
                parameters=settings.head_selection,
                calibrations=model.card.calibrations,
            ),
            default=model.card.default,
            source_defects=lambda: SourceDefects.load(model.defects),
            thermography=settings.thermography,
        )

    def inspect(
        self,
        pairs: Sequence[Pair],
        score: float | None = None,
        head: str = SELECT,
        sink: Sink | None = None,
        reject: Callable[[Rejected], None] | None = None,
        adapter: Adapter | None = None,
    ) -> Inspection:
        """Inspect one plant.

        Args:
            pairs: its pairs; one that cannot be read is left out.
            score: detections below it are left out; None for the threshold that ships with the head, and a lower one
                at anomalies on a flight that the head does not know.
            head: `select` on these pairs, `default`, or a head's name.
            sink: is given each inspected pair, and its pixels to read.
            reject: is given each pair that is left out.
            adapter: Adapts the head to these pairs first, the default one unless one is named; None detects with the
                head as it shipped.

        Raises:
            InputError: no such head, or no pair can be used.
        """
        self._check_head(head)
        rejected: list[Rejected] = []

        def leave_out(entry: Rejected) -> None:
            rejected.append(entry)
            if reject is not None:
                reject(entry)

        site, alignments, aligned = self.align_pairs(pairs, leave_out)
        judge, choice, record = self, None, None
        if adapter is not None:
            base = self.default if head in (DEFAULT, SELECT) else head
            chain, chosen, record = adapter.adapt(self.chain, base, aligned)
            if record.kept:
                judge, choice = replace(self, chain=chain), HeadChoice(chosen, "adapted")
        choice = choice or self._choose(head, aligned)
        thresholds, inspected = judge.detect(aligned, alignments, choice.head, score)
        if sink is not None:
            for found, pair in zip(inspected, aligned, strict=True):
                sink(found, replace(pair))
        return Inspection(inspected, tuple(rejected), site, choice, thresholds, self.thermography, record)

    def detect(
        self,
        pairs: Sequence[AlignedPair],
        alignments: Mapping[str, PairAlignment],
        head: str,
        score: float | None = None,
    ) -> tuple[Thresholds, tuple[InspectedPair, ...]]:
        """Detect on one plant's aligned pairs, and choose what of it is reported.

        Args:
            pairs: The pairs; their pixels do not stay in memory.
            alignments: Each pair's alignment, by name.
            head: Its name.
            score: As in `inspect`.
        """
        calibration = self.chain.calibration(head)
        shipped = calibration.threshold if score is None else score
        seen = []
        for number, pair in enumerate(pairs, start=1):
            # A copy keeps its images no longer than its turn.
            seen.append(self._see(replace(pair), head, shipped, alignments[pair.pair.name]))
            _progress("detection", number, len(pairs))
        if score is not None:
            thresholds = Thresholds(score, score)
        else:
            # An adapted head is calibrated on what thermography reports: its threshold is for the places without.
            familiar = None if calibration.any_type else self.thermography.familiar
            thresholds = Thresholds.of(seen, shipped, familiar)
        return thresholds, tuple(map(thresholds.reported, seen))

    def align_pairs(
        self, pairs: Sequence[Pair], leave_out: Callable[[Rejected], None]
    ) -> tuple[PairAlignment, Mapping[str, PairAlignment], list[AlignedPair]]:
        """Align one plant's pairs.

        Args:
            pairs: its pairs.
            leave_out: is given each pair that cannot be read.

        Returns:
            The plant's alignment, each pair's by name, and the aligned pairs.

        Raises:
            InputError: no pair can be used.
        """
        site, alignments = self.align(_readable(pairs, leave_out))
        usable = [pair for pair in pairs if pair.name in alignments]
        if not usable:
            raise InputError(NONE_LEFT)
        size = self.chain.detector.working_size
        return site, alignments, [AlignedPair(pair, alignments[pair.name].transform, size) for pair in usable]

    def _check_head(self, head: str) -> None:
        known = (DEFAULT, SELECT, *self.chain.detector.heads)
        if head not in known:
            raise InputError(f"head {head!r} is not in the model; expected one of {', '.join(known)}")

    def _choose(self, head: str, pairs: Sequence[AlignedPair]) -> HeadChoice:
        if head == DEFAULT:
            return HeadChoice(self.default, "default")
        if head != SELECT:
            return HeadChoice(head, "named")
        from ddlivm.selection.examination import choose_head

        print("selecting a head on these pairs", flush=True)
        selection = choose_head(self.chain, pairs, self.source_defects())
        return HeadChoice(selection.chosen, "selected", selection.candidates, selection.notes)

    def _see(self, pair: AlignedPair, head: str, threshold: float, alignment: PairAlignment) -> InspectedPair:
        """Return a pair with every detection on panels and every anomaly; what is reported is not yet known."""
        raw = pair.raw_infrared
        size = (raw.values.shape[1], raw.values.shape[0])
        view = self.chain.see(pair)
        found = self.chain.detect(head, view)
        compared = view.excess
        if compared is None:
            compared = pair_excess(pair, self.chain.panels(pair.raw_visible))
        return InspectedPair(
            pair=pair.pair,
            size=size,
            common=pair.frame.crop,
            alignment=alignment,
            detections=pair.frame.detections_to_raw(found.on_panels),
            anomalies=find_anomalies(compared, self.thermography),
            panel_share=float(compared.panels.mean()),
            off_panels=int((found.beside.scores >= threshold).sum()),
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


def _by_panels(segmenter: "Segmenter", settings: Alignment) -> Aligner:
    """Return what aligns pairs by their panels; of a few pairs the evidence is kept, of none the images."""
    from ddlivm.alignment import align_pairs, gather

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


def _progress(what: str, done: int, total: int) -> None:
    if done % max(1, total // 10) == 0 or done == total:
        print(f"{what}: {done} of {total} pairs", flush=True)

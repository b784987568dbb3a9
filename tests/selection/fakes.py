"""A detector whose heads are plain functions of the infrared image, so that the right choice is known."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from ddlivm.augmentation.source_defects import SourceDefect, SourceDefects
from ddlivm.data import AlignedPair, Detections, Pair, TemperatureScale, Transform, load_taxonomy
from ddlivm.data.calibration import Calibration
from ddlivm.parameters import HeadSelection
from ddlivm.selection.chain import Chain, Panels

WIDTH, HEIGHT = 320, 256
SPOTS = [(60, 60, 76, 72), (200, 150, 212, 164)]
DIRTY = load_taxonomy().index("dirty")
PARAMETERS = HeadSelection(
    score="paper",
    window=50,
    score_threshold=0.3,
    duplicate_overlap=0.4,
    panel_share=0.3,
    maximum_pairs=None,
    resamples=200,
    sam_checkpoint=None,
    threads=2,
    seed=0,
)
Head = Callable[[npt.NDArray[np.float32]], Detections]


class FakeDetector:
    """Its features are the images; it counts what it encodes."""

    references = ("untrained", "infrared_only")
    working_size = (WIDTH, HEIGHT)

    def __init__(self, heads: Mapping[str, Head]) -> None:
        self._heads = heads
        self.encoded = {"infrared": 0, "visible": 0}

    @property
    def heads(self) -> tuple[str, ...]:
        return tuple(self._heads)

    def encode_infrared(self, values: npt.NDArray[np.float32], radiometric: bool) -> Any:
        self.encoded["infrared"] += len(values)
        return (values,) * 4

    def encode_visible(self, images: npt.NDArray[np.uint8]) -> Any:
        self.encoded["visible"] += len(images)
        return (images,) * 4

    def detect(self, head: str, infrared: Any, visible: Any, minimum_score: float = 0.05) -> list[Detections]:
        found = self._heads.get(head, finds_nothing)
        results = [found(values) for values in infrared[0]]
        return [result[result.scores >= minimum_score] for result in results]

    def detect_untrained(
        self, values: npt.NDArray[np.float32], radiometric: bool, images: npt.NDArray[np.uint8]
    ) -> list[Detections]:
        return [Detections.of([[1, 2, 3, 4]], [0.06], [0]) for _ in values]


def panels_everywhere(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    return np.ones((4, 4), np.float32)


def chain_of(
    detector: FakeDetector,
    panels: Panels = panels_everywhere,
    calibrations: Mapping[str, Calibration] | None = None,
    **changed: Any,
) -> Chain:
    """The chain around a detector, with some of the parameters changed."""
    return Chain(detector, panels, PARAMETERS.model_copy(update=changed), calibrations or {})


def finds_nothing(values: npt.NDArray[np.float32]) -> Detections:
    return Detections.empty()


def robust(values: npt.NDArray[np.float32]) -> Detections:
    """Finds each spot, whatever is beside it."""
    hot = [spot for spot in SPOTS if values[spot[1] : spot[3], spot[0] : spot[2]].mean() > 40]
    return Detections.of(hot, np.full(len(hot), 0.9), np.full(len(hot), DIRTY))


def fragile(values: npt.NDArray[np.float32]) -> Detections:
    """Bounds all that is hot around each spot, so that a pasted defect spoils its box."""
    boxes = []
    for x0, y0, x1, y1 in SPOTS:
        top, left = y0 - 40, x0 - 40
        ys, xs = np.nonzero(values[top : y1 + 40, left : x1 + 40] > 40)
        if len(xs):
            boxes.append([left + xs.min(), top + ys.min(), left + xs.max() + 1, top + ys.max() + 1])
    return Detections.of(boxes, np.full(len(boxes), 0.8), np.full(len(boxes), DIRTY))


def frugal(values: npt.NDArray[np.float32]) -> Detections:
    """Holds perfectly on the one thing that it ever finds, in the brightest pair only."""
    return robust(values)[:1] if values[0, 0] > 31 else Detections.empty()


def inventive(values: npt.NDArray[np.float32]) -> Detections:
    """As `robust`, and as many again that are not there."""
    found = robust(values)
    boxes = np.concatenate([found.boxes, found.boxes + 30])
    return Detections.of(boxes, np.full(len(boxes), 0.9), np.full(len(boxes), DIRTY))


def unsure(values: npt.NDArray[np.float32]) -> Detections:
    """As `robust`, below the score threshold."""
    found = robust(values)
    return Detections(found.boxes, np.full(len(found), 0.1, np.float32), found.classes)


def write_pairs(folder: Path, count: int) -> list[Pair]:
    """Write pairs with the two spots at 60 °C on 30 °C; the first is 2 K warmer."""
    for part in ("infrared", "visible"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    scale, pairs = TemperatureScale(0.01, -273.15), []
    for index in range(count):
        celsius = np.full((HEIGHT, WIDTH), 32.0 if index == 0 else 30.0)
        for x0, y0, x1, y1 in SPOTS:
            celsius[y0:y1, x0:x1] = 60
        infrared, visible = folder / "infrared" / f"p{index}.png", folder / "visible" / f"p{index}.png"
        cv2.imwrite(str(infrared), np.rint((celsius + 273.15) * 100).astype(np.uint16))
        cv2.imwrite(str(visible), np.full((448, 560, 3), 120, np.uint8))
        pairs.append(Pair("site5", f"p{index}", infrared, visible, scale))
    return pairs


def aligned(pairs: Sequence[Pair]) -> list[AlignedPair]:
    return [AlignedPair(pair, Transform(1.75, 0, 0), (WIDTH, HEIGHT)) for pair in pairs]


def source_defect(
    kind: int = DIRTY,
    size: tuple[int, int] = (14, 12),
    shares: tuple[float, float] = (0.5, 0.7),
    annotation: int = 1,
    excess: float = 25,
    radiometric: bool = True,
) -> SourceDefect:
    width, height = size
    return SourceDefect(
        site="site1",
        pair="s",
        annotation=annotation,
        kind=kind,
        box=(0, 0, width, height),
        area_share=shares[0],
        perimeter_share=shares[1],
        excess=np.full((height, width), excess, np.float32),
        mask=np.ones((height, width), dtype=bool),
        image_width=WIDTH,
        radiometric=radiometric,
        spread=10.0,
    )


def bank(*defects: SourceDefect) -> SourceDefects:
    return SourceDefects(defects or (source_defect(),))

"""Where training tiles are cut, of each defect type equally often, and how they are changed (3.3)."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from ddlivm.augmentation.geometry import altitude_crop, flip_horizontal, flip_vertical, rotate
from ddlivm.augmentation.oa_mix import oa_mix
from ddlivm.augmentation.photometry import add_noise, cutout
from ddlivm.augmentation.sample import Sample
from ddlivm.data import VISIBLE_RATIO, move
from ddlivm.detector.normalisation import InfraredRange
from ddlivm.parameters.dtft_training import Augmentation, Tiles
from ddlivm.training.radiometry import jitter
from ddlivm.training.working_set import WorkingSet, clip

GRID = 4
"""Working pixels that tiles are placed on, so that visible tiles begin at whole pixels too (7/4)."""


ROTATION = 10.0
"""Largest angle, degrees: flips turn tiles over already, and boxes of strips grow with the angle."""


@dataclass(frozen=True)
class Place:
    """What to cut.

    Attributes:
        pair: which pair.
        box: which of its boxes to show; -1 for anywhere.
        size: (width, height) of the tile, working pixels.
        plain: the image variant that is shown whole and as it is; None for a tile that is cut and changed.
    """

    pair: int
    box: int
    size: tuple[int, int]
    plain: int | None = None


class TileSampler:
    """Draws tiles; a tile depends on the seed, the epoch and its index alone, so that training can resume anywhere.

    Args:
        working_set: the images.
        tiles: size, number and placement.
        augmentation: how often a tile is changed.
        seed: of all draws.
    """

    def __init__(self, working_set: WorkingSet, tiles: Tiles, augmentation: Augmentation, seed: int) -> None:
        self.working_set = working_set
        self.tiles = tiles
        self.augmentation = augmentation
        self.seed = seed
        self.places: dict[int, list[Place]] = {}
        for pair, classes in enumerate(working_set.classes):
            for box, kind in enumerate(classes):
                self.places.setdefault(int(kind), []).append(Place(pair, box, tiles.size))

    def __len__(self) -> int:
        return self.tiles.per_epoch or len(self.working_set)

    def epoch(self, epoch: int) -> list[Place]:
        """Return an epoch's places in order: types in turn where defects are shown, pairs in turn elsewhere."""
        rng = np.random.default_rng([self.seed, epoch])
        plain = round(len(self) * self.tiles.plain)
        places = self._changed(len(self) - plain, rng) + [self._plain(pair, rng) for pair in self._in_turn(plain, rng)]
        return [places[index] for index in rng.permutation(len(places))]

    def _changed(self, count: int, rng: np.random.Generator) -> list[Place]:
        kinds = sorted(self.places)
        on_defects = round(count * self.tiles.defect_share) if kinds else 0
        chosen = [
            listed[int(rng.integers(len(listed)))]
            for listed in (self.places[kinds[index % len(kinds)]] for index in range(on_defects))
        ]
        return chosen + [Place(pair, -1, self.tiles.size) for pair in self._in_turn(count - on_defects, rng)]

    def _in_turn(self, count: int, rng: np.random.Generator) -> list[int]:
        rounds = -(-count // len(self.working_set))
        pairs = [int(pair) for _ in range(rounds) for pair in rng.permutation(len(self.working_set))]
        return pairs[:count]

    def _plain(self, pair: int, rng: np.random.Generator) -> Place:
        variants = self.variants(pair)
        hstd = self.augmentation.method == "hstd"
        diffused = variants > 1 and rng.random() < self.augmentation.diffused and hstd
        return Place(pair, -1, self.working_set.size, int(rng.integers(1, variants)) if diffused else 0)

    def variants(self, pair: int) -> int:
        """Return how many different infrared images a pair has: where nothing is hot, diffusion changes nothing."""
        return self.working_set.infrared.shape[1] if len(self.working_set.boxes[pair]) else 1

    def tile(self, place: Place, epoch: int, index: int) -> Sample:
        """Cut and change one tile; its infrared values are normalised.

        Args:
            place: what to show.
            epoch: seeds the draws, with `index`.
            index: the tile's place in the epoch.
        """
        if place.plain is not None:
            return self.whole(place.pair, place.plain)
        rng = np.random.default_rng([self.seed, epoch, index])
        shares = self.augmentation
        hstd, span = shares.method == "hstd", float(self.working_set.spans[place.pair])
        variants = self.working_set.infrared.shape[1]
        variant = int(rng.integers(1, variants)) if hstd and rng.random() < shares.diffused else 0
        sample = self.cut(place, variant, rng)
        if hstd and rng.random() < shares.altitude:
            sample = self._lower(sample, rng)
        if shares.method == "oa_mix":
            sample = oa_mix(sample, span, rng)
        if shares.method != "none":
            sample = self._classic(sample, span, rng)
        return replace(sample, infrared=InfraredRange(0.0, span).normalise(sample.infrared))

    def _classic(self, sample: Sample, span: float, rng: np.random.Generator) -> Sample:
        """Change a tile in the ways that know nothing of heat."""
        shares = self.augmentation
        if rng.random() < shares.flips:
            sample = flip_horizontal(sample)
        if rng.random() < shares.flips:
            sample = flip_vertical(sample)
        if shares.rotation and rng.random() < shares.rotation:
            sample = rotate(sample, rng.uniform(-ROTATION, ROTATION))
        if rng.random() < shares.radiometry:
            sample = jitter(sample, span, rng)
        if rng.random() < shares.noise:
            sample = add_noise(sample, rng)
        if rng.random() < shares.cutout:
            sample = cutout(sample, rng)
        return sample

    def whole(self, pair: int, variant: int) -> Sample:
        """Return a working image as it is, its infrared values normalised."""
        data = self.working_set
        span = float(data.spans[pair])
        return Sample(
            InfraredRange(0.0, span).normalise(data.infrared[pair, variant].astype(np.float32)),
            np.asarray(data.visible[pair]),
            data.boxes[pair],
            data.classes[pair],
            data.outlines[pair],
        )

    def cut(self, place: Place, variant: int, rng: np.random.Generator) -> Sample:
        """Cut a tile of one of a pair's infrared images; its values count from the image's median.

        Args:
            place: What to show.
            variant: The infrared image; 0 is the one that was taken.
            rng: Draws the scale and where the tile lies around its box.
        """
        data = self.working_set
        width, height = place.size
        low, high = np.log(self.tiles.scale)
        scale = float(np.exp(rng.uniform(low, high)))
        region = [
            min(GRID * round(side / scale / GRID), limit) for side, limit in zip(place.size, data.size, strict=True)
        ]
        boxes = data.boxes[place.pair]
        focus = boxes[place.box] if place.box >= 0 else None
        x0, y0 = (
            _origin(side, limit, None if focus is None else (float(focus[axis]), float(focus[axis + 2])), rng)
            for axis, (side, limit) in enumerate(zip(region, data.size, strict=True))
        )
        infrared = data.infrared[place.pair, variant, y0 : y0 + region[1], x0 : x0 + region[0]].astype(np.float32)
        left, top, right, bottom = (int(v * VISIBLE_RATIO) for v in (x0, y0, x0 + region[0], y0 + region[1]))
        visible = np.asarray(data.visible[place.pair, top:bottom, left:right])
        if region != [width, height]:
            infrared = np.asarray(cv2.resize(infrared, (width, height)), dtype=np.float32)
            visible_tile = (int(width * VISIBLE_RATIO), int(height * VISIBLE_RATIO))
            visible = np.asarray(cv2.resize(visible, visible_tile), dtype=np.uint8)
        factors = np.tile([width / region[0], height / region[1]], 2)
        moved = ((boxes - np.array([x0, y0, x0, y0])) * factors).astype(np.float32)
        clipped, kept = clip(moved, (width, height))
        outlines = move(data.outlines[place.pair], (x0, y0), factors[:2])
        return Sample(infrared, visible, clipped, data.classes[place.pair], outlines).keep(kept)

    def _lower(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """Enlarge a quarter or a ninth; the part with a defect's centre where there is a defect."""
        parts = int(rng.integers(2, 4))
        column, row = (int(rng.integers(parts)) for _ in range(2))
        if len(sample.boxes):
            box = sample.boxes[int(rng.integers(len(sample.boxes)))]
            column, row = (
                min(int((box[axis] + box[axis + 2]) / 2 / sample.size[axis] * parts), parts - 1) for axis in range(2)
            )
        return altitude_crop(sample, parts, column, row)


def _origin(side: int, limit: int, focus: tuple[float, float] | None, rng: np.random.Generator) -> int:
    """Draw where a tile of `side` begins in an image of `limit`, on the grid; a focus lies in it, whole if it fits."""
    low, high = 0.0, float(limit - side)
    if focus is not None:
        # A box longer than the tile is shown in part: then the tile lies within the box instead.
        ends = sorted((focus[1] - side, focus[0]))
        low, high = (float(np.clip(end, 0, limit - side)) for end in ends)
    return int(np.clip(GRID * round(rng.uniform(low, high) / GRID), 0, (limit - side) // GRID * GRID))


def stack(samples: list[Sample]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
    """Return the samples' images as (B, h, w) and (B, 7h/4, 7w/4, 3)."""
    return np.stack([sample.infrared for sample in samples]), np.stack([sample.visible for sample in samples])

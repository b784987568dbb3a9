"""Where a raw infrared pixel lies in the raw visible image."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ddlivm.errors import InputError
from ddlivm.files import read_json, write_json

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Transform:
    """The similarity that takes raw infrared pixels to raw visible pixels.

    `visible = scale * R(rotation_deg) @ infrared + (offset_x, offset_y)`, with continuous coordinates in which pixel
    i covers [i, i+1), x to the right, y down, and a positive rotation turning x towards y.
    """

    scale: float
    offset_x: float
    offset_y: float
    rotation_deg: float = 0.0

    @property
    def matrix(self) -> npt.NDArray[np.float64]:
        """The (2, 3) matrix of the map."""
        angle = np.deg2rad(self.rotation_deg)
        cosine, sine = self.scale * np.cos(angle), self.scale * np.sin(angle)
        return np.array([[cosine, -sine, self.offset_x], [sine, cosine, self.offset_y]])

    def to_visible(self, points: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Map (n, 2) raw infrared points to raw visible points."""
        matrix = self.matrix
        return np.asarray(points, dtype=np.float64) @ matrix[:, :2].T + matrix[:, 2]

    def to_infrared(self, points: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Map (n, 2) raw visible points to raw infrared points."""
        matrix = self.matrix
        return (np.asarray(points, dtype=np.float64) - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T

    def common_ground(self, infrared_size: tuple[int, int], visible_size: tuple[int, int]) -> Box:
        """Return the part of the infrared frame that the visible image shows too.

        Args:
            infrared_size: (width, height) of the raw infrared image.
            visible_size: (width, height) of the raw visible image.

        Returns:
            xyxy raw infrared pixels, whole numbers; at least one pixel wide and high.
        """
        width, height = infrared_size
        corners = self.to_infrared([(0, 0), (visible_size[0], 0), (0, visible_size[1]), visible_size])
        # With a rotation the four mapped corners bound an inner rectangle: its sides are the middle two of each axis.
        xs, ys = np.sort(corners[:, 0]), np.sort(corners[:, 1])
        x0, x1 = np.clip([np.ceil(xs[1] - 1e-6), np.floor(xs[2] + 1e-6)], 0, width)
        y0, y1 = np.clip([np.ceil(ys[1] - 1e-6), np.floor(ys[2] + 1e-6)], 0, height)
        return float(x0), float(y0), float(max(x1, x0 + 1)), float(max(y1, y0 + 1))


@dataclass(frozen=True)
class PairAlignment:
    """A pair's transform.

    Attributes:
        transform: raw infrared to raw visible pixels.
        confidence: how sure it is, 0 to 1.
        flags: what was noticed, for example `site_fallback`.
        residual: how far a corner of the pair's own estimate lies from its site's, raw infrared pixels; None where it
            has none.
    """

    transform: Transform
    confidence: float
    flags: tuple[str, ...] = ()
    residual: float | None = None


@dataclass(frozen=True)
class SiteAlignments:
    """The `alignment` stage's output: a transform for each site and for each of its pairs.

    Attributes:
        sites: site id to the site's consensus.
        pairs: "<site>/<pair id>" to the pair's alignment.
    """

    sites: dict[str, PairAlignment] = field(default_factory=dict)
    pairs: dict[str, PairAlignment] = field(default_factory=dict)

    def of(self, site: str, pair: str) -> PairAlignment:
        """Return a pair's alignment.

        Raises:
            InputError: the pair was not aligned.
        """
        try:
            return self.pairs[f"{site}/{pair}"]
        except KeyError:
            raise InputError(
                f"pair {site}/{pair} has no transform; run the alignment stage on this data again"
            ) from None

    def save(self, path: Path) -> None:
        """Write `transforms.json`."""
        write_json(path, asdict(self))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            InputError: the file is missing or damaged.
        """
        content = read_json(path)
        try:
            return cls(
                sites={key: _parse(entry) for key, entry in content["sites"].items()},
                pairs={key: _parse(entry) for key, entry in content["pairs"].items()},
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"{path}: is not the alignment stage's output ({error!r})") from error


def _parse(entry: dict[str, Any]) -> PairAlignment:
    transform = Transform(**{key: float(value) for key, value in entry["transform"].items()})
    residual = entry.get("residual")
    return PairAlignment(
        transform, float(entry["confidence"]), tuple(entry["flags"]), None if residual is None else float(residual)
    )

"""Other ways to align a pair, at the infrared image's width: matrices from infrared to visible pixels."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
import numpy.typing as npt

from ddlivm.data import Transform

Grey = npt.NDArray[np.uint8]
Matrix = npt.NDArray[np.float64]
Found = tuple[Transform | None, bool]
Aligner = Callable[["Pictures"], tuple[Matrix | None, bool]]
"""From a pair to the (2, 3) matrix between both pictures, and whether it is doubtful."""

SCALES = tuple(float(scale) for scale in np.exp(np.arange(np.log(0.48), np.log(1.05), 0.02)))


@dataclass(frozen=True)
class Pictures:
    """A pair as grey levels.

    Attributes:
        infrared: (H, W) uint8, stretched between its percentiles.
        visible: (H', W) uint8, as wide as the infrared image.
        factor: pixels of `visible` for one raw visible pixel.
    """

    infrared: Grey
    visible: Grey
    factor: float

    @classmethod
    def of(cls, infrared: npt.NDArray[np.float32], visible: npt.NDArray[np.uint8]) -> Self:
        """Make both pictures of raw images."""
        low, high = np.percentile(infrared, [1, 99])
        warm = (np.clip((infrared - low) / max(float(high - low), 1e-6), 0, 1) * 255).astype(np.uint8)
        factor = infrared.shape[1] / visible.shape[1]
        grey = np.asarray(cv2.cvtColor(visible, cv2.COLOR_RGB2GRAY), np.uint8)
        size = (infrared.shape[1], round(visible.shape[0] * factor))
        return cls(warm, np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8), factor)

    def transform(self, matrix: Matrix) -> Transform | None:
        """Return the raw transform of a matrix between both pictures; None if it is none."""
        scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
        if not np.isfinite(matrix).all() or not 1e-2 < scale < 1e2:
            return None
        angle = float(np.rad2deg(np.arctan2(matrix[1, 0], matrix[0, 0])))
        x, y = matrix[:, 2] / self.factor
        return Transform(scale / self.factor, float(x), float(y), angle)


def aligners(slow: bool) -> dict[str, Aligner]:
    """Return the ways by name; `slow` adds those that take longer than a tenth of a second."""
    quick: dict[str, Aligner] = {
        "SIFT + MAGSAC": sift,
        "ECC": ecc,
        "phase correlation": phase_correlation,
        "Fourier-Mellin": fourier_mellin,
    }
    return quick | ({"mutual information": mutual_information, "exhaustive gradient": exhaustive} if slow else {})


def sift(pair: Pictures) -> tuple[Matrix | None, bool]:
    """Key points, Lowe's ratio 0.8, a similarity of MAGSAC's inliers; doubtful under ten of them."""
    detector = cv2.SIFT.create(2000)
    (points, features), (others, more) = (detector.detectAndCompute(one, None) for one in (pair.infrared, pair.visible))
    if features is None or more is None or len(others) < 2:
        return None, True
    matches = cv2.BFMatcher(cv2.NORM_L2).knnMatch(features, more, k=2)
    good = [first for first, second in matches if first.distance < 0.8 * second.distance]
    if len(good) < 4:
        return None, True
    source = np.array([points[match.queryIdx].pt for match in good])
    target = np.array([others[match.trainIdx].pt for match in good])
    _, inside = cv2.findHomography(source, target, cv2.USAC_MAGSAC, 3.0)
    if inside is None or inside.sum() < 3:
        return None, True
    kept = inside.ravel() > 0
    matrix, _ = cv2.estimateAffinePartial2D(source[kept], target[kept], method=cv2.LMEDS)
    return np.asarray(matrix, np.float64), int(kept.sum()) < 10


def ecc(pair: Pictures) -> tuple[Matrix | None, bool]:
    """Enhanced correlation of gradients, from the middle of the visible image at three quarters of its size."""
    infrared, visible = (_gradient(cv2.resize(one, None, fx=0.5, fy=0.5)) for one in (pair.infrared, pair.visible))
    height, width = infrared.shape
    start = np.array([[0.75, 0, width / 8], [0, 0.75, height / 8]], np.float32)
    try:
        score, matrix = cv2.findTransformECC(
            infrared, visible, start, cv2.MOTION_AFFINE, (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 50, 1e-4)
        )
    except cv2.error:  # it does not converge
        return None, True
    found = np.asarray(matrix, np.float64)
    found[:, 2] *= 2
    return found, score < 0.5


def phase_correlation(pair: Pictures) -> tuple[Matrix | None, bool]:
    """The shift of both frames' middles, whose scale is taken for three quarters."""
    return _shifted(pair, 0.75, 0.0)


def fourier_mellin(pair: Pictures) -> tuple[Matrix | None, bool]:
    """Scale and rotation by phase correlation of the spectra in polar, logarithmic coordinates; then the shift."""
    spectra = []
    for one in (pair.infrared, pair.visible):
        picture = _gradient(cv2.resize(one, (512, 512)))
        spectrum = np.abs(np.fft.fftshift(np.fft.fft2(picture * cv2.createHanningWindow((512, 512), cv2.CV_32F))))
        levels = np.log1p(spectrum).astype(np.float32)
        flags = cv2.INTER_LINEAR | cv2.WARP_POLAR_LOG
        spectra.append(np.asarray(cv2.warpPolar(levels, (512, 512), (256, 256), 256, flags), np.float32))
    (along, turn), _ = cv2.phaseCorrelate(spectra[0], spectra[1], cv2.createHanningWindow((512, 512), cv2.CV_32F))
    scale = float(np.exp(-along * np.log(256) / 512))
    angle = (turn * 360 / 512 + 90) % 180 - 90
    return _shifted(pair, scale, angle) if 0.3 < scale < 1.5 else (None, True)


def mutual_information(pair: Pictures) -> tuple[Matrix | None, bool]:
    """The most mutual information of grey levels over scales and offsets, at an eighth of the size, then closer."""
    best, where = -1.0, (1.0, 0, 0)
    visible = cv2.resize(pair.visible, (80, round(80 * pair.visible.shape[0] / pair.visible.shape[1])))
    for scale in SCALES[::2]:
        size = (round(80 * scale), round(80 * scale * pair.infrared.shape[0] / pair.infrared.shape[1]))
        infrared = cv2.resize(pair.infrared, size, interpolation=cv2.INTER_AREA) // 16
        for y in range(max(visible.shape[0] - size[1], 0) + 1):
            for x in range(max(visible.shape[1] - size[0], 0) + 1):
                part = visible[y : y + size[1], x : x + size[0]] // 16
                if part.shape == infrared.shape and (value := _information(infrared, part)) > best:
                    best, where = value, (scale, x, y)
    scale, x, y = where
    return _upright(scale, 8 * x, 8 * y), best < 0.2


def exhaustive(pair: Pictures) -> tuple[Matrix | None, bool]:
    """Normalised correlation of gradients over all offsets at every scale, at the full size."""
    visible = _gradient(pair.visible)
    best, found = -1.0, None
    for scale in SCALES:
        size = (round(pair.infrared.shape[1] * scale), round(pair.infrared.shape[0] * scale))
        if size[0] > visible.shape[1] or size[1] > visible.shape[0]:
            continue
        template = _gradient(cv2.resize(pair.infrared, size, interpolation=cv2.INTER_AREA))
        _, score, _, (x, y) = cv2.minMaxLoc(cv2.matchTemplate(visible, template, cv2.TM_CCOEFF_NORMED))
        if score > best:
            best, found = score, _upright(scale, x, y)
    return found, best < 0.3


def _shifted(pair: Pictures, scale: float, angle: float) -> tuple[Matrix | None, bool]:
    height, width = pair.infrared.shape
    turned = np.asarray(cv2.getRotationMatrix2D((width / 2, height / 2), -angle, scale), np.float64)
    seen_height, seen_width = pair.visible.shape
    turned[:, 2] += np.array([seen_width - width, seen_height - height]) / 2
    warped = cv2.warpAffine(_gradient(pair.infrared), turned, (seen_width, seen_height))
    (x, y), response = cv2.phaseCorrelate(np.asarray(warped, np.float32), _gradient(pair.visible))
    turned[:, 2] += np.array([x, y])
    return turned, response < 0.1


def _upright(scale: float, x: float, y: float) -> Matrix:
    return np.array([[scale, 0, x], [0, scale, y]], np.float64)


def _gradient(image: npt.NDArray[np.uint8] | cv2.typing.MatLike) -> npt.NDArray[np.float32]:
    smooth = cv2.GaussianBlur(np.asarray(image, np.float32), (0, 0), 1.5)
    return np.asarray(
        cv2.magnitude(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)), np.float32
    )


def _information(first: Grey | cv2.typing.MatLike, second: Grey | cv2.typing.MatLike) -> float:
    joint = np.bincount((np.asarray(first, np.int32) * 16 + second).ravel(), minlength=256).reshape(16, 16) / first.size
    apart = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    some = joint > 0
    return float((joint[some] * np.log(joint[some] / apart[some])).sum())

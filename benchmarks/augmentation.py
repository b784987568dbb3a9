"""How fast Eq. 3 runs: against the plain loop, and against moving the same bytes through memory.

    OMP_NUM_THREADS=1 python -m benchmarks.augmentation

Three ways of diffusing the same 640x512 images for five iterations, on one thread, timed in one run:

- whole images, as `diffuse` runs over a field;
- hotspots only, as the stage does: two a picture, with their background and clipping;
- the plain loop over pixels, on one image.

The floor is what the whole images cost at the least: each iteration reads a field and writes one.
"""

import argparse
import time
from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from ddlivm.augmentation.diffusion import Kernel, diffuse, heat_hotspots

WIDTH, HEIGHT, ITERATIONS, SIGMA = 640, 512, 5, 0.2
HOTSPOTS = [(100, 120, 124, 140), (400, 300, 460, 316)]


def plain_loop(image: npt.NDArray[np.float32]) -> list[list[list[float]]]:
    """Eq. 3, pixel by pixel, in Python's own numbers."""
    weights = Kernel().weights.tolist()
    field = image.tolist()
    height, width = image.shape
    for _ in range(ITERATIONS):
        after = []
        for y in range(height):
            rows = (field[max(y - 1, 0)], field[y], field[min(y + 1, height - 1)])
            line = []
            for x in range(width):
                left, right = max(x - 1, 0), min(x + 1, width - 1)
                total = 0.0
                for row, (first, second, third) in zip(rows, weights, strict=True):
                    total += first * row[left] + second * row[x] + third * row[right]
                line.append(rows[1][x] + SIGMA * total)
            after.append(line)
        field = after
    return field


def seconds(work: Callable[[], object], repeats: int) -> float:
    """The fastest of some runs: on a shared machine the others measure the neighbours."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=32, help="images diffused for a timing")
    parser.add_argument("--repeats", type=int, default=5, help="timings, of which the fastest counts")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    images = np.random.default_rng(0).uniform(20, 60, (arguments.images, HEIGHT, WIDTH)).astype(np.float32)
    masks = []
    for x0, y0, x1, y1 in HOTSPOTS:
        mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
        mask[y0:y1, x0:x1] = True
        masks.append(mask)
    kernel, target = Kernel(), np.empty((ITERATIONS, HEIGHT, WIDTH), dtype=np.float32)

    def whole() -> None:
        for image in images:
            diffuse(image, kernel, SIGMA, ITERATIONS)

    def hotspots() -> None:
        for image in images:
            heat_hotspots(image, masks, kernel, SIGMA, ITERATIONS, (-40, 150))

    def copies() -> None:
        for image in images:
            np.copyto(target[0], image)
            for step in range(1, ITERATIONS):
                np.copyto(target[step], target[step - 1])

    whole_time, hotspot_time, floor = (
        seconds(work, arguments.repeats) / arguments.images for work in (whole, hotspots, copies)
    )
    start = time.perf_counter()
    expected = plain_loop(images[0])
    loop_time = time.perf_counter() - start
    error = float(np.abs(diffuse(images[0], kernel, SIGMA, ITERATIONS)[-1] - np.array(expected)).max())
    gigabytes = 2 * ITERATIONS * images[0].nbytes / 1e9
    print(f"{WIDTH}x{HEIGHT}, {ITERATIONS} iterations, one thread, fastest of {arguments.repeats}")
    print(f"whole images     {1 / whole_time:9.1f} images/s   {loop_time / whole_time:8.0f} x the plain loop")
    print(f"hotspots only    {1 / hotspot_time:9.1f} images/s   {loop_time / hotspot_time:8.0f} x the plain loop")
    print(f"plain loop       {1 / loop_time:9.3f} images/s   largest difference {error:.1e}")
    print(f"memory floor     {1 / floor:9.1f} images/s   {gigabytes / floor:8.1f} GB/s")
    print(f"whole images take {whole_time / floor:.1f} x the floor")


if __name__ == "__main__":
    main()

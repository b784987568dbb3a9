"""What an inspection costs, against decoding and both encoders alone.

    OMP_NUM_THREADS=1 python -m benchmarks.inspection --model build/registration/model --plant data/site5

The floor of a pair is to read both files, bring them to the working frame and run both encoders once. Beside it stand
the whole of `ddlivm predict` with the default head (alignment, panels, detection, pictures), its parts, and what the
choice of a head adds, once per flight. All in one run on the same pairs, in turn; seconds are the processor's, so that
neighbours count for less. Loading the model, the bulk of it imports, is timed by itself.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import TypeVar

from ddlivm.data import AlignedPair, Pair
from ddlivm.evaluation.pictures import write_jpeg
from ddlivm.files import write_json
from ddlivm.inspection.folder import find_pairs
from ddlivm.inspection.inspection import InspectedPair
from ddlivm.inspection.inspector import DEFAULT, SELECT, Inspector
from ddlivm.inspection.model import ShippedModel
from ddlivm.inspection.pictures import annotate

Answer = TypeVar("Answer")


def timed(work: Callable[[], Answer]) -> tuple[float, Answer]:
    """Return a call's processor seconds and its answer."""
    start = time.process_time()
    answer = work()
    return time.process_time() - start, answer


def floor(inspector: Inspector, pairs: Sequence[AlignedPair]) -> None:
    """Decode and encode."""
    for aligned in pairs:
        pair = replace(aligned)  # a copy reads the images itself
        radiometric = pair.raw_infrared.radiometric
        inspector.chain.detector.encode_infrared(pair.infrared()[None], radiometric)
        inspector.chain.detector.encode_visible(pair.visible()[None])


def inspected(inspector: Inspector, pairs: Sequence[Pair], head: str, folder: Path) -> tuple[list[AlignedPair], str]:
    """Inspect and draw; return the aligned pairs and the head."""
    aligned = []

    def draw(found: InspectedPair, pixels: AlignedPair) -> None:
        write_jpeg(folder / f"{found.pair.name}.jpg", annotate(found, pixels))
        aligned.append(AlignedPair(pixels.pair, pixels.transform, pixels.working_size))

    inspection = inspector.inspect(pairs, head=head, sink=draw)
    return aligned, inspection.choice.head


def main() -> None:
    """Print the figures and write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("build/registration/model"))
    parser.add_argument("--plant", type=Path, default=Path("data/site5"))
    parser.add_argument("--pairs", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, help="a .json file for the figures")
    arguments = parser.parse_args()
    loading, inspector = timed(lambda: Inspector.load(ShippedModel.load(arguments.model)))
    pairs = find_pairs(arguments.plant).pairs[: arguments.pairs]
    floors, wholes, selecting = [], [], []
    with tempfile.TemporaryDirectory() as scratch:
        aligned, _ = inspected(
            inspector, pairs[:4], DEFAULT, Path(scratch)
        )  # PyTorch prepares itself at the first images
        floor(inspector, aligned)
        for _ in range(arguments.rounds):
            seconds, (all_pairs, _) = timed(lambda: inspected(inspector, pairs, DEFAULT, Path(scratch)))
            wholes.append(seconds / len(pairs))
            floors.append(timed(partial(floor, inspector, all_pairs))[0] / len(pairs))
        selecting.append(timed(lambda: inspected(inspector, pairs, SELECT, Path(scratch)))[0])
    figures = {
        "pairs": len(pairs),
        "floor, seconds per pair": median(floors),
        "predict --head default, seconds per pair": median(wholes),
        "predict --head default / floor": median(whole / least for whole, least in zip(wholes, floors, strict=True)),
        "choosing a head, seconds per flight": median(selecting) - median(wholes) * len(pairs),
        "loading, seconds": loading,
    }
    for name, value in figures.items():
        print(f"{name:<44}{value:>9.3f}")
    if arguments.out:
        write_json(arguments.out, {name: round(value, 4) for name, value in figures.items()})


if __name__ == "__main__":
    main()

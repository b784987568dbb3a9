"""How fast a plant is inspected with the model's default head, after the model is loaded.

    python -m benchmarks.inspection --model build/registration/model --plant data/site5

Start-up, the bulk of it imports, is timed by itself. CPU seconds say what is left of a pair's time on a machine that
does nothing else.
"""

import argparse
import os
import time
from pathlib import Path

from ddlivm.data import AlignedPair
from ddlivm.inspection.folder import find_pairs
from ddlivm.inspection.inspection import InspectedPair
from ddlivm.inspection.inspector import DEFAULT, Inspector
from ddlivm.inspection.model import ShippedModel
from ddlivm.inspection.pictures import annotate

MOST = 40


def main() -> None:
    """Inspect up to 40 pairs and print a line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, default=Path("build/registration/model"))
    parser.add_argument("--plant", type=Path, default=Path("data/site5"))
    arguments = parser.parse_args()
    start = time.perf_counter()
    inspector = Inspector.load(ShippedModel.load(arguments.model))
    loaded = time.perf_counter() - start
    pairs = find_pairs(arguments.plant).pairs[:MOST]
    inspector.inspect(pairs[:1], head=DEFAULT)  # PyTorch prepares itself at the first images

    def draw(pair: InspectedPair, pixels: AlignedPair) -> None:
        annotate(pair, pixels)

    start, busy = time.perf_counter(), time.process_time()
    inspector.inspect(pairs, head=DEFAULT, sink=draw)
    seconds, busy = time.perf_counter() - start, time.process_time() - busy
    print(
        f"{arguments.plant}: {len(pairs)} pairs in {seconds:.1f} s, {len(pairs) / seconds:.2f} pairs/s on "
        f"{os.cpu_count()} cores ({busy / len(pairs):.2f} CPU seconds a pair); loading took {loaded:.1f} s"
    )


if __name__ == "__main__":
    main()

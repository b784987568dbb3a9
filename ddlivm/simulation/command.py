"""`ddlivm simulate`."""

import os
import sys
from pathlib import Path


def simulate(
    sites: int = 9, pairs: int = 288, seed: int = 7, out: Path = Path("data"), workers: int | None = None
) -> None:
    """Simulate PV plants: infrared-visible pairs with labels and the exact truth, in the paper's proportions.

    Args:
        sites: how many of the nine settings of Table 1.
        pairs: over all sites.
        seed: one seed gives the same bytes, with any number of workers.
        out: the folder to make.
        workers: processes; all cores by default, two at most unless asked for more.
    """
    from ddlivm.simulation.write import write_data_set

    count = workers or min(os.cpu_count() or 1, 2)
    for done in write_data_set(out, sites, pairs, seed, count):
        if done % 24 == 0 or done == pairs:
            print(f"simulate: {done}/{pairs} pairs", file=sys.stderr, flush=True)
    print(f"{out}: {pairs} pairs of {sites} simulated sites")

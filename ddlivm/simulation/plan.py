"""How many pairs and which defects each site gets, in the paper's proportions."""

from dataclasses import dataclass

import numpy as np

from ddlivm.data.taxonomy import load_taxonomy
from ddlivm.errors import InputError
from ddlivm.simulation.plants import DEFECTS, IMAGES, PLANTS, Plant


@dataclass(frozen=True)
class PairPlan:
    """One pair to simulate.

    Attributes:
        plant: its site.
        name: its id.
        kinds: the defects to place.
        seed: of the pair.
        texture_seed: of the site.
    """

    plant: Plant
    name: str
    kinds: tuple[str, ...]
    seed: int
    texture_seed: int


def plan(sites: int, pairs: int, seed: int) -> dict[str, tuple[PairPlan, ...]]:
    """Share out pairs and defects; depends on its arguments alone.

    Raises:
        InputError: more sites than there are, or fewer pairs than sites.
    """
    if not 1 <= sites <= len(PLANTS):
        raise InputError(f"--sites {sites}: there are 1 to {len(PLANTS)} simulated sites")
    if pairs < sites:
        raise InputError(f"--pairs {pairs}: every site needs a pair, so at least {sites}")
    counts = _share(pairs, IMAGES[:sites])
    return {
        plant.id: _site_plan(plant, count, DEFECTS[index] / (IMAGES[index] / 2), [seed, index])
        for index, (plant, count) in enumerate(zip(PLANTS[:sites], counts, strict=True))
    }


def _share(total: int, weights: tuple[int, ...]) -> list[int]:
    """Share a total by weights, largest remainders first, at least one each."""
    exact = np.array(weights) * (total - len(weights)) / sum(weights)
    counts = np.floor(exact).astype(int)
    for index in np.argsort(-(exact - counts), kind="stable")[: total - len(weights) - counts.sum()]:
        counts[index] += 1
    return [int(count) + 1 for count in counts]


def _site_plan(plant: Plant, pairs: int, defects_per_pair: float, entropy: list[int]) -> tuple[PairPlan, ...]:
    rng = np.random.default_rng(entropy)
    names = load_taxonomy().names
    total = round(pairs * defects_per_pair)
    rounds = -(-total // len(names))
    kinds = [name for _ in range(rounds) for name in rng.permutation(names)][:total]
    placed: list[list[str]] = [[] for _ in range(pairs)]
    for kind, pair in zip(kinds, rng.integers(pairs, size=total), strict=True):
        placed[int(pair)].append(str(kind))
    seeds = np.random.SeedSequence(entropy).generate_state(pairs + 1, np.uint64)
    return tuple(
        PairPlan(plant, f"{index + 1:04d}", tuple(chosen), int(seeds[index + 1]), int(seeds[0] % (1 << 31)))
        for index, chosen in enumerate(placed)
    )

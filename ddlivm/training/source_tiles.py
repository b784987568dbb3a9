"""Which tiles of the source plants travel with a model."""

import numpy as np

from ddlivm.augmentation.source_tiles import SourceTiles
from ddlivm.parameters.dtft_training import Augmentation, Tiles
from ddlivm.training.tiles import Place, TileSampler
from ddlivm.training.working_set import WorkingSet

_AS_TAKEN = Augmentation(method="none", diffused=0, altitude=0, flips=0, rotation=0, noise=0, cutout=0, radiometry=0)


def draw_source_tiles(working_set: WorkingSet, tiles: Tiles, per_type: int, seed: int) -> SourceTiles:
    """Cut tiles on different defects, equally many of each type where there are enough, as the cameras took them.

    Args:
        working_set: The source images.
        tiles: Their size is taken; nothing else is.
        per_type: How many tiles there are for each defect type, at most.
        seed: Of the choice.
    """
    sampler = TileSampler(working_set, tiles.model_copy(update={"scale": (1.0, 1.0)}), _AS_TAKEN, seed)
    rng = np.random.default_rng(seed)
    places: list[Place] = []
    for kind in sorted(sampler.places):
        own = sampler.places[kind]
        places += [own[int(index)] for index in rng.permutation(len(own))[:per_type]]
    samples = tuple(sampler.cut(place, 0, rng) for place in places)
    return SourceTiles(samples, tuple(float(working_set.spans[place.pair]) for place in places))

"""Whether phase 2 reads its frozen encoders' outputs or computes them: measured at the start, on the spot (3.3)."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import numpy.typing as npt
from lightning.fabric import Fabric

from ddlivm.detector.tensors import infrared_tensor, visible_tensor
from ddlivm.files import read_json, write_json
from ddlivm.progress import Progress
from ddlivm.training.bank import Bank
from ddlivm.training.bank_batches import BankBatches
from ddlivm.training.batches import Batches
from ddlivm.training.devices import alone
from ddlivm.training.encoder_cache import EncoderCache, Outputs, Trial, trial


def with_outputs(fabric: Fabric, bank: Bank, batches: Batches, folder: Path) -> BankBatches:
    """Return the batches of phase 2, with encoder outputs from the disk where that is quicker.

    The choice is kept in the folder, so that a run that goes on keeps to it.

    Args:
        fabric: where training runs.
        bank: whose encoders.
        batches: the tiles.
        folder: scratch for outputs.

    Raises:
        InputError: the disk has no room for what `cache_gigabytes` allows.
    """
    cache = cache_for(bank, batches, folder)
    if cache is None:
        return BankBatches(batches, None, reads=False)
    work = _Encoding(bank, batches)
    progress = Progress(bank.name, bank.parameters.epochs, fabric.is_global_zero)

    def decide() -> None:
        if not (folder / "trial.json").is_file():
            cache.open()
            write_json(folder / "trial.json", asdict(trial(cache, work.pair, work.batch, batches.size)))

    alone(fabric, decide)
    measured = Trial(**read_json(folder / "trial.json"))
    progress.say(
        f"a pair's encoder outputs take {measured.reading:.3f} s to read and {measured.computing:.3f} s to compute: "
        + (f"{cache.pairs} pairs' are kept on disk, {cache.bytes / 1e9:.1f} GB" if measured.pays else "computed")
    )
    alone(fabric, cache.open if measured.pays else cache.remove)
    if measured.pays:
        cache.fill(work.pair, progress.say, slice(fabric.global_rank, None, fabric.world_size))
        fabric.barrier()
    return BankBatches(batches, cache, measured.pays)


def cache_for(bank: Bank, batches: Batches, folder: Path) -> EncoderCache | None:
    """Return the cache that the parameters allow, or None where nothing would be in it."""
    parameters, sampler = bank.parameters, batches.sampler
    if not parameters.tiles.plain:
        return None
    variants = [sampler.variants(pair) for pair in range(len(sampler.working_set))]
    channels = bank.architecture.infrared.channels, bank.architecture.visible.channels
    cache = EncoderCache(folder, variants, channels, bank.architecture.working_size, parameters.cache_gigabytes * 1e9)
    return cache if cache.pairs else None


class _Encoding:
    """From pairs to outputs.

    Args:
        bank: whose encoders.
        batches: whose pairs.
    """

    def __init__(self, bank: Bank, batches: Batches) -> None:
        self.bank = bank
        self.sampler = batches.sampler
        self.device = batches.device

    def pair(self, pair: int) -> Outputs:
        """Return the outputs of all of a pair's infrared variants, and of its visible image."""
        samples = [self.sampler.whole(pair, variant) for variant in range(self.sampler.variants(pair))]
        return self._encode([sample.infrared for sample in samples], [samples[0].visible])

    def batch(self, pairs: Sequence[int]) -> float:
        """Compute the outputs of pairs as they were taken; a number comes back, so that a GPU has finished."""
        samples = [self.sampler.whole(pair, 0) for pair in pairs]
        outputs = self._encode([sample.infrared for sample in samples], [sample.visible for sample in samples])
        return float(outputs.infrared[-1].sum() + outputs.visible[-1].sum())

    def _encode(self, infrared: list[npt.NDArray[np.float32]], visible: list[npt.NDArray[np.uint8]]) -> Outputs:
        images = infrared_tensor(np.stack(infrared)), visible_tensor(np.stack(visible))
        return self.bank.encode(*(image.to(self.device) for image in images))

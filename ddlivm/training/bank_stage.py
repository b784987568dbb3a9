"""The stage `head_checkpointing`: epochs γ to K, which give the heads to choose from (3.3)."""

import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ddlivm.data import SetAside
from ddlivm.detector.architecture import Architecture
from ddlivm.files import write_json
from ddlivm.parameters.head_checkpointing import HeadCheckpointing
from ddlivm.training import working_set
from ddlivm.training.devices import alone, first_process, launch


def train_heads(
    data: Path,
    transforms: Path,
    series: Sequence[Path],
    encoders: Path,
    fold: str,
    gate_sites: Sequence[str],
    set_aside: SetAside,
    parameters: HeadCheckpointing,
    out: Path,
    work: Path,
) -> None:
    """Train necks and heads on a fold's frozen encoders, and keep an entry every few epochs.

    Writes `entry_<epoch>.safetensors` (neck, FCOS and Mask R-CNN), `infrared_only.safetensors`, `detector.json`,
    `bank.json` and `history.json`. With `keep_step3` the entry of epoch 0 is step 3's own neck and FCOS head.

    Args:
        data: the data set's folder.
        transforms: the alignment stage's folder.
        series: the augmentation stage's folders, one a site; none leaves diffusion out.
        encoders: the encoders' stage's folder.
        fold: the fold's name; its targets' labels and series are not opened.
        gate_sites: never trained on in the fold `all`.
        set_aside: The source sites that are kept for calibration.
        parameters: the stage's section.
        out: an empty folder to fill.
        work: scratch that survives a kill; a run that finds a checkpoint there goes on from it.

    Raises:
        InputError: an input is missing or damaged, or a loss is not a number.
    """

    def images() -> None:
        size = Architecture.load(encoders).working_size
        listed = working_set.sources(data, transforms, series, fold, tuple(gate_sites), set_aside, size)
        working_set.build(listed, work / "images", parameters.threads, parameters.seed)

    with ThreadPoolExecutor(1) as executor:  # images decode while the slow imports run
        decoded = executor.submit(images) if first_process() else None
        import torch

        from ddlivm.detector.load import FCOS, MASK_RCNN
        from ddlivm.detector.weights import save_weights
        from ddlivm.training.bank import Bank, entry_file
        from ddlivm.training.bank_outputs import with_outputs
        from ddlivm.training.batches import batches_of
        from ddlivm.training.loop import train

        fabric = launch(parameters.precision)
        alone(fabric, lambda: decoded and decoded.result())

    torch.set_num_threads(parameters.threads)
    bank = Bank(fabric, encoders, parameters, fold, work)
    batches = with_outputs(fabric, bank, batches_of(work / "images", parameters, fabric), work / "outputs")
    history = train(fabric, bank, batches, parameters, work)
    if not fabric.is_global_zero:
        return
    epochs = sorted({*range(parameters.save_every, parameters.epochs + 1, parameters.save_every), parameters.epochs})
    for epoch in epochs:
        shutil.copyfile(work / entry_file(epoch), out / entry_file(epoch))
    entries = {f"{epoch:03d}": {"file": entry_file(epoch), "heads": [FCOS, MASK_RCNN]} for epoch in epochs}
    if parameters.keep_step3:
        shutil.copyfile(encoders / "step3.safetensors", out / entry_file(0))
        entries = {"000": {"file": entry_file(0), "heads": [FCOS]}} | entries
    save_weights(out / "infrared_only.safetensors", {"": bank.modules["reference"]})
    bank.architecture.save(out)
    write_json(out / "bank.json", {"entries": entries})
    write_json(out / "history.json", history)
    working_set.remove(work / "images")

"""The stage `dtft_training`: epochs 1 to γ, which train the encoders (3.2)."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ddlivm.data import SetAside
from ddlivm.detector.architecture import Architecture
from ddlivm.files import write_json
from ddlivm.parameters.dtft_training import DtftTraining
from ddlivm.training import working_set
from ddlivm.training.devices import alone, first_process, launch


def train_encoders(
    data: Path,
    transforms: Path,
    series: Sequence[Path],
    fold: str,
    gate_sites: Sequence[str],
    set_aside: SetAside,
    parameters: DtftTraining,
    out: Path,
    work: Path,
) -> None:
    """Train both encoders on a fold's sources by Algorithm 1.

    Writes `encoders.safetensors`, `step3.safetensors` and `infrared_step.safetensors` (neck and FCOS head of steps 3
    and 1), `detector.json`, `history.json`, and the source tiles that travel with the model.

    Args:
        data: the data set's folder.
        transforms: the alignment stage's folder.
        series: the augmentation stage's folders, one a site; none leaves diffusion out.
        fold: the fold's name; its targets' labels and series are not opened.
        gate_sites: never trained on in the fold `all`.
        set_aside: The source sites that are kept for calibration.
        parameters: the stage's section.
        out: an empty folder to fill.
        work: scratch that survives a kill; a run that finds a checkpoint there goes on from it.

    Raises:
        InputError: an input is missing or damaged, or a loss is not a number.
    """
    parameters.require_weights()

    def images() -> None:
        listed = working_set.sources(
            data, transforms, series, fold, tuple(gate_sites), set_aside, parameters.working_size
        )
        working_set.build(listed, work / "images", parameters.threads, parameters.seed)

    with ThreadPoolExecutor(1) as executor:  # images decode while the slow imports run
        decoded = executor.submit(images) if first_process() else None
        import torch

        from ddlivm.detector.weights import save_weights
        from ddlivm.training.batches import batches_of
        from ddlivm.training.dtft import Dtft
        from ddlivm.training.loop import train
        from ddlivm.training.source_tiles import draw_source_tiles

        fabric = launch(parameters.precision)
        alone(fabric, lambda: decoded and decoded.result())

    torch.set_num_threads(parameters.threads)
    architecture = Architecture.of(parameters)
    batches = batches_of(work / "images", parameters, fabric)
    dtft = Dtft(fabric, architecture, parameters, fold, lambda: batches.whole(parameters.measured_images))
    history = train(fabric, dtft, batches, parameters, work)
    if not fabric.is_global_zero:
        return
    save_weights(out / "encoders.safetensors", {name: dtft.modules[name] for name in ("infrared", "visible")})
    save_weights(out / "step3.safetensors", {"": dtft.modules["joint_head"]})
    save_weights(out / "infrared_step.safetensors", {"": dtft.modules["infrared_head"]})
    architecture.save(out)
    shown = batches.sampler.working_set
    draw_source_tiles(shown, parameters.tiles, parameters.source_tiles, parameters.seed).save(out)
    write_json(out / "history.json", history)
    working_set.remove(work / "images")

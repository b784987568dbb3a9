"""What training costs against its parts: three-step iterations, phase 2 on kept outputs, and the wait for data.

    OMP_NUM_THREADS=1 python -m benchmarks.training --profile demo

Every part is timed alone and in turn with the whole, in one run; a figure is the median over the rounds of each
round's own ratio. On a processor times are its own, so that neighbours count for less; on a GPU they end when it has
finished.

- E: both encoders, forward and backward; a literal iteration executes each twice, a fused one once;
- heads: the necks and heads of the three steps, their contrast too, forward and backward, on held maps;
- updates: clipping and AdamW; the rest is what is left of an iteration;
- plain: an iteration of joint training, step 3 alone;
- utilisation: the model's operations (three times the forward's) against a matrix product timed in the same run.

With a data set and its transforms (a finished demo), the loop of the stage is timed too: how long steps wait for
tiles, and phase 2 on outputs from the disk against the same outputs held in memory.
"""

import argparse
import platform
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from ddlivm.data import SetAside, box_outlines
from ddlivm.data.aligned_pair import visible_size
from ddlivm.detector.architecture import Architecture
from ddlivm.detector.costs import operations_counter
from ddlivm.detector.encoders import Pyramid
from ddlivm.detector.heads import Truth
from ddlivm.detector.weights import save_weights
from ddlivm.files import write_json
from ddlivm.parameters import Parameters, load_parameters
from ddlivm.parameters.dtft_training import DtftTraining
from ddlivm.training import working_set
from ddlivm.training.bank import Bank
from ddlivm.training.bank_batches import Encoded
from ddlivm.training.bank_outputs import with_outputs
from ddlivm.training.batches import Batch, batches_of
from ddlivm.training.devices import launch
from ddlivm.training.dtft import STEPS, Dtft, ThreeSteps
from ddlivm.training.encoder_cache import Outputs
from ddlivm.training.prefetch import prefetched

DEFECTS = 2
"""Boxes in each synthetic tile."""

PAIRS = 16
"""Pairs of the loop with data."""

READ = {"reading": 0.0, "computing": 1.0}
"""The trial's outcome that has outputs read."""

Work = Callable[[], object]
Figures = dict[str, float]
Times = npt.NDArray[np.float64]


class Held(nn.Module):
    """An encoder that has its maps already."""

    def __init__(self, maps: Pyramid) -> None:
        super().__init__()
        self.maps = tuple(level.detach() for level in maps)

    def forward(self, image: Tensor) -> Pyramid:
        """Return them, as leaves that want gradients."""
        return tuple(level.requires_grad_() for level in (held.detach() for held in self.maps))


def seconds(device: torch.device, work: Work) -> float:
    """Time a call: of the processor, or until the GPU has finished."""
    if device.type == "cpu":
        start = time.process_time()
        work()
        return time.process_time() - start
    torch.cuda.synchronize(device)
    start = time.perf_counter()
    work()
    torch.cuda.synchronize(device)
    return time.perf_counter() - start


def median(values: Times) -> float:
    """Return the median as a plain number."""
    return float(np.median(values))


def in_turn(device: torch.device, works: dict[str, Work], rounds: int) -> dict[str, Times]:
    """Time some calls in turn, after a first round that warms up; (rounds,) seconds each."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(rounds + 1):
        for name, work in works.items():
            spent = seconds(device, work)
            if turn:
                times[name].append(spent)
        print(f"round {turn} of {rounds} is done", flush=True)
    return {name: np.array(values) for name, values in times.items()}


def synthetic(section: DtftTraining, device: torch.device) -> Batch:
    """A batch of tiles, with boxes of hotspots' sizes."""
    generator = torch.Generator().manual_seed(0)
    width, height = section.tiles.size
    count = section.batch_size
    wide, high = visible_size((width, height))
    corners = torch.rand(count, DEFECTS, 2, generator=generator) * torch.tensor([width - 40, height - 40])
    boxes = torch.cat([corners, corners + 8 + 24 * torch.rand(count, DEFECTS, 2, generator=generator)], dim=2)
    truth = Truth(
        tuple(boxes),
        tuple(torch.randint(0, 10, (count, DEFECTS), generator=generator)),
        tuple(box_outlines(each.numpy()) for each in boxes),
        (width, height),
    )
    infrared = torch.randn(count, 1, height, width, generator=generator)
    return Batch(infrared, torch.randn(count, 3, high, wide, generator=generator), truth).to(device)


def iteration(fabric: Fabric, section: DtftTraining, rounds: int) -> Figures:
    """Time both schedules, plain joint training, and every part alone."""
    architecture = Architecture.of(section)
    batch = synthetic(section, fabric.device)
    literal, fused = (
        Dtft(fabric, architecture, section.model_copy(update={"schedule": schedule}), "benchmark")
        for schedule in ("literal", "fused")
    )
    for task in (literal, fused):
        task.epoch_begins(section.epochs, resumed=True)
    encoders = {"infrared": (literal.encoders[0], batch.infrared), "visible": (literal.encoders[1], batch.visible)}

    def encode(name: str) -> Pyramid:
        encoder, image = encoders[name]
        with fabric.autocast():
            maps: Pyramid = encoder(image)
        return maps

    def executed(name: str) -> None:
        encoders[name][0].zero_grad(set_to_none=True)
        learnt = [level for level in encode(name) if level.requires_grad]  # frozen stages' levels do not
        torch.autograd.backward(learnt, [torch.ones_like(level) for level in learnt])

    without = ThreeSteps(architecture, section)
    with torch.no_grad():
        without.infrared, without.visible = (Held(encode(name)) for name in encoders)
    heads = fabric.setup_module(without)

    def headed(step: str) -> None:
        heads.zero_grad(set_to_none=True)
        losses = heads((step,), batch.infrared, batch.visible, batch.truth)
        fabric.backward(literal.detection_weight * losses[f"{step}_detection"] + losses[f"{step}_contrast"])

    def updated(task: Dtft) -> None:
        for optimiser in task.optimisers.values():
            nn.utils.clip_grad_norm_(optimiser.parameters, section.maximum_gradient)
            optimiser.adamw.step()

    def plain() -> None:
        losses = literal.model(("joint",), batch.infrared, batch.visible, batch.truth)
        total = literal.detection_weight * losses["joint_detection"] + losses["joint_contrast"]
        literal.optimisers["joint"].step(total, 1.0)

    works: dict[str, Work] = {
        "literal": lambda: literal.step(batch, 1.0),
        "literal updates": lambda: updated(literal),
        "fused": lambda: fused.step(batch, 1.0),
        "fused updates": lambda: updated(fused),
        "plain": plain,
        **{f"encoder {name}": lambda name=name: executed(name) for name in encoders},  # type: ignore[misc]
        **{f"heads {step}": lambda step=step: headed(step) for step in STEPS},  # type: ignore[misc]
    }
    times = in_turn(fabric.device, works, rounds)
    encoding = sum((times[f"encoder {name}"] for name in encoders), np.zeros(rounds))
    heading = sum((times[f"heads {step}"] for step in STEPS), np.zeros(rounds))
    floors = {"literal": 2 * encoding + heading, "fused": encoding + heading}
    figures = {f"{name}, seconds": median(value) for name, value in times.items()}
    for name, floor in floors.items():
        figures[f"{name} / ({'2 ' if name == 'literal' else ''}E + heads)"] = median(times[name] / floor)
        figures[f"{name}: updates, share"] = median(times[f"{name} updates"] / times[name])
        figures[f"{name}: the rest, share"] = median(1 - (floor + times[f"{name} updates"]) / times[name])
        figures[f"{name} / plain"] = median(times[name] / times["plain"])
    with torch.no_grad(), operations_counter() as counter:
        for step in STEPS:
            literal.model((step,), batch.infrared, batch.visible, batch.truth)
    rate = 3 * counter.get_total_flops() / median(times["literal"])
    figures["utilisation"] = rate / product_rate(fabric, rounds)
    if fabric.device.type == "cuda":
        figures["peak GPU memory, bytes"] = torch.cuda.max_memory_allocated(fabric.device)
    return figures


def product_rate(fabric: Fabric, rounds: int) -> float:
    """Return a matrix product's operations a second, in the type that layers are computed in."""
    side = 8192 if fabric.device.type == "cuda" else 1024
    factors = torch.randn(2, side, side, device=fabric.device)
    with fabric.autocast():
        first, second = factors.to((factors[0] @ factors[1]).dtype)
    spent = in_turn(fabric.device, {"product": lambda: first @ second}, rounds)["product"]
    return 2 * side**3 / median(spent)


def waiting(fabric: Fabric, parameters: Parameters, images: Path) -> Figures:
    """Return the share of wall time that steps wait for tiles; the first batch has nothing to hide behind."""
    section = parameters.dtft_training
    dtft = Dtft(fabric, Architecture.of(section), section, "benchmark")
    dtft.epoch_begins(section.epochs, resumed=True)
    waited = worked = 0.0
    before = None
    for _, batch in prefetched(batches_of(images, section, fabric).epoch(1)):
        came = time.perf_counter()
        waited += came - before if before is not None else 0.0
        dtft.step(batch, 1.0)
        if fabric.device.type == "cuda":
            torch.cuda.synchronize(fabric.device)
        before = time.perf_counter()
        worked += before - came
    return {"wait for tiles, share": waited / (waited + worked)}


def kept_outputs(fabric: Fabric, parameters: Parameters, folder: Path, rounds: int) -> Figures:
    """Time an epoch of phase 2 on outputs from the disk, and its steps on the same outputs in memory."""
    section = parameters.head_checkpointing
    tiles = section.tiles.model_copy(update={"plain": 1.0, "per_epoch": PAIRS})
    section = section.model_copy(update={"tiles": tiles, "cache_gigabytes": 64.0})
    dtft = Dtft(fabric, Architecture.of(parameters.dtft_training), parameters.dtft_training, "benchmark")
    Architecture.of(parameters.dtft_training).save(folder)
    save_weights(folder / "encoders.safetensors", {name: dtft.modules[name] for name in ("infrared", "visible")})
    save_weights(folder / "step3.safetensors", {"": dtft.modules["joint_head"]})
    save_weights(folder / "infrared_step.safetensors", {"": dtft.modules["infrared_head"]})
    bank = Bank(fabric, folder, section, "benchmark", folder)
    (folder / "outputs").mkdir()
    write_json(folder / "outputs" / "trial.json", READ)
    batches = with_outputs(fabric, bank, batches_of(folder / "images", section, fabric), folder / "outputs")
    held = [in_memory(batch) for _, batch in batches.epoch(1)]

    def learn(epoch: Iterable[tuple[float, Any]]) -> None:
        for _, batch in epoch:
            bank.step(batch, 1.0)

    times = in_turn(
        fabric.device,
        {"disk": lambda: learn(prefetched(batches.epoch(1))), "memory": lambda: learn((0.0, batch) for batch in held)},
        max(1, rounds // 3),
    )
    return {"kept outputs / heads alone": median(times["disk"] / times["memory"])}


def in_memory(batch: Any) -> Encoded:
    """Return a batch as the heads use it, in float32."""
    assert isinstance(batch, Encoded)
    infrared, visible = (
        tuple(level.float() for level in pyramid) for pyramid in (batch.outputs.infrared, batch.outputs.visible)
    )
    return Encoded(Outputs(infrared, visible), batch.truth)


def hardware(device: torch.device) -> str:
    """Return the device's name."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {torch.get_num_threads()} thread(s)"


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", default=None, help="of params.yaml; by default the one in force")
    parser.add_argument("--batch", type=int, help="tiles in a step, by default the profile's")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--transforms", type=Path, help="by default the first fold's, of the demo")
    parser.add_argument("--out", type=Path, help="a .json file for the figures")
    arguments = parser.parse_args(words)
    parameters = load_parameters(Path("params.yaml"), arguments.profile)
    section = parameters.dtft_training
    if arguments.batch:
        section = section.model_copy(update={"batch_size": arguments.batch})
    fabric = launch(section.precision)
    figures = iteration(fabric, section, arguments.rounds)
    aside = SetAside.of(parameters.calibration.sites)
    fold, gates = parameters.folds[0], tuple(parameters.gate.sites)
    transforms = arguments.transforms or Path("build/transforms") / fold
    if (transforms / "transforms.json").is_file():
        with tempfile.TemporaryDirectory() as scratch:
            places = arguments.data, transforms
            listed = working_set.sources(*places, [], fold, gates, aside, section.working_size)[:PAIRS]
            working_set.build(listed, Path(scratch) / "images", section.threads, section.seed)
            figures |= waiting(fabric, parameters, Path(scratch) / "images")
            figures |= kept_outputs(fabric, parameters, Path(scratch), arguments.rounds)
    else:
        print(f"no {transforms}/transforms.json: the loop with data is left out; run: make demo")
    for name, value in figures.items():
        print(f"{name:<34}{value:>14.4f}" if value < 1e6 else f"{name:<34}{value:>14.4g}")
    if arguments.out:
        told = {"profile": parameters.profile, "hardware": hardware(fabric.device), "batch": section.batch_size}
        write_json(arguments.out, told | {name: round(value, 5) for name, value in figures.items()})


if __name__ == "__main__":
    main()

"""Fine-tune a segmenter's network (4.1.2): AdamW on Eq. 1, resumable to the bit, the best epoch kept."""

import copy
import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ddlivm import checkpoints
from ddlivm.errors import InputError
from ddlivm.parameters.background_removal import BackgroundRemoval
from ddlivm.progress import Progress
from ddlivm.segmentation.augmentation import vary
from ddlivm.segmentation.examples import Examples
from ddlivm.segmentation.losses import supervised_loss
from ddlivm.segmentation.network import Network
from ddlivm.segmentation.segmenter import precision

RISE = 0.15
"""Share of the training in which the learning rate rises to its peak."""

History = list[dict[str, Any]]


def fine_tune(
    network: Network,
    training: Examples,
    validation: Examples,
    parameters: BackgroundRemoval,
    name: str,
    work: Path,
) -> History:
    """Train from the newest checkpoint in `work`, or from the start, and leave the network with its best epoch.

    Every draw depends on the seed, the epoch and the place in it alone, so that a run that was killed and started
    again ends in the same bytes as one that was not.

    Args:
        network: on the device where it is to be trained.
        training: what is learnt from.
        validation: set aside; the epoch with the best mean IoU on it is kept.
        parameters: the section.
        name: for messages.
        work: scratch that survives a kill.

    Returns:
        A row an epoch: `epoch`, mean `loss`, `validation_iou`.

    Raises:
        InputError: the loss is not a number any more, or the checkpoint is damaged.
    """
    steps = -(-len(training) // parameters.batch_size)
    optimiser = torch.optim.AdamW(network.parameters(), lr=parameters.learning_rate)
    path = work / "checkpoint.pt"
    history, best = _resume(path, network, optimiser)
    progress = Progress(name, parameters.epochs, speaks=True)
    if history:
        progress.say(f"goes on after epoch {len(history)}")
    for epoch in range(len(history) + 1, parameters.epochs + 1):
        torch.manual_seed(parameters.seed * 100_003 + epoch)
        rng = np.random.default_rng([parameters.seed, epoch])
        network.train()
        losses: list[float] = []
        for step, chosen in enumerate(batches(training.groups, steps, parameters.batch_size, rng)):
            share = rate_factor((epoch - 1 + (step + 0.5) / steps) / parameters.epochs)
            for group in optimiser.param_groups:
                group["lr"] = parameters.learning_rate * share
            losses.append(_step(network, optimiser, training, chosen, parameters, rng))
            if not np.isfinite(losses[-1]):
                raise InputError(f"{name}: the loss is {losses[-1]} in epoch {epoch}; lower learning_rate")
            progress.show(epoch - 1 + len(losses) / steps, partial(_means, losses))
        iou = round(float(np.mean(ious(network, validation))), 6)
        if not history or iou > max(row["validation_iou"] for row in history):
            best = copy.deepcopy(network.state_dict())
        history.append({"epoch": epoch, "loss": round(float(np.mean(losses)), 6), "validation_iou": iou})
        checkpoints.save(
            path,
            {
                "history": history,
                "network": network.state_dict(),
                "best": best,
                "optimiser": optimiser.state_dict(),
            },
        )
    network.load_state_dict(best)
    network.eval()
    return history


def rate_factor(done: float) -> float:
    """Return the learning rate's share of its peak when a share of the training is done: it rises, then falls to 0."""
    if done < RISE:
        return done / RISE
    return (1 + math.cos(math.pi * (done - RISE) / (1 - RISE))) / 2


def batches(
    groups: npt.NDArray[np.int64], steps: int, size: int, rng: np.random.Generator
) -> Iterator[npt.NDArray[np.int64]]:
    """Yield an epoch's batches of indices: every group equally often, each of its images before any comes again.

    Args:
        groups: (n,) the group of each example.
        steps: batches.
        size: of a batch.
        rng: of the order.
    """
    names = np.unique(groups)
    wanted = -(-steps * size // len(names))
    drawn = []
    for name in names:
        members = np.flatnonzero(groups == name)
        rounds = -(-wanted // len(members))
        drawn.append(np.concatenate([rng.permutation(members) for _ in range(rounds)])[:wanted])
    order = rng.permutation(np.concatenate(drawn))
    for step in range(steps):
        yield order[step * size : (step + 1) * size]


def ious(network: Network, examples: Examples) -> list[float]:
    """Return each example's intersection over union at probability 0.5; two empty masks agree wholly."""
    network.eval()
    device = next(network.parameters()).device
    scores = []
    for index in range(len(examples)):
        image = _tensor([network.normalise(examples.image(index))]).permute(0, 3, 1, 2).to(device)
        with torch.inference_mode(), precision(device):
            predicted = (network(image)[0, 0] > 0).cpu().numpy()
        truth = examples.mask(index) > 0.5
        union = int((predicted | truth).sum())
        scores.append(float((predicted & truth).sum() / union) if union else 1.0)
    return scores


def _step(
    network: Network,
    optimiser: torch.optim.Optimizer,
    training: Examples,
    chosen: npt.NDArray[np.int64],
    parameters: BackgroundRemoval,
    rng: np.random.Generator,
) -> float:
    """Update once by a batch, in parts that fit into memory; return its mean loss."""
    device = next(network.parameters()).device
    optimiser.zero_grad(set_to_none=True)
    total = 0.0
    for start in range(0, len(chosen), parameters.images_at_once):
        part = chosen[start : start + parameters.images_at_once]
        images, masks = (tensor.to(device) for tensor in _batch(network, training, part, rng))
        with precision(device):
            decoded = network.decode(images)
        loss = supervised_loss(decoded, images, masks, parameters.alphas) * (len(part) / len(chosen))
        loss.backward()
        total += loss.item()
    optimiser.step()
    return total


def _means(losses: list[float]) -> dict[str, float]:
    return {"loss": float(np.mean(losses))}


def _batch(
    network: Network, examples: Examples, chosen: npt.NDArray[np.int64], rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    varied = [
        vary(examples.image(index), examples.mask(index), bool(examples.infrared[index]), rng) for index in chosen
    ]
    images = _tensor([network.normalise(image) for image, _ in varied]).permute(0, 3, 1, 2)
    return images, _tensor([mask for _, mask in varied])[:, None]


def _tensor(arrays: list[npt.NDArray[np.float32]]) -> Tensor:
    return torch.from_numpy(np.stack(arrays))


def _resume(
    path: Path,
    network: Network,
    optimiser: torch.optim.Optimizer,
) -> tuple[History, dict[str, Any]]:
    state = checkpoints.load(path)
    if state is None:
        return [], {}
    try:
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        history, best = state["history"], state["best"]
    except (KeyError, RuntimeError, ValueError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path}: is a checkpoint of another network ({reason}); delete it to start over") from error
    return history, best

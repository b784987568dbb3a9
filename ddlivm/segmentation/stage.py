"""The stage `background_removal`: fine-tune a segmenter on the source sites' panel outlines."""

import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from ddlivm.data import DataSet
from ddlivm.errors import InputError
from ddlivm.files import write_json
from ddlivm.parameters.background_removal import BackgroundRemoval
from ddlivm.segmentation.augmentation import vary
from ddlivm.segmentation.examples import Example, load_examples
from ddlivm.segmentation.losses import background_removal_loss
from ddlivm.segmentation.segmenter import Segmenter
from ddlivm.segmentation.unet import UNet


def train_segmenter(
    data: Path, fold: str, gate_sites: tuple[str, ...], parameters: BackgroundRemoval, out: Path, work: Path
) -> None:
    """Train on the fold's source sites and keep the epoch that does best on the source images set aside.

    Args:
        data: the data set.
        fold: a held-out site, or `all`.
        gate_sites: held out of `all`.
        parameters: the section.
        out: an empty folder; gets the segmenter and `history.json`.
        work: scratch; not needed, as a run takes less than loading what it would save.

    Raises:
        InputError: no panel outlines, or the loss is not a number any more.
    """
    torch.set_num_threads(parameters.threads)
    cv2.setNumThreads(1)
    data_set = DataSet.load(data)
    sources = data_set.fold(fold, gate_sites).sources
    size = parameters.input_size
    examples = load_examples((data_set.site(site) for site in sources), size, parameters.threads)
    order = np.random.default_rng(parameters.seed).permutation(len(examples))
    aside = max(1, round(len(examples) * parameters.validation_share))
    validation = [examples[index] for index in order[:aside]]
    training = [examples[index] for index in order[aside:]] or validation
    segmenter = Segmenter(_fresh(parameters), size)
    history = _fit(segmenter, training, validation, parameters, fold)
    segmenter.save(out, parameters.channels)
    write_json(out / "history.json", history)


def _fresh(parameters: BackgroundRemoval) -> UNet:
    torch.manual_seed(parameters.seed)
    return UNet(parameters.channels).to(memory_format=torch.channels_last)


def _fit(
    segmenter: Segmenter,
    training: list[Example],
    validation: list[Example],
    parameters: BackgroundRemoval,
    fold: str,
) -> list[dict[str, Any]]:
    network = segmenter.network
    steps = -(-len(training) // parameters.batch_size)
    optimiser = torch.optim.AdamW(network.parameters(), lr=parameters.learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, parameters.learning_rate, total_steps=steps * parameters.epochs, pct_start=0.15
    )
    history: list[dict[str, Any]] = []
    best, kept = -1.0, {key: value.clone() for key, value in network.state_dict().items()}
    for epoch in range(1, parameters.epochs + 1):
        rng = np.random.default_rng([parameters.seed, epoch])
        losses = []
        network.train()
        order = rng.permutation(len(training))
        for step in range(steps):
            chosen = order[step * parameters.batch_size : (step + 1) * parameters.batch_size]
            images, masks = _batch([training[index] for index in chosen], rng)
            loss = background_removal_loss(network(images), masks, parameters.loss_weights)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
            if not np.isfinite(losses[-1]):
                raise InputError(
                    f"background_removal {fold}: the loss is {losses[-1]} in epoch {epoch}; lower learning_rate"
                )
            if step % 20 == 19 or step == steps - 1:
                print(
                    f"background_removal {fold}: epoch {epoch}/{parameters.epochs}, step {step + 1}/{steps}, "
                    f"loss {np.mean(losses):.3f}",
                    file=sys.stderr,
                    flush=True,
                )
        network.eval()
        iou = mean_iou(segmenter, validation)
        history.append({"epoch": epoch, "loss": round(float(np.mean(losses)), 6), "validation_iou": round(iou, 6)})
        if iou > best:
            best, kept = iou, {key: value.clone() for key, value in network.state_dict().items()}
    network.load_state_dict(kept)
    return history


def _batch(examples: list[Example], rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    varied = [vary(example.image, example.mask, example.infrared, rng) for example in examples]
    images = torch.from_numpy(np.stack([image for image, _ in varied])).permute(0, 3, 1, 2)
    masks = torch.from_numpy(np.stack([mask for _, mask in varied]))[:, None]
    return images, masks


def mean_iou(segmenter: Segmenter, examples: list[Example]) -> float:
    """Return the mean intersection over union at probability 0.5, over examples; two empty masks agree wholly."""
    scores = []
    with torch.inference_mode():
        for start in range(0, len(examples), 16):
            part = examples[start : start + 16]
            images = torch.from_numpy(np.stack([example.image for example in part])).permute(0, 3, 1, 2)
            predicted = (segmenter.network(images)[:, 0] > 0).numpy()
            truth = np.stack([example.mask for example in part]) > 0.5
            union = (predicted | truth).sum(axis=(1, 2))
            shared = (predicted & truth).sum(axis=(1, 2))
            scores += list(np.where(union > 0, shared / np.maximum(union, 1), 1.0))
    return float(np.mean(scores))

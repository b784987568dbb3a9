"""The stage `background_removal`: fine-tune a segmenter on the source sites' labelled panels."""

import sys
from pathlib import Path

import cv2
import numpy as np
import torch

from ddlivm.data import DataSet
from ddlivm.detector.convolutional import freeze
from ddlivm.detector.pretrained import load_pretrained, weights_file
from ddlivm.files import write_json
from ddlivm.parameters.background_removal import BackgroundRemoval, BirefnetSegmenter, EfficientUNetSegmenter
from ddlivm.segmentation.birefnet import SIZES, BiRefNet
from ddlivm.segmentation.efficient_unet import EfficientUNet
from ddlivm.segmentation.examples import load_examples
from ddlivm.segmentation.initial import load_initial_weights
from ddlivm.segmentation.network import Network
from ddlivm.segmentation.segmenter import Segmenter, placed
from ddlivm.segmentation.training import fine_tune
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
        work: scratch that survives a kill: the images at the network's size, and the last epoch's checkpoint.

    Raises:
        InputError: no labelled panels, initial weights of another network, or the loss is not a number any more.
    """
    torch.set_num_threads(parameters.threads)
    cv2.setNumThreads(1)
    data_set = DataSet.load(data)
    sources = data_set.fold(fold, gate_sites).sources
    name = f"background_removal {fold}"
    network = build_network(parameters, name)
    examples = load_examples(
        (data_set.site(site) for site in sources), parameters.input_size, parameters.threads, work / "examples.npy"
    )
    order = np.random.default_rng(parameters.seed).permutation(len(examples))
    aside = max(1, round(len(examples) * parameters.validation_share))
    validation, training = (examples.select(part) for part in (order[:aside], order[aside:]))
    history = fine_tune(network, training if len(training) else validation, validation, parameters, name, work)
    Segmenter(network, parameters.input_size).save(out)
    write_json(out / "history.json", history)


def build_network(parameters: BackgroundRemoval, name: str) -> Network:
    """Return the section's network with its initial weights, on the GPU where there is one.

    Raises:
        InputError: the file of initial weights is not of this network.
    """
    torch.manual_seed(parameters.seed)
    chosen = parameters.segmenter
    network: Network
    if isinstance(chosen, EfficientUNetSegmenter):
        network = EfficientUNet(chosen.model, chosen.features, chosen.channels)
        if chosen.weights is not None:
            load_pretrained(network, "timm", weights_file(chosen.weights))
        freeze(network.pyramid, chosen.frozen_stages)
    elif isinstance(chosen, BirefnetSegmenter):
        network = BiRefNet(SIZES[chosen.backbone])
        if chosen.weights is not None:
            load_initial_weights(network, Path(chosen.weights))
        else:
            print(f"{name}: fresh weights; give segmenter.weights to fine-tune a public file", file=sys.stderr)
    else:
        network = UNet(chosen.channels)
    return placed(network)

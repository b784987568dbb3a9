"""A stage under torchrun: two processes, one output."""

import os
import subprocess
import sys

import pytest
import yaml

from components.stage import main
from ddlivm.files import read_json, read_yaml
from tests.imports import ROOT
from tests.training.plain_stage import STAGE, work
from tests.training.plants import tiny_transformers


def words(plants, folder, out, batch_size):
    """Return the stage's arguments, for encoders without batch normalisation and one batch an epoch."""
    dtft = tiny_transformers()
    tiles = dtft.tiles.model_copy(update={"size": (64, 64), "per_epoch": 4})
    section = dtft.model_copy(update={"tiles": tiles, "batch_size": batch_size})
    content = read_yaml(ROOT / "params.yaml")
    content["profiles"]["demo"]["dtft_training"] = section.model_dump(mode="json")
    path = folder / f"{out}.yaml"
    path.write_text(yaml.safe_dump(content))
    given = {"params": path, "data": plants, "transforms": plants / "transforms", "fold": "site1"}
    given |= {"out": folder / out, "work": folder / "work"}
    return [word for name, value in given.items() for word in (f"--{name}", str(value))]


def test_one_of_two_processes_writes_and_both_learn_as_one_would(plants, tmp_path):
    launcher = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "tests.training.plain_stage"]
    command = [sys.executable, "-m", *launcher, *words(plants, tmp_path, "two", 2)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout.count(" done in ") == 1
    assert main(STAGE, work, None, words(plants, tmp_path, "one", 4)) == 0
    assert {path.name for path in (tmp_path / "two").iterdir()} == {path.name for path in (tmp_path / "one").iterdir()}
    assert sorted(path.suffix for path in (tmp_path / "work").iterdir()) == [".lock", ".lock"]
    for two, one in zip(*(read_json(tmp_path / name / "history.json") for name in ("two", "one")), strict=True):
        assert two == pytest.approx(one, abs=2e-5)  # rounded to 1e-5 each


def test_alone_there_is_no_process_group():
    import torch

    from ddlivm.training.devices import launch

    fabric = launch("auto")
    assert (fabric.world_size, fabric.device.type) == (1, "cuda" if torch.cuda.is_available() else "cpu")
    assert not torch.distributed.is_initialized()

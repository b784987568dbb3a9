"""Phase 2 on outputs from the disk learns what it learns on outputs that it computes."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from ddlivm.files import read_json, write_json
from ddlivm.training.bank import Bank
from ddlivm.training.bank_batches import Encoded, truth_of
from ddlivm.training.bank_outputs import with_outputs
from ddlivm.training.bank_stage import train_heads
from ddlivm.training.batches import batches_of
from ddlivm.training.devices import launch
from ddlivm.training.dtft_stage import train_encoders
from tests.training.plants import NOTHING, tiny_parameters

READ, COMPUTE = {"reading": 0.0, "computing": 1.0}, {"reading": 1.0, "computing": 0.0}


def plain_parameters():
    """Phase 2's section with half of the tiles whole images."""
    heads = tiny_parameters()[1]
    tiles = heads.tiles.model_copy(update={"plain": 0.5, "per_epoch": 8})
    return heads.model_copy(update={"tiles": tiles, "cache_gigabytes": 1.0})


@pytest.fixture(scope="module")
def encoders(plants, tmp_path_factory):
    folder = tmp_path_factory.mktemp("encoders")
    for name in ("out", "work"):
        (folder / name).mkdir()
    dtft = tiny_parameters()[0].model_copy(update={"epochs": 1})
    fold = ("site1", ["site2"], NOTHING)
    train_encoders(plants, plants / "transforms", [], *fold, dtft, folder / "out", folder / "work")
    return folder / "out"


def heads_of(plants, encoders, folder, trial):
    """Train the bank with the choice made beforehand; return its folder."""
    out, outputs = folder / "bank", folder / "work" / "outputs"
    for path in (out, outputs):
        path.mkdir(parents=True)
    write_json(outputs / "trial.json", trial)
    series: list[Path] = []
    fold = ("site1", ["site2"], NOTHING)
    train_heads(plants, plants / "transforms", series, encoders, *fold, plain_parameters(), out, folder / "work")
    return out


@pytest.fixture(scope="module")
def read(plants, encoders, tmp_path_factory):
    return heads_of(plants, encoders, tmp_path_factory.mktemp("read"), READ)


def test_reading_gives_the_weights_of_computing(read, plants, encoders, tmp_path):
    computed = heads_of(plants, encoders, tmp_path, COMPUTE)
    for row, other in zip(read_json(read / "history.json"), read_json(computed / "history.json"), strict=True):
        assert row == pytest.approx(other, rel=1e-3)
    weights, others = (load_file(bank / "entry_002.safetensors") for bank in (read, computed))
    # A batch of two is not computed in the order of two batches of one: the outputs' last bit may differ.
    assert all(torch.allclose(weights[key], others[key], atol=2e-3) for key in weights)


def test_the_same_outputs_give_the_same_bytes(read, plants, encoders, tmp_path):
    again = heads_of(plants, encoders, tmp_path, READ)
    assert (again / "entry_002.safetensors").read_bytes() == (read / "entry_002.safetensors").read_bytes()


@pytest.fixture(scope="module")
def bank_and_batches(plants, encoders, tmp_path_factory):
    from ddlivm.training import working_set

    work = tmp_path_factory.mktemp("bank")
    size = tiny_parameters()[0].working_size
    listed = working_set.sources(plants, plants / "transforms", [], "site1", ("site2",), NOTHING, size)
    working_set.build(listed, work / "images", 1, 0)
    parameters, fabric = plain_parameters(), launch("auto")
    bank = Bank(fabric, encoders, parameters, "site1", work)
    return fabric, bank, batches_of(work / "images", parameters, fabric)


def test_a_batch_from_the_disk_is_what_the_encoders_say(bank_and_batches, tmp_path):
    fabric, bank, batches = bank_and_batches
    write_json(tmp_path / "trial.json", READ)
    kept = with_outputs(fabric, bank, batches, tmp_path)
    given = [batch for _, batch in kept.epoch(1)]
    plan = batches.plan(1, kept._held)
    encoded = [(batch, row) for batch, row in zip(given, plan, strict=True) if isinstance(batch, Encoded)]
    assert sum(len(row) for _, row in encoded) == 4
    for batch, row in encoded:
        samples = [batches.sampler.whole(place.pair, place.plain) for _, place in row]
        for got, sample, place in zip(batch.outputs.infrared[0], samples, row, strict=True):
            alone = batches.batch([place], 1)
            expected = bank.encode(alone.infrared, alone.visible).infrared[0][0]
            assert torch.allclose(got.float(), expected.float(), rtol=2**-7, atol=1e-6)
            assert sample.infrared.shape == alone.infrared.shape[2:]
        assert [boxes.tolist() for boxes in batch.truth.boxes] == [sample.boxes.tolist() for sample in samples]
        assert batch.truth.size == batches.sampler.working_set.size


def test_the_choice_is_measured_once_and_kept(bank_and_batches, tmp_path, capsys):
    fabric, bank, batches = bank_and_batches
    first = with_outputs(fabric, bank, batches, tmp_path)
    measured = (tmp_path / "trial.json").read_bytes()
    second = with_outputs(fabric, bank, batches, tmp_path)
    assert (tmp_path / "trial.json").read_bytes() == measured
    assert first.reads is second.reads
    assert "s to read and" in capsys.readouterr().err
    assert (tmp_path / "infrared.npy").is_file() is first.reads


@pytest.mark.parametrize("change", [{"cache_gigabytes": 1e-9}, {"tiles": tiny_parameters()[1].tiles}])
def test_without_room_or_whole_images_there_is_no_cache(bank_and_batches, tmp_path, monkeypatch, change):
    fabric, bank, batches = bank_and_batches
    monkeypatch.setattr(bank, "parameters", bank.parameters.model_copy(update=change))
    assert with_outputs(fabric, bank, batches, tmp_path).cache is None
    assert not list(tmp_path.iterdir())


def test_labels_of_whole_images_are_the_pairs_own(bank_and_batches):
    _, _, batches = bank_and_batches
    truth = truth_of(batches.sampler, [1, 0])
    assert torch.equal(truth.boxes[1], torch.from_numpy(batches.sampler.working_set.boxes[0]))

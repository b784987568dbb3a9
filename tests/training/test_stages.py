import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from ddlivm.errors import InputError
from ddlivm.files import read_json
from ddlivm.training.bank_stage import train_heads
from ddlivm.training.dtft_stage import train_encoders
from tests.training.plants import tiny_parameters

NO_SERIES: list[Path] = []


def bytes_of(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def both_stages(plants, folder):
    """Run both stages for the fold that holds site1 out; return their outputs."""
    encoders, bank = folder / "encoders", folder / "bank"
    work = folder / "work"
    for path in (encoders, bank, work / "dtft", work / "bank"):
        path.mkdir(parents=True)
    dtft, heads = tiny_parameters()
    shared = (plants, plants / "transforms", NO_SERIES)
    train_encoders(*shared, "site1", ["site2"], dtft, encoders, work / "dtft")
    train_heads(*shared, encoders, "site1", ["site2"], heads, bank, work / "bank")
    return encoders, bank


@pytest.fixture(scope="module")
def trained(plants, tmp_path_factory):
    return both_stages(plants, tmp_path_factory.mktemp("trained"))


def test_what_is_written(trained):
    encoders, bank = trained
    assert set(bytes_of(encoders)) == {
        "encoders.safetensors",
        "step3.safetensors",
        "infrared_step.safetensors",
        "detector.json",
        "history.json",
    }
    assert set(bytes_of(bank)) == {
        "entry_001.safetensors",
        "entry_002.safetensors",
        "infrared_only.safetensors",
        "bank.json",
        "detector.json",
        "history.json",
    }
    assert [row["epoch"] for row in read_json(bank / "history.json")] == [1, 2]
    step3, entry = load_file(encoders / "step3.safetensors"), load_file(bank / "entry_001.safetensors")
    assert set(step3) < set(entry)
    assert "roi_head.bbox_head.fc_cls.weight" in entry
    assert not any("mask_head" in key for key in entry)
    assert load_file(bank / "infrared_only.safetensors")["bbox_head.conv_cls.bias"].shape == (10,)


def test_held_out_labels_change_nothing_and_a_second_run_gives_the_same_bytes(plants, trained, tmp_path):
    copy = tmp_path / "plants"
    shutil.copytree(plants, copy)
    path = copy / "site1" / "annotations.json"
    content = json.loads(path.read_text())
    for annotation in content["annotations"]:
        annotation["bbox"] = [0, 0, 5, 5]
    path.write_text(json.dumps(content))
    again = both_stages(copy, tmp_path)
    for folder, other in zip(trained, again, strict=True):
        assert bytes_of(folder) == bytes_of(other)


def test_encoders_rest_in_phase_2(trained, plants, tmp_path):
    """Not one bit of weights or of running statistics moves, while both heads do."""
    from ddlivm.training import working_set
    from ddlivm.training.bank import Bank
    from ddlivm.training.batches import Batches
    from ddlivm.training.devices import launch
    from ddlivm.training.tiles import TileSampler

    encoders, _ = trained
    dtft, heads = tiny_parameters()
    listed = working_set.sources(plants, plants / "transforms", NO_SERIES, "site1", ("site2",), dtft.working_size)
    images = working_set.build(listed, tmp_path / "images", 1, seed=0)
    bank = Bank(launch("32-true"), encoders, heads, "site1", tmp_path)
    frozen = {"infrared": bank.infrared, "visible": bank.visible}
    everything = frozen | bank.modules
    before = {
        name: {key: value.clone() for key, value in module.state_dict().items()} for name, module in everything.items()
    }
    for _, batch in Batches(TileSampler(images, heads.tiles, heads.augmentation, 0), 2).epoch(1):
        bank.step(batch, 1.0)
    moved = {
        name
        for name, module in everything.items()
        if any(not torch.equal(value, before[name][key]) for key, value in module.state_dict().items())
    }
    assert moved == {"entry", "reference"}
    assert not any(module.training for module in frozen.values())
    assert all(parameter.grad is None for module in frozen.values() for parameter in module.parameters())


def test_a_type_starts_as_its_shape_in_the_infrared_only_reference(trained):
    from ddlivm.data import load_taxonomy
    from ddlivm.detector.architecture import Architecture
    from ddlivm.training.bank import widened

    encoders, bank = trained
    wide = widened(encoders, Architecture.load(bank)).state_dict()
    narrow = load_file(encoders / "infrared_step.safetensors")
    for kind, shape in enumerate(load_taxonomy().shape_of_class):
        assert torch.equal(wide["bbox_head.conv_cls.weight"][kind], narrow["bbox_head.conv_cls.weight"][shape])
    assert torch.equal(wide["neck.fpn_convs.0.conv.weight"], narrow["neck.fpn_convs.0.conv.weight"])


def killed_at_the_fourth_step(monkeypatch):
    from ddlivm.training.bank import Bank

    step, calls = Bank.step, []

    def killed(self, batch, factor):
        calls.append(factor)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return step(self, batch, factor)

    monkeypatch.setattr(Bank, "step", killed)


def test_a_killed_bank_goes_on_to_the_same_bytes(plants, trained, tmp_path, monkeypatch):
    encoders, bank = trained
    _, heads = tiny_parameters()
    work = tmp_path / "work"
    work.mkdir()
    killed_at_the_fourth_step(monkeypatch)
    arguments = (plants, plants / "transforms", NO_SERIES, encoders, "site1", ["site2"], heads)
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    with pytest.raises(KeyboardInterrupt):
        train_heads(*arguments, first, work)
    train_heads(*arguments, second, work)
    assert bytes_of(second) == bytes_of(bank)


def test_a_killed_bank_with_masks_goes_on_to_the_same_bytes(plants, trained, tmp_path, monkeypatch):
    from ddlivm.detector.load import load_detector

    encoders, _ = trained
    _, heads = tiny_parameters()
    heads = heads.model_copy(update={"mask_rcnn": heads.mask_rcnn.model_copy(update={"masks": True})})
    arguments = (plants, plants / "transforms", NO_SERIES, encoders, "site1", ["site2"], heads)
    whole, first, second = (tmp_path / name for name in ("whole", "first", "second"))
    for out in (whole, first, second):
        (out / "work").mkdir(parents=True)
        (out / "bank").mkdir()
    train_heads(*arguments, whole / "bank", whole / "work")
    with monkeypatch.context() as patch:
        killed_at_the_fourth_step(patch)
        with pytest.raises(KeyboardInterrupt):
            train_heads(*arguments, first / "bank", first / "work")
    train_heads(*arguments, second / "bank", first / "work")
    assert bytes_of(second / "bank") == bytes_of(whole / "bank")
    assert load_file(whole / "bank" / "entry_002.safetensors")["roi_head.mask_head.conv_logits.bias"].shape == (10,)
    assert all(row["roi_mask"] > 0 for row in read_json(whole / "bank" / "history.json"))
    assert load_detector(encoders, whole / "bank").entries["002"].roi_head.with_mask


def test_bad_input_is_one_line(plants, trained, tmp_path):
    encoders, _ = trained
    dtft, heads = tiny_parameters()
    shared = (plants, plants / "transforms", NO_SERIES)
    with pytest.raises(InputError, match="'site9' named in params"):
        train_encoders(*shared, "site9", ["site2"], dtft, tmp_path, tmp_path)
    damaged = tmp_path / "encoders"
    shutil.copytree(encoders, damaged)
    (damaged / "encoders.safetensors").write_bytes(b"\0" * 100)
    with pytest.raises(InputError, match=r"encoders\.safetensors: cannot be read as safetensors"):
        train_heads(*shared, damaged, "site1", ["site2"], heads, tmp_path, tmp_path)
    (damaged / "detector.json").unlink()
    with pytest.raises(InputError, match=r"detector\.json: cannot be read"):
        train_heads(*shared, damaged, "site1", ["site2"], heads, tmp_path, tmp_path)


def test_the_bank_learns_in_bfloat16(plants, trained, tmp_path):
    """All branches, the masks too, run in mixed precision, and their losses are near those of float32."""
    encoders, _ = trained
    _, heads = tiny_parameters()
    heads = heads.model_copy(update={"epochs": 1, "mask_rcnn": heads.mask_rcnn.model_copy(update={"masks": True})})
    rows = {}
    for precision in ("32-true", "bf16-mixed"):
        told = heads.model_copy(update={"precision": precision})
        out = tmp_path / precision
        out.mkdir()
        train_heads(plants, plants / "transforms", NO_SERIES, encoders, "site1", ["site2"], told, out, tmp_path / "w")
        (rows[precision],) = read_json(out / "history.json")
        shutil.rmtree(tmp_path / "w")
    assert rows["bf16-mixed"] != rows["32-true"]
    assert rows["bf16-mixed"] == pytest.approx(rows["32-true"], rel=0.2, abs=0.05)

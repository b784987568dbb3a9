import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from ddlivm.data import SetAside
from ddlivm.errors import InputError
from ddlivm.files import read_json
from ddlivm.training.bank_stage import train_heads
from ddlivm.training.dtft_stage import train_encoders
from tests.training.plants import tiny_parameters

NO_SERIES: list[Path] = []
ASIDE = SetAside((("site1",), ("site3",)))
FOLD = ("site1", ["site2"], ASIDE)
"""Holds site1 out and sets site3 aside, so that site2 is left to learn from."""


def bytes_of(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def both_stages(plants, folder):
    """Run both stages for `FOLD`; return their outputs."""
    encoders, bank = folder / "encoders", folder / "bank"
    work = folder / "work"
    for path in (encoders, bank, work / "dtft", work / "bank"):
        path.mkdir(parents=True)
    dtft, heads = tiny_parameters()
    shared = (plants, plants / "transforms", NO_SERIES)
    train_encoders(*shared, *FOLD, dtft, encoders, work / "dtft")
    train_heads(*shared, encoders, *FOLD, heads, bank, work / "bank")
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
        "source_tiles.json",
        "source_tiles.safetensors",
    }
    assert set(bytes_of(bank)) == {
        "entry_000.safetensors",
        "entry_001.safetensors",
        "entry_002.safetensors",
        "infrared_only.safetensors",
        "bank.json",
        "detector.json",
        "history.json",
    }
    assert read_json(bank / "bank.json") == {
        "entries": {
            "000": {"file": "entry_000.safetensors", "heads": ["fcos"]},
            "001": {"file": "entry_001.safetensors", "heads": ["fcos", "mask_rcnn"]},
            "002": {"file": "entry_002.safetensors", "heads": ["fcos", "mask_rcnn"]},
        }
    }
    assert [row["epoch"] for row in read_json(bank / "history.json")] == [1, 2]
    step3, entry = load_file(encoders / "step3.safetensors"), load_file(bank / "entry_001.safetensors")
    assert set(step3) < set(entry)
    assert "roi_head.bbox_head.fc_cls.weight" in entry
    assert not any("mask_head" in key for key in entry)
    assert load_file(bank / "infrared_only.safetensors")["bbox_head.conv_cls.bias"].shape == (10,)


def test_entry_0_is_step_3s_own_head_byte_for_byte_and_has_one_stage(trained):
    from ddlivm.detector.load import load_detector

    encoders, bank = trained
    assert (bank / "entry_000.safetensors").read_bytes() == (encoders / "step3.safetensors").read_bytes()
    assert load_detector(encoders, bank).heads == (
        "fcos-000",
        "fcos-001",
        "fcos-002",
        "mask_rcnn-001",
        "mask_rcnn-002",
    )


def permute_labels(site):
    """Give every image of a site another's labels, and every label another's type and box."""
    path = site / "annotations.json"
    content = json.loads(path.read_text())
    before = [dict(annotation) for annotation in content["annotations"]]
    for index, annotation in enumerate(content["annotations"]):
        for key, shift in {"image_id": 2, "bbox": 1, "category_id": 3}.items():
            annotation[key] = before[(index + shift) % len(before)][key]
        annotation.pop("segmentation", None)
    path.write_text(json.dumps(content))
    assert content["annotations"] != before


def test_labels_held_out_or_set_aside_change_nothing_and_a_second_run_gives_the_same_bytes(plants, trained, tmp_path):
    copy = tmp_path / "plants"
    shutil.copytree(plants, copy)
    for site in ("site1", "site3"):
        permute_labels(copy / site)
    again = both_stages(copy, tmp_path)
    for folder, other in zip(trained, again, strict=True):
        assert bytes_of(folder) == bytes_of(other)


def test_a_sources_labels_do_change_the_encoders(plants, trained, tmp_path):
    """Else the test above would show nothing."""
    copy, out = tmp_path / "plants", tmp_path / "out"
    out.mkdir()
    shutil.copytree(plants, copy)
    permute_labels(copy / "site2")
    train_encoders(copy, copy / "transforms", NO_SERIES, *FOLD, tiny_parameters()[0], out, tmp_path / "work")
    assert bytes_of(out)["encoders.safetensors"] != bytes_of(trained[0])["encoders.safetensors"]


def bank_of(trained, plants, folder, **changes):
    """Return a bank that has learnt nothing yet, and an epoch's batches."""
    from ddlivm.training import working_set
    from ddlivm.training.bank import Bank
    from ddlivm.training.batches import Batches
    from ddlivm.training.devices import launch
    from ddlivm.training.tiles import TileSampler

    dtft, heads = tiny_parameters()
    heads = heads.model_copy(update=changes)
    data = (plants, plants / "transforms", NO_SERIES)
    listed = working_set.sources(*data, "site1", ("site2",), ASIDE, dtft.working_size)
    images = working_set.build(listed, folder / "images", 1, seed=0)
    bank = Bank(launch("32-true"), trained[0], heads, "site1", folder)
    return bank, [batch for _, batch in Batches(TileSampler(images, heads.tiles, heads.augmentation, 0), 2).epoch(1)]


def test_encoders_rest_in_phase_2(trained, plants, tmp_path):
    """Not one bit of weights or of running statistics moves, while both heads do."""
    bank, batches = bank_of(trained, plants, tmp_path)
    frozen = {"infrared": bank.infrared, "visible": bank.visible}
    everything = frozen | bank.modules
    before = {
        name: {key: value.clone() for key, value in module.state_dict().items()} for name, module in everything.items()
    }
    for batch in batches:
        bank.step(batch, 1.0)
    moved = {
        name
        for name, module in everything.items()
        if any(not torch.equal(value, before[name][key]) for key, value in module.state_dict().items())
    }
    assert moved == {"entry", "reference"}
    assert not any(module.training for module in frozen.values())
    assert all(parameter.grad is None for module in frozen.values() for parameter in module.parameters())


def test_what_step_3_has_learnt_moves_at_its_share_of_the_rate(trained, plants, tmp_path):
    """Adam's first step has the learning rate's size, whatever the gradient's."""
    bank, batches = bank_of(trained, plants, tmp_path, tuned_rate=0.2, weight_decay=0.0)
    parts = dict(bank.modules["entry"].named_children()) | {"reference": bank.modules["reference"]}
    before = {name: [p.clone() for p in part.parameters()] for name, part in parts.items()}
    bank.step(batches[0], 1.0)
    moved = {
        name: max(float((p - q).abs().max()) for p, q in zip(part.parameters(), before[name], strict=True))
        for name, part in parts.items()
    }
    slow, full = pytest.approx(2e-4, rel=0.02), pytest.approx(1e-3, rel=0.02)
    assert moved == {"neck": slow, "bbox_head": slow, "rpn_head": full, "roi_head": full, "reference": full}


def test_without_step_3s_head_the_bank_begins_with_its_first_epoch(plants, trained, tmp_path):
    encoders, _ = trained
    heads = tiny_parameters()[1].model_copy(update={"keep_step3": False, "epochs": 1})
    out = tmp_path / "bank"
    out.mkdir()
    train_heads(plants, plants / "transforms", NO_SERIES, encoders, *FOLD, heads, out, tmp_path / "work")
    assert list(read_json(out / "bank.json")["entries"]) == ["001"]
    assert not (out / "entry_000.safetensors").exists()


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
    arguments = (plants, plants / "transforms", NO_SERIES, encoders, *FOLD, heads)
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    with pytest.raises(KeyboardInterrupt):
        train_heads(*arguments, first, work)
    train_heads(*arguments, second, work)
    assert bytes_of(second) == bytes_of(bank)


def test_a_killed_bank_with_masks_goes_on_to_the_same_bytes(plants, trained, tmp_path, monkeypatch):
    from ddlivm.detector.heads import BankEntry
    from ddlivm.detector.load import load_detector

    encoders, _ = trained
    _, heads = tiny_parameters()
    heads = heads.model_copy(update={"mask_rcnn": heads.mask_rcnn.model_copy(update={"masks": True})})
    arguments = (plants, plants / "transforms", NO_SERIES, encoders, *FOLD, heads)
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
    entry = load_detector(encoders, whole / "bank").entries["002"]
    assert isinstance(entry, BankEntry) and entry.roi_head.with_mask


def test_bad_input_is_one_line(plants, trained, tmp_path):
    encoders, _ = trained
    dtft, heads = tiny_parameters()
    shared = (plants, plants / "transforms", NO_SERIES)
    with pytest.raises(InputError, match="'site9' named in params"):
        train_encoders(*shared, "site9", *FOLD[1:], dtft, tmp_path, tmp_path)
    damaged = tmp_path / "encoders"
    shutil.copytree(encoders, damaged)
    (damaged / "encoders.safetensors").write_bytes(b"\0" * 100)
    with pytest.raises(InputError, match=r"encoders\.safetensors: cannot be read as safetensors"):
        train_heads(*shared, damaged, *FOLD, heads, tmp_path, tmp_path)
    (damaged / "detector.json").unlink()
    with pytest.raises(InputError, match=r"detector\.json: cannot be read"):
        train_heads(*shared, damaged, *FOLD, heads, tmp_path, tmp_path)


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
        train_heads(plants, plants / "transforms", NO_SERIES, encoders, *FOLD, told, out, tmp_path / "w")
        (rows[precision],) = read_json(out / "history.json")
        shutil.rmtree(tmp_path / "w")
    assert rows["bf16-mixed"] != rows["32-true"]
    assert rows["bf16-mixed"] == pytest.approx(rows["32-true"], rel=0.2, abs=0.05)

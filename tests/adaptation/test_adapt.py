"""A tiny model is adapted to a tiny flight, by the real way."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from ddlivm.adaptation import adapt as module
from ddlivm.adaptation.adapt import HEAD
from ddlivm.cli import main
from ddlivm.data import AlignedPair, Transform
from ddlivm.errors import InputError, Stopped
from ddlivm.files import read_json, write_json
from ddlivm.inspection.adaptation import Adapter, adapt_to_site, scratch_of, told
from ddlivm.inspection.command import predict
from ddlivm.inspection.folder import find_pairs
from ddlivm.inspection.inspector import Inspector
from ddlivm.inspection.model import ShippedModel
from tests.adaptation.flights import source_tiles, write_flight
from tests.inspection.fresh import make_fresh_model

SIZE = (128, 96)
SMALL = {
    "tile_size": (64, 64),
    "batch_size": 2,
    "threads": 1,
    "learning_rate": 2e-3,
    "memory_share": 0.5,
}


@pytest.fixture(scope="module")
def flight(tmp_path_factory):
    return write_flight(tmp_path_factory.mktemp("plant") / "flight")


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shipped")
    return make_fresh_model(folder, SIZE)


@pytest.fixture
def panels_known(monkeypatch):
    """A segmenter that knows the colour of modules, and pairs that are aligned already."""
    loaded = Inspector.load

    def load(cls, model):
        inspector = loaded(model)
        chain = replace(inspector.chain, panels=lambda visible: (visible[..., 2] > 100).astype(np.float32))
        from ddlivm.data import PairAlignment

        alignment = PairAlignment(Transform(1.75, 0, 0), 1.0)
        return replace(
            inspector, chain=chain, align=lambda images: (alignment, {pair.name: alignment for pair, _, _ in images})
        )

    monkeypatch.setattr(Inspector, "load", classmethod(load))


@pytest.fixture
def few_steps(monkeypatch):
    monkeypatch.setattr(module, "ROUND", 2)
    monkeypatch.setattr(module, "_pace", lambda tuning, views: 15.0)  # a minute is two rounds of two steps


def adapted(shipped, flight, work, minutes=1.0, familiar=1.0, **changes):
    inspector = Inspector.load(shipped)
    kept: list[object] = []
    settings = shipped.card.settings.adaptation.model_copy(update=SMALL | changes)
    thermography = shipped.card.settings.thermography.model_copy(update={"familiar": familiar})
    adapter = Adapter(source_tiles, settings, thermography, minutes, work, kept.append)
    _, _, pairs = inspector.align_pairs(find_pairs(flight).pairs, lambda entry: None)
    chain, head, record = adapter.adapt(inspector.chain, "fcos-004", pairs)
    return chain, head, record, kept


def weights(chain, head):
    detector = chain.detector
    parts = (detector.infrared, detector.visible, detector.entries[head.rpartition("-")[2]])
    return [value.clone() for part in parts for value in part.state_dict().values()]


def test_the_loss_falls_and_the_record_says_what_it_cost(shipped, flight, tmp_path, panels_known, monkeypatch):
    monkeypatch.setattr(module, "ROUND", 4)
    monkeypatch.setattr(module, "_pace", lambda tuning, views: 1.875)
    monkeypatch.setattr(module, "_better", lambda *worths: True)
    chain, head, record, kept = adapted(shipped, flight, tmp_path)
    assert head == HEAD
    assert chain.detector.heads == (HEAD,)
    assert record.losses[1] < record.losses[0]
    assert (record.steps, record.pairs, record.set_aside, record.seed) == (32, 4, 2, 0)
    assert record.content()["transductive"] is True
    assert len(kept) == 1
    assert chain.calibration(HEAD).threshold == record.threshold


def test_the_same_seed_gives_the_same_bytes_and_a_stopped_run_goes_on(
    shipped, flight, tmp_path, panels_known, few_steps, monkeypatch
):
    monkeypatch.setattr(module, "_better", lambda *worths: True)
    whole = weights(*adapted(shipped, flight, tmp_path / "whole")[:2])
    steps = module.Tuning.step
    taken = []

    def stop_at_the_third(self, batch, factor):
        taken.append(factor)
        if len(taken) == 3:
            raise Stopped("stopped")
        return steps(self, batch, factor)

    monkeypatch.setattr(module.Tuning, "step", stop_at_the_third)
    with pytest.raises(Stopped):
        adapted(shipped, flight, tmp_path / "cut")
    resumed = weights(*adapted(shipped, flight, tmp_path / "cut")[:2])
    assert len(taken) == 3 + 2  # the first round was saved
    assert all(torch.equal(before, after) for before, after in zip(whole, resumed, strict=True))
    monkeypatch.setattr(module.Tuning, "step", steps)
    other = weights(*adapted(shipped, flight, tmp_path / "other", seed=1)[:2])
    assert not all(torch.equal(before, after) for before, after in zip(whole, other, strict=True))


def test_an_adapted_head_that_is_no_better_is_not_used(shipped, flight, tmp_path, panels_known, few_steps, monkeypatch):
    monkeypatch.setattr(module, "_better", lambda *worths: False)
    chain, head, record, kept = adapted(shipped, flight, tmp_path)
    assert (head, record.kept, kept) == ("fcos-004", False, [])
    assert "fcos-004" in chain.detector.heads


CASES = [(True, True, True), (False, True, False), (True, False, False)]


def test_a_familiar_flight_is_left_alone(shipped, flight, tmp_path, panels_known):
    _, head, record, kept = adapted(shipped, flight, tmp_path, familiar=0.0)
    assert (head, record.familiar, record.kept, record.steps, kept) == ("fcos-004", True, False, 0, [])
    assert not (tmp_path / "plan.json").exists()
    (line,) = told(record.content())
    assert line.startswith("not adapted: fcos-004 finds what thermography reports")


@pytest.mark.parametrize(("flight_", "tiles", "better"), CASES)
def test_better_is_better_on_the_flight_and_not_much_worse_on_the_source_tiles(flight_, tiles, better):
    from ddlivm.adaptation.record import Worth

    low, high = Worth(0.3, 0.3), Worth(0.8, 0.8)
    before = [low if flight_ else high, low if tiles else high]
    after = [high if flight_ else low, high if tiles else low]
    assert module._better(before, after, 1.0) is better


def test_only_fcos_heads_can_be_adapted(shipped, flight, tmp_path, panels_known):
    inspector = Inspector.load(shipped)
    pair = AlignedPair(find_pairs(flight).pairs[0], Transform(1.75, 0, 0), SIZE)
    settings = shipped.card.settings
    with pytest.raises(InputError, match=r"head 'mask_rcnn-002' cannot be adapted; expected one of fcos-000"):
        module.adapt(
            inspector.chain, "mask_rcnn-002", source_tiles(), [pair], settings.adaptation, settings.thermography, 1.0,
            tmp_path,
        )  # fmt: skip


def test_predict_adapts_reports_and_leaves_a_model_that_predict_takes(
    shipped, flight, tmp_path, panels_known, few_steps, monkeypatch, capsys
):
    monkeypatch.setattr(module, "_better", lambda *worths: True)
    settings = shipped.card.settings
    small = settings.model_copy(update={"adaptation": settings.adaptation.model_copy(update=SMALL)})
    monkeypatch.setattr(
        ShippedModel, "load", classmethod(lambda cls, folder, load=ShippedModel.load: _with(load(folder), small))
    )
    out = tmp_path / "out"
    predict(flight, shipped.folder, out, None, None, "select", adapt=1.0)
    text = capsys.readouterr().out
    assert "head: fcos-adapted (adapted)" in text
    assert "adapted from fcos-004 to these pairs without labels (transductive): 4 steps" in text
    assert "on source tiles: accuracy" in text
    content = read_json(out / "summary.json")
    assert (content["head"], content["transductive"], content["adaptation"]["steps"]) == ("fcos-adapted", True, 4)
    assert "adapted to these very pairs" in (out / "report.html").read_text()
    assert not list(tmp_path.glob(".out*"))

    again = tmp_path / "again"
    predict(flight, out / "adapted", again, None, None, "default")
    assert read_json(again / "summary.json")["by_type"] == content["by_type"]
    assert read_json(again / "detections.coco.json") == read_json(out / "detections.coco.json")
    card = ShippedModel.load(out / "adapted").card
    assert (card.default, card.heads) == (HEAD, (HEAD,))
    assert card.adaptation is not None
    assert card.adaptation["model"] == replace(shipped.card, settings=small).content_hash
    before = load_file(shipped.folder / "encoders" / "encoders.safetensors")
    after = load_file(out / "adapted" / "encoders" / "encoders.safetensors")
    assert before.keys() == after.keys()
    assert any(not torch.equal(before[key], after[key]) for key in before)


def _with(model, settings):
    return replace(model, card=replace(model.card, settings=settings))


@pytest.mark.parametrize("minutes", ["0", "-1", "1000"])
def test_minutes_out_of_range_are_one_line(minutes, shipped, flight, tmp_path, monkeypatch, capsys):
    words = ["ddlivm", "predict", str(flight), "--model", str(shipped.folder), "--out", str(tmp_path / "out")]
    monkeypatch.setattr("sys.argv", [*words, "--adapt", minutes])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "expected minutes above 0, 240 at most" in capsys.readouterr().err


def test_a_site_is_adapted_to_without_its_labels(shipped, flight, tmp_path, panels_known, few_steps, monkeypatch):
    monkeypatch.setattr(module, "_better", lambda *worths: True)
    (flight / "annotations.json").write_text("labels that nobody may read")
    settings = shipped.card.settings.adaptation.model_copy(update=SMALL | {"minutes": 1.0})
    out = tmp_path / "out"
    out.mkdir()
    adapt_to_site(flight.parent, "flight", shipped.folder, settings, out, tmp_path / "work")
    assert ShippedModel.load(out / "model").card.heads == (HEAD,)
    assert read_json(out / "adaptation.json")["steps"] == 4


def test_scratch_of_another_run_is_not_gone_on_from(shipped, flight, tmp_path):
    pairs, scratch = find_pairs(flight).pairs, tmp_path / "scratch"
    first = scratch_of(shipped, pairs, 1.0, scratch)
    write_json(first / "plan.json", {"rounds": 7})
    assert scratch_of(shipped, pairs, 1.0, scratch) == first
    assert read_json(first / "plan.json") == {"rounds": 7}
    assert scratch_of(shipped, pairs, 2.0, scratch) != first
    assert not first.exists()

"""What a run cost and where it came from, on this machine and on a cluster."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from components.arguments import Run
from components.declaration import DATA, FOLD, Input, Stage
from components.provenance import Clock, Facts, cost, data_md5, facts_of, parents, revision
from components.stage import main
from ddlivm.files import write_json
from tests.imports import ROOT

SERIES = Input("series", "The augmented series.")
FIRST = Stage("background_removal", (DATA,), "words", (FOLD,))
SECOND = Stage("dtft_training", (SERIES,), "words", (FOLD,))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data" / "site1").mkdir(parents=True)
    (tmp_path / "data" / "sites.yaml").write_bytes(b"12345")
    (tmp_path / "data" / "site1" / "image.png").write_bytes(b"pixels")
    (tmp_path / "data.dvc").write_text("outs: [{md5: abc.dir, path: data}]")
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    return tmp_path


def work(run: Run) -> None:
    (run.out / "part").mkdir()
    (run.out / "part" / "fold.txt").write_bytes(b"seven b")


def run(stage: Stage, out: str, *more: str) -> Facts:
    words = ["--params", "params.yaml", "--fold", "site5", "--out", out, "--work", "work", *more]
    assert main(stage, work, None, words) == 0
    return facts_of(Path(out))


def test_a_stages_cost_is_in_its_record(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    told = run(FIRST, "one", "--data", "data")
    assert (told["bytes_in"], told["bytes_out"]) == (11, 7)
    assert (told["gpu_seconds"], told["peak_gpu_memory_bytes"]) == (0, 0)
    assert 0 <= told["seconds"] < 60
    assert told["peak_memory_bytes"] > 10_000_000


def test_every_gpu_that_was_held_is_paid_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    cuda = SimpleNamespace(
        is_available=lambda: True, device_count=lambda: 3, max_memory_allocated=lambda index: 100 * (3 - index)
    )
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    monkeypatch.setattr(Clock, "seconds", 2.5)
    spent = cost(Clock(), [], tmp_path)
    assert (spent.seconds, spent.gpu_seconds, spent.peak_gpu_memory_bytes) == (2.5, 7.5, 300)


def test_data_code_and_image_are_handed_down(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DDLIVM_IMAGE", "host/ddlivm-heavy@sha256:1")
    monkeypatch.setenv("DDLIVM_REVISION", "c0ffee")
    first = run(FIRST, "series", "--data", "data")
    assert (first["data_md5"], first["git"], first["image"]) == ("abc.dir", "c0ffee", "host/ddlivm-heavy@sha256:1")
    assert first["parents"] == [{"input": "data", "data_md5": "abc.dir"}]
    second = run(SECOND, "two", "--series", "series")
    assert second["data_md5"] == "abc.dir"
    brief = {"data_md5": "abc.dir", "git": "c0ffee", "image": "host/ddlivm-heavy@sha256:1", "key": first["key"]}
    assert second["parents"] == [{"input": "series"} | brief]


def test_on_a_cluster_an_inputs_record_is_its_metadata(folder: Path):
    """No sidecar travels there; what Kubeflow keeps of an artifact does."""
    (folder / "elsewhere").mkdir()
    metadata = {"data_md5": "def.dir", "git": "beef", "key": "k1", "seconds": 3.0}
    entry = {"name": "series", "uri": str(folder / "elsewhere"), "metadata": metadata}
    given = json.dumps({"inputs": {"artifacts": {"series": {"artifacts": [entry]}}}})
    told = run(SECOND, "two", "--series", str(folder / "elsewhere"), "--executor-input", given)
    assert told["data_md5"] == "def.dir"
    assert told["parents"] == [{"input": "series", "data_md5": "def.dir", "git": "beef", "key": "k1"}]


def test_inputs_of_different_data_name_both():
    told: dict[str, list[Facts]] = {
        "a": [{"data_md5": "2.dir"}, {"data_md5": "1.dir"}],
        "b": [{"data_md5": "1.dir"}],
        "c": [{}],
    }
    assert data_md5(told) == "1.dir + 2.dir"
    assert data_md5({"c": [{}]}) is None
    assert [one["input"] for one in parents(told)] == ["a", "a", "b", "c"]


def test_what_has_no_record_has_none(folder: Path):
    (folder / "other").mkdir()
    (folder / "other.dvc").write_text("outs: []")
    write_json(folder / "one.provenance.json", {"key": "k1"})
    assert facts_of(folder / "other") == {"data_md5": None}
    assert facts_of(folder / "one") == {"key": "k1"}
    assert facts_of(folder / "nothing") == {}


def test_the_revision_is_gits_outside_an_image(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("DDLIVM_REVISION", raising=False)
    found = revision()
    assert found is None or len(found.removesuffix("-dirty")) == 40

import pytest

from ddlivm.errors import InputError
from ddlivm.parameters import load_parameters
from pipelines import demo
from tests.imports import ROOT

RECORD = """#!/bin/sh
echo "${OMP_WAIT_POLICY:-active} $(basename $0) $@" >> calls
test ! -e refuse
"""
ALL = "hstd_augmentation background_removal alignment dtft_training head_checkpointing head_selection"
ALL += " cross_domain_evaluation report registration"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working directory with the project's dvc.yaml, and programs that write down how they were called."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    for name in ("dvc", "ddlivm"):
        (tmp_path / name).write_text(RECORD)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "dvc.yaml").write_bytes((ROOT / "dvc.yaml").read_bytes())
    (tmp_path / "build").mkdir()
    monkeypatch.setattr(demo, "BINARIES", tmp_path)
    return tmp_path


def calls(folder) -> list[str]:
    return (folder / "calls").read_text().splitlines()


def test_one_job_names_every_stage_and_so_leaves_the_data_pointer_alone(folder):
    demo.run_stages(load_parameters(ROOT / "params.yaml"), 1)
    assert calls(folder) == [f"active dvc --wait-for-lock repro --single-item {ALL}"]


def test_two_jobs_run_the_folds_between_the_sites_and_the_report(folder):
    demo.run_stages(load_parameters(ROOT / "params.yaml"), 2)
    first, *folds, last = calls(folder)
    assert first.endswith("--single-item hstd_augmentation")
    assert last.endswith("--single-item report registration")
    assert all(line.startswith("passive dvc ") for line in folds)
    chains = sorted(line.split("--single-item ")[1] for line in folds)
    assert chains == [" ".join(f"{stage}@{fold}" for stage in ALL.split()[1:7]) for fold in ("all", "site5", "site7")]


def test_a_failed_stage_stops_the_demo(folder):
    (folder / "refuse").touch()
    with pytest.raises(InputError, match=r"dvc repro: failed \(exit status 1\)"):
        demo.run_stages(load_parameters(ROOT / "params.yaml"), 2)
    assert len(calls(folder)) == 1


def test_the_run_is_logged_once(folder):
    (folder / "dvc.lock").write_text("stages: 1")
    demo.track()
    demo.track()
    assert calls(folder) == ["active ddlivm track"]
    (folder / "dvc.lock").write_text("stages: 2")
    demo.track()
    assert len(calls(folder)) == 2

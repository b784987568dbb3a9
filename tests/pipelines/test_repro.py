import shutil
import subprocess
import time

import pytest

from tests.imports import ROOT
from tests.pipelines import miniature

SELECTION_ON = ["head_selection@all", "cross_domain_evaluation@all", "report", "registration"]
IN_ORDER = ["hstd_augmentation@site2", "background_removal@all", "alignment@all", "dtft_training@all",
            "head_checkpointing@all", *SELECTION_ON]  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A miniature repository after `dvc repro`, with what that printed."""
    folder = miniature.make(tmp_path_factory.mktemp("miniature") / "repository")
    return folder, miniature.dvc(folder, "repro")


def test_runs_every_stage_once_in_order_and_leaves_no_tracked_file_changed(finished):
    folder, printed = finished
    stages = miniature.ran(printed)
    assert sorted(stages) == sorted(IN_ORDER)
    assert stages.index("dtft_training@all") > stages.index("hstd_augmentation@site2")
    assert [stage for stage in stages if stage.endswith("@all")] == IN_ORDER[1:7]
    assert miniature.git(folder, "status", "--porcelain") == "?? dvc.lock\n"


def test_a_second_run_and_a_change_of_documentation_rerun_nothing(finished):
    folder, _ = finished
    lock = (folder / "dvc.lock").read_bytes()
    (folder / "docs").mkdir()
    for path in ("README.md", "docs/paper.md", "components/report/README.md"):
        (folder / path).write_text("more words")
    miniature.commit(folder)
    assert miniature.ran(miniature.dvc(folder, "repro")) == []
    assert (folder / "dvc.lock").read_bytes() == lock


def test_a_parameter_of_head_selection_reruns_selection_and_what_follows(finished):
    folder, _ = finished
    text = (folder / "params.yaml").read_text()
    (folder / "params.yaml").write_text(text.replace("window: 50", "window: 48"))
    assert miniature.ran(miniature.dvc(folder, "repro")) == SELECTION_ON


def test_a_killed_run_goes_on_to_the_same_outputs(finished):
    folder, _ = finished
    reference = miniature.outputs(folder)
    assert len(reference) == len(IN_ORDER)
    shutil.rmtree(folder / "build")
    shutil.rmtree(folder / ".dvc/cache/runs")
    (folder / "dvc.lock").unlink()
    slow = miniature.environment(SLOW_train_encoders="8")
    run = subprocess.Popen(
        [ROOT / ".venv/bin/dvc", "repro"], cwd=folder, env=slow, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while not list(folder.glob("build/encoders/.*.partial/half.txt")):
        assert run.poll() is None
        time.sleep(0.05)
    run.kill()  # DVC alone: its child lives on and is the writer that the next run waits for
    run.wait()
    assert not (folder / "build/encoders/all").exists()
    assert "waiting for it to end" in miniature.dvc(folder, "repro")
    assert miniature.outputs(folder) == reference
    assert not [*folder.rglob("*.partial"), *folder.rglob("half.txt")]

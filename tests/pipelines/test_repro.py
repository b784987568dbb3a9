import shutil
import subprocess
import time

from tests.pipelines import miniature

SELECTION_ON = ["head_selection@site2", "head_selection@all", "cross_domain_evaluation@site2",
                "cross_domain_evaluation@all", "report", "registration"]  # fmt: skip
IN_ORDER = ["background_removal", "alignment", "dtft_training", "head_checkpointing", "head_selection",
            "cross_domain_evaluation"]  # fmt: skip


def test_runs_every_stage_once_in_order_and_leaves_no_tracked_file_changed(finished):
    stages = miniature.ran(finished.printed)
    folds = [f"{stage}@{fold}" for stage in IN_ORDER for fold in ("site2", "all")]
    assert sorted(stages) == sorted(["hstd_augmentation@site2", *folds, "report", "registration"])
    assert stages.index("dtft_training@all") > stages.index("hstd_augmentation@site2")
    assert [stage for stage in stages if stage.endswith("@all")] == [f"{stage}@all" for stage in IN_ORDER]
    assert miniature.git(finished.folder, "status", "--porcelain") == "?? dvc.lock\n"


def test_a_second_run_and_a_change_of_documentation_rerun_nothing(finished):
    folder = finished.folder
    lock = (folder / "dvc.lock").read_bytes()
    (folder / "docs").mkdir()
    for path in ("README.md", "docs/paper.md", "components/report/README.md"):
        (folder / path).write_text("more words")
    miniature.commit(folder)
    assert miniature.ran(miniature.dvc(folder, "repro")) == []
    assert (folder / "dvc.lock").read_bytes() == lock


def test_a_parameter_of_head_selection_reruns_selection_and_what_follows(finished):
    folder = finished.folder
    text = (folder / "params.yaml").read_text()
    (folder / "params.yaml").write_text(text.replace("window: 50", "window: 48"))
    assert miniature.ran(miniature.dvc(folder, "repro")) == SELECTION_ON


def test_a_killed_run_goes_on_to_the_same_outputs(finished):
    folder = finished.folder
    miniature.git(folder, "checkout", "--quiet", "params.yaml")
    shutil.rmtree(folder / "build")
    shutil.rmtree(folder / ".dvc/cache/runs")
    (folder / "dvc.lock").unlink()
    slow = miniature.environment(SLOW_train_encoders="8")
    run = subprocess.Popen(
        [miniature.DVC, "repro"], cwd=folder, env=slow, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while not list(folder.glob("build/encoders/.*.partial/half.txt")):
        assert run.poll() is None
        time.sleep(0.05)
    run.kill()  # DVC alone: its child lives on and is the writer that the next run waits for
    run.wait()
    assert not (folder / "build/encoders/all").exists()
    assert "waiting for it to end" in miniature.dvc(folder, "repro")
    assert miniature.outputs(folder) == finished.outputs
    assert not [*folder.rglob("*.partial"), *folder.rglob("half.txt")]

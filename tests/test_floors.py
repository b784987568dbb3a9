import subprocess
import sys
from pathlib import Path

import pytest

from ddlivm.files import write_json
from tests.floors import REGISTRATION, SUMMARY, missed, unpromoted
from tests.imports import ROOT

LEARNED = {"map40": 0.85, "accuracy": 0.9, "recall40": 0.7, "predictions": 40}
UNTRAINED = {"map40": 0.002, "accuracy": 0.0, "predictions": 3}
INFRARED = {"map40": 0.6, "accuracy": 0.7, "predictions": 30}


def figures(untrained: dict[str, float] | None = None, infrared: dict[str, float] | None = None, **changed: float):
    references = {"untrained": UNTRAINED | (untrained or {}), "infrared_only": INFRARED | (infrared or {})}
    return LEARNED | {"references": references} | changed


@pytest.mark.parametrize(
    "summary",
    [
        figures(),
        figures(accuracy=0.8, map40=0.7, recall40=0.6),
        figures(untrained={"map40": 0.0}),
    ],
)
def test_a_demo_that_learned_passes(summary):
    assert missed(summary) == []


@pytest.mark.parametrize(
    ("summary", "line"),
    [
        (figures(accuracy=0.7999), "accuracy 0.800 is below 0.80"),
        (figures(map40=0.69), "map40 0.690 is below 0.70"),
        (figures(recall40=0.5), "recall40 0.500 is below 0.60"),
        (figures(map40=0.0, accuracy=0.0, predictions=0), "map40 0.000 is below 0.70"),
        (figures(accuracy=float("nan")), "accuracy nan is below 0.80"),
        (figures(infrared={"map40": 0.85}), "map40 0.850 is not above infrared only's 0.850"),
        (figures(infrared={"accuracy": 0.95}), "accuracy 0.900 is not above infrared only's 0.950"),
        (figures(untrained={"map40": 0.17}), "map40 0.850 is not above 5 times the untrained model's 0.850"),
        (figures(untrained={"accuracy": 0.2}), "accuracy 0.900 is not above 5 times the untrained model's 1.000"),
        (figures(untrained={"predictions": 0}), "the untrained model predicts nothing"),
    ],
)
def test_each_floor_is_a_line(summary, line):
    assert any(line in text for text in missed(summary))


def test_the_gate_must_let_the_shipped_model_through(tmp_path: Path):
    path = tmp_path / "registration.json"
    assert unpromoted(path) == [f"{path}: cannot be read (No such file or directory)"]
    write_json(path, {"verdict": "PROMOTE", "reasons": ["every floor is met on site2"]})
    assert unpromoted(path) == []
    write_json(path, {"verdict": "REJECT", "reasons": ["mAP@0.4 0.100 on site2 is below the floor 0.3", "and more"]})
    assert unpromoted(path) == [
        f"{path}: REJECT: mAP@0.4 0.100 on site2 is below the floor 0.3",
        f"{path}: REJECT: and more",
    ]
    write_json(path, {})
    assert len(unpromoted(path)) == 1


@pytest.mark.parametrize(("verdict", "status"), [("PROMOTE", 0), ("HOLD", 1), (None, 1)])
def test_the_command_says_so(tmp_path: Path, verdict: str | None, status: int):
    for path, content in ((SUMMARY, figures()), (REGISTRATION, {"verdict": verdict, "reasons": ["why"]})):
        (tmp_path / path).parent.mkdir(parents=True)
        if verdict is not None or path == SUMMARY:
            write_json(tmp_path / path, content)
    program = (
        f"import runpy, sys; sys.path.insert(0, {str(ROOT)!r}); runpy.run_module('tests.floors', run_name='__main__')"
    )
    result = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (status, "")
    assert result.stdout.count("\n") == 1

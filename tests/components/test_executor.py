import json
from pathlib import Path

import pytest
from kfp import dsl

from components.declaration import Card, Stage
from components.executor import ExecutorInput, local_path

STAGE = Stage(
    "report",
    (),
    "words",
    cards=(
        Card("page", "report.html"),
        Card("tables", "tables/*.md"),
        Card("metrics", "metrics.json", metrics=True),
    ),
)


@pytest.mark.parametrize("uri", ["gs://bucket/a/b", "s3://bucket/a", "minio://bucket/a/b", "/tmp/root/a/b"])
def test_paths_are_where_kubeflow_puts_them(uri):
    assert local_path(uri) == Path(dsl.Artifact(uri=uri).path)


def test_reads_a_list_in_order():
    entries = [{"name": "b", "uri": "/x/b"}, {"name": "a", "uri": "s3://x/a"}]
    content = {"inputs": {"artifacts": {"series": {"artifacts": entries}}}}
    given = ExecutorInput.parse(json.dumps(content))
    assert given.inputs("series") == [Path("/x/b"), Path("/s3/x/a")]
    assert given.inputs("figures") == []


def test_writes_cards_and_metadata(tmp_path):
    out = tmp_path / "output"
    (out / "tables").mkdir(parents=True)
    (out / "report.html").write_text("<p>page</p>")
    (out / "tables" / "b.md").write_text("| b |")
    (out / "tables" / "a.md").write_text("| a |")
    (out / "metrics.json").write_text('{"map40": 0.5, "predictions": 7, "sites": {"site5": {}}, "name": "x"}')
    names = ("output", "page", "tables", "metrics")
    artifacts = {
        name: {"artifacts": [{"name": name, "uri": str(tmp_path / name if name != "tables" else tmp_path / "t")}]}
        for name in names
    }
    target = tmp_path / "deep" / "executor_output.json"
    given = ExecutorInput({"outputs": {"artifacts": artifacts, "outputFile": str(target)}})
    given.write_output(STAGE, out, {"seconds": 1.5, "git": None, "argv": ["--long"]})
    written = {name: entry["artifacts"][0] for name, entry in json.loads(target.read_text())["artifacts"].items()}
    assert (tmp_path / "page").read_text() == "<p>page</p>\n"
    assert (tmp_path / "t").read_text() == "| a |\n| b |\n"
    assert written["metrics"]["metadata"] == {"map40": 0.5, "predictions": 7.0}
    assert written["output"] == {"name": "output", "uri": str(out), "metadata": {"seconds": 1.5}}


def test_writes_nothing_where_nothing_is_asked_for(tmp_path):
    ExecutorInput({}).write_output(STAGE, tmp_path, {})
    assert list(tmp_path.iterdir()) == []

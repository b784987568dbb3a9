import csv
import re
from dataclasses import asdict
from html.parser import HTMLParser
from pathlib import Path

import pytest

from ddlivm.errors import InputError
from ddlivm.evaluation.figures import FoldFigures
from ddlivm.evaluation.report import write_report
from ddlivm.evaluation.summary import summarise
from ddlivm.files import read_json, write_json
from ddlivm.parameters import Report
from tests.evaluation.conftest import HEADS, THRESHOLDS, make_world

REPORT = Report(title="A <run> & more")


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    world = make_world(folder)
    figures = [world.evaluate(fold, folder / "build" / "figures" / fold) for fold in ("all", "site3", "site1")]
    out = folder / "build" / "report"
    out.mkdir()
    write_report(figures, REPORT, out)
    return folder / "build"


class Tags(HTMLParser):
    """Collects what a page refers to, and whether its tags nest."""

    def __init__(self) -> None:
        super().__init__()
        self.references: list[str] = []
        self.anchors: set[str] = set()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("src", "href", "xlink:href", "action", "data"):
                self.references.append(value or "")
            if name == "id":
                self.anchors.add(f"#{value}")
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_needs_nothing_else(build: Path):
    page = (build / "report" / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"https?://|<script|@import|url\(", page)
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    for reference in tags.references:
        assert reference.startswith("data:image/") or reference in tags.anchors


def test_the_page_shows_all_parts_and_says_simulated(build: Path):
    page = (build / "report" / "report.html").read_text(encoding="utf-8")
    assert "<title>A &lt;run&gt; &amp; more</title>" in page
    for part in (
        "Table 2",
        "Table 4",
        "Table 5",
        "Figure 11",
        "Figure 5",
        "Figure 9",
        "every number of this run is simulated",
    ):
        assert part in page
    assert page.count('<img src="data:image/jpeg;base64,') == 3 * (4 + 2 + 2)
    assert page.index('id="fold-site1"') < page.index('id="fold-site3"') < page.index('id="fold-all"')


def test_the_summary_averages_the_evaluation_folds(build: Path):
    summary = read_json(build / "report" / "summary.json")
    folds = {name: FoldFigures.load(build / "figures" / name) for name in ("site1", "site3", "all")}
    own = {name: fold.row("selected").all for name, fold in folds.items()}
    assert summary["accuracy"] == pytest.approx((own["site1"].accuracy + own["site3"].accuracy) / 2)
    assert summary["map40"] == pytest.approx((own["site1"].map40 + own["site3"].map40) / 2)
    assert summary["recall40"] == pytest.approx((own["site1"].recall40 + own["site3"].recall40) / 2)
    assert summary["predictions"] == own["site1"].predictions + own["site3"].predictions
    one = summary["folds"]["site1"]
    assert (one["threshold"], one["set_aside"]) == (THRESHOLDS[one["chosen"]], ["site9"])
    assert one["matched"] == asdict(folds["site1"].row("selected").matched)
    assert set(summary["sites"]) == {"site1", "site3"}
    assert set(summary["references"]) == {"untrained", "infrared_only"}
    assert summary["references"]["untrained"]["sites"]["site1"]["predictions"] >= 0
    assert summary["folds"]["all"]["accuracy"] == own["all"].accuracy
    assert summary["simulated"] is True
    assert "seconds" not in summary
    metrics = read_json(build / "report" / "metrics.json")
    assert metrics["accuracy"] == summary["accuracy"]


def test_every_heads_threshold_is_in_its_table(build: Path):
    with (build / "report" / "tables" / "heads_site1.csv").open() as file:
        rows = {row["Head"]: row for row in csv.DictReader(file)}
    assert {head: row["Threshold"] for head, row in rows.items()} == {head: f"{THRESHOLDS[head]:.3f}" for head in HEADS}
    assert {row["Accuracy at recall 0.5"] for row in rows.values()} - {"–"}


def test_the_plots_are_long_tables(build: Path):
    with (build / "report" / "plots" / "pr_site1.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["head"] for row in rows} >= {"selected", "untrained"}
    selected = [float(row["precision"]) for row in rows if row["head"] == "selected"]
    assert len(selected) == 101
    figures = FoldFigures.load(build / "figures" / "site1")
    assert sum(selected) / 101 == pytest.approx(figures.row("selected").all.map40, abs=1e-4)
    with (build / "report" / "plots" / "training_site1.csv").open() as file:
        stages = {row["stage"] for row in csv.DictReader(file)}
    assert stages == {"background_removal", "dtft_training", "head_checkpointing"}


def test_two_reports_are_the_same_bytes(build: Path, tmp_path: Path):
    write_report([build / "figures" / name for name in ("site1", "all", "site3")], REPORT, tmp_path)
    for path in sorted((build / "report").rglob("*.*")):
        assert (tmp_path / path.relative_to(build / "report")).read_bytes() == path.read_bytes()


def test_only_the_fold_all_still_makes_a_report(build: Path, tmp_path: Path):
    write_report([build / "figures" / "all"], REPORT, tmp_path)
    assert set(read_json(tmp_path / "summary.json")["sites"]) == {"site2"}


def test_folds_at_different_thresholds_are_refused(build: Path, tmp_path: Path):
    other = tmp_path / "other"
    other.mkdir()
    write_json(other / "figures.json", read_json(build / "figures" / "site1" / "figures.json") | {"iou_threshold": 0.5})
    with pytest.raises(InputError, match="different iou_threshold"):
        write_report([build / "figures" / "site3", other], REPORT, tmp_path)
    with pytest.raises(InputError, match="no figures were given"):
        write_report([], REPORT, tmp_path)


def test_a_lost_picture_is_named(build: Path, tmp_path: Path):
    write_json(tmp_path / "figures.json", read_json(build / "figures" / "site1" / "figures.json"))
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError, match=r"detections_site1.*cannot be read"):
        write_report([tmp_path], REPORT, tmp_path / "out")


def test_the_summary_command_adds_time_and_memory(build: Path, tmp_path: Path):
    sidecars = {
        "encoders/site1": (1000.0, 60.0, 2_000_000_000),
        "figures/site1": (1059.0, 2.5, 100),  # begins a second before the one above ends
        "figures/all": (2000.0, 1.5, 300),
    }
    for name, (started, seconds, memory) in sidecars.items():
        path = build / f"{name}.provenance.json"
        write_json(path, {"started": started, "seconds": seconds, "peak_memory_bytes": memory})
    text = summarise(tmp_path / "reports", build)
    content = read_json(tmp_path / "reports" / "summary.json")
    assert content["seconds"] == 63.0
    assert content["peak_memory_bytes"] == 2_000_000_000
    assert content["stages"]["figures"] == {"runs": 2, "seconds": 4.0, "peak_memory_bytes": 300}
    assert content["accuracy"] == read_json(build / "report" / "summary.json")["accuracy"]
    assert (tmp_path / "reports" / "report.html").is_file()
    assert (tmp_path / "reports" / "tables" / "table2.md").is_file()
    assert f"{content['accuracy']:.3f}" in text and "report.html" in text and "(simulated)" in text
    assert summarise(tmp_path / "reports", build) == text


def test_the_summary_command_needs_a_report(tmp_path: Path):
    with pytest.raises(InputError, match="has no report yet"):
        summarise(tmp_path / "reports", tmp_path)

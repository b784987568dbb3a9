import shutil
from pathlib import Path

import pytest

from ddlivm.files import read_json
from ddlivm.inspection.command import predict
from ddlivm.segmentation import Segmenter
from tests.inspection.fresh import make_fresh_model, rough_panels
from tests.real_data import real_data

NAMES = ("DJI_10", "DJI_180", "DJI_260", "DJI_330", "DJI_423")


def test_a_flat_folder_of_real_pairs_is_inspected_whatever_lies_beside_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    source, folder = real_data("pv_pairs_xt2"), tmp_path / "flight"
    folder.mkdir()
    for name in NAMES:
        shutil.copy(source / "T-images" / f"{name}_T.JPG", folder)
        shutil.copy(source / "V-images" / f"{name}_V.JPG", folder)
    infrared, visible = ((folder / f"DJI_10_{kind}.JPG").read_bytes() for kind in "TV")
    for name, data in (
        ("901_T", infrared[: len(infrared) // 2]),
        ("901_V", visible),
        ("902_T", infrared),
        ("902_V", b""),
        ("903_T", b"a text file"),
        ("903_V", visible),
        ("904_T", infrared),
    ):
        (folder / f"DJI_{name}.JPG").write_bytes(data)
    model = make_fresh_model(tmp_path, (160, 128))
    monkeypatch.setattr(Segmenter, "small_probabilities", lambda _, images: [rough_panels(one) for one in images])

    predict(folder, model.folder, tmp_path / "out", None, 0.05, "default")

    lines = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[1].rpartition("/")[2] for line in lines] == [
        "DJI_904_T.JPG", "DJI_901_T.JPG", "DJI_902_V.JPG", "DJI_903_T.JPG",
    ]  # fmt: skip
    for line, reason in zip(lines, ("no visible partner", "truncated", "0 bytes", "is not an image"), strict=True):
        assert reason in line
    summary = read_json(tmp_path / "out" / "summary.json")
    assert summary["pairs"] == 5
    # This plant's pictures came registered, which nobody said.
    assert summary["alignment"]["scale"] == pytest.approx(1, abs=0.02)
    assert summary["alignment"]["offset"] == pytest.approx([0, 0], abs=8)
    images = read_json(tmp_path / "out" / "detections.coco.json")["images"]
    assert all(37.24 < image["latitude"] < 37.25 and -93.17 < image["longitude"] < -93.16 for image in images)
    assert 'class="map"' in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")

"""Which hotspots the sheet of Figure 9 shows, and how large it is."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from safetensors.numpy import save_file

from ddlivm.data import DataSet, load_taxonomy
from ddlivm.errors import InputError
from ddlivm.evaluation.series_picture import strongest, write_series_pictures
from ddlivm.files import write_json
from tests.augmentation.sites import write_site

POINT, STRIP = 0, 1


def write_series(folder: Path, rows: list[tuple[str, list[int], tuple[int, int, int, int], int]]) -> Path:
    """Write patches (pair, annotations, box, change of the last of two iterations)."""
    folder.mkdir()
    listed: list[dict[str, Any]] = []
    changes: list[np.ndarray] = []
    start = 0
    for pair, annotations, (x0, y0, x1, y1), change in rows:
        patch = np.stack([np.zeros((y1 - y0, x1 - x0)), np.full((y1 - y0, x1 - x0), change)]).astype(np.int16)
        row = {"pair": pair, "diffusivity": 0.2, "box": [x0, y0, x1, y1], "annotations": annotations, "start": start}
        listed.append(row)
        changes.append(patch.ravel())
        start += patch.size
    write_json(folder / "series.json", {"site": "site1", "iterations": 2, "step": 0.01, "patches": listed})
    kinds = {100: "dirty", 101: "diode_failure", 102: "dust"}
    names = load_taxonomy().names
    defects = [{"annotation": annotation, "kind": names.index(kind)} for annotation, kind in kinds.items()]
    write_json(folder / "defects.json", {"step": 0.01, "defects": defects})
    save_file({"changes": np.concatenate([np.zeros(0, np.int16), *changes])}, folder / "series.safetensors")
    return folder


def test_of_each_shape_the_strongest_single_hotspot_is_shown(tmp_path: Path) -> None:
    folder = write_series(
        tmp_path / "series",
        [
            ("a", [100], (5, 5, 10, 10), 300),
            ("b", [102], (0, 0, 14, 11), -900),
            ("a", [100, 101], (0, 0, 20, 20), 5000),
            ("a", [101], (35, 25, 65, 41), 10),
        ],
    )
    found = strongest(folder, {100: POINT, 101: STRIP, 102: POINT})
    assert [row.annotation for row in found] == [102, 101]
    np.testing.assert_allclose(found[0].changes[-1], -9)


def test_the_sheet_has_a_row_for_each_shape_and_says_what_it_shows(tmp_path: Path) -> None:
    data = DataSet.load(write_site(tmp_path / "data"))
    rows = [("b", [102], (0, 0, 14, 11), 900), ("a", [101], (35, 25, 65, 41), 500)]
    folder = write_series(tmp_path / "series", rows)
    (picture,) = write_series_pictures(data, [folder], ["site1"], tmp_path)
    assert "Dust, pair b, diffusivity σ = 0.20" in picture.caption
    assert "iterations 1 to 2" in picture.caption
    sheet = cv2.imread(str(tmp_path / picture.file))
    assert sheet is not None
    assert sheet.shape[1] == 3 * 160 + 2 * 8
    # Each row is as high as its surroundings are for their width: 24x21 and 50x36 pixels.
    assert sheet.shape[0] == pytest.approx(160 * 21 / 24 + 8 + 160 * 36 / 50, abs=2)
    assert write_series_pictures(data, [folder], [], tmp_path) == ()


def test_a_damaged_series_is_one_line(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "series", [("a", [100], (5, 5, 10, 10), 300)])
    (folder / "series.safetensors").write_bytes(b"no")
    with pytest.raises(InputError, match=r"series\.json: .* run it again"):
        strongest(folder, {100: POINT})
    write_json(folder / "defects.json", {})
    with pytest.raises(InputError, match=r"defects\.json: .* run it again"):
        write_series_pictures(DataSet.load(write_site(tmp_path / "data")), [folder], ["site1"], tmp_path)

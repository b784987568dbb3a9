from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from ddlivm.alignment.stage import align_sites
from ddlivm.data import SiteAlignments, Transform
from ddlivm.errors import InputError
from tests.alignment.scene import INFRARED, SECTION, corner_error, draw

RIGS = {"site1": Transform(1.5, 38, 27), "site2": Transform(1.3, 70, 40, 0.6)}


class ByThreshold:
    """A segmenter for drawn plants: warm is panel, and so is what is not greenish."""

    def small_probabilities(self, images: Sequence[np.ndarray]) -> np.ndarray:
        found = []
        for image in images:
            panel = image > 26 if image.ndim == 2 else image[..., 1].astype(int) <= image[..., 2].astype(int) + 10
            found.append(cv2.resize(panel.astype(np.float32), INFRARED, interpolation=cv2.INTER_AREA))
        return np.stack(found)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two sites of three pairs, without annotations."""
    monkeypatch.setattr("ddlivm.alignment.stage.load_segmenter", lambda folder: ByThreshold())
    folder = tmp_path / "data"
    for site, rig in RIGS.items():
        for modality in ("infrared", "visible"):
            (folder / site / modality).mkdir(parents=True)
        for seed in range(3):
            pair = draw(rig, seed)
            counts = np.round((pair.infrared + 273.15) * 100).astype(np.uint16)
            cv2.imwrite(str(folder / site / f"infrared/p{seed}.png"), counts)
            cv2.imwrite(str(folder / site / f"visible/p{seed}.jpg"), pair.visible[..., ::-1])
    scale = {"gain": 0.01, "offset": -273.15}
    entries = [{"id": site, "name": site, "station": site, "temperature_scale": scale} for site in RIGS]
    (folder / "sites.yaml").write_text(yaml.safe_dump(entries), encoding="utf-8")
    return folder


def align(data: Path, out: Path) -> Path:
    out.mkdir()
    align_sites(data, out, SECTION, out, out)
    return out / "transforms.json"


def test_every_pair_of_every_site_gets_its_transform_and_no_label_is_needed(data: Path, tmp_path: Path):
    assert not list(data.rglob("annotations.json"))
    path = align(data, tmp_path / "out")
    assert [each.name for each in path.parent.iterdir()] == ["transforms.json"]
    found = SiteAlignments.load(path)
    assert set(found.sites) == set(RIGS)
    assert set(found.pairs) == {f"{site}/p{seed}" for site in RIGS for seed in range(3)}
    for site, rig in RIGS.items():
        for seed in range(3):
            assert corner_error(found.of(site, f"p{seed}").transform, rig) < 1


def test_the_same_data_gives_the_same_bytes_with_labels_or_without(data: Path, tmp_path: Path):
    first = align(data, tmp_path / "first").read_bytes()
    (data / "site1" / "annotations.json").write_text("no JSON at all")
    assert align(data, tmp_path / "second").read_bytes() == first


def test_a_site_does_not_mind_what_another_holds(data: Path, tmp_path: Path):
    before = SiteAlignments.load(align(data, tmp_path / "first"))
    (data / "site1" / "infrared" / "p0.png").unlink()
    (data / "site1" / "visible" / "p0.jpg").unlink()
    after = SiteAlignments.load(align(data, tmp_path / "second"))
    assert after.sites["site2"] == before.sites["site2"]
    assert set(before.pairs) - set(after.pairs) == {"site1/p0"}


def test_a_site_without_panels_and_a_damaged_image_are_one_line(data: Path, tmp_path: Path):
    damaged = data / "site2" / "visible" / "p1.jpg"
    damaged.write_bytes(damaged.read_bytes()[:2000])
    with pytest.raises(InputError, match=r"site2/visible/p1\.jpg") as raised:
        align(data, tmp_path / "damaged")
    assert "\n" not in str(raised.value)
    for seed in range(3):
        cv2.imwrite(str(data / f"site1/infrared/p{seed}.png"), np.full(INFRARED[::-1], 29000, np.uint16))
    with pytest.raises(InputError, match="site1: alignment: none of 3 pairs shows panels") as raised:
        align(data, tmp_path / "bare")
    assert "\n" not in str(raised.value)

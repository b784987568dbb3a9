"""The stage on a tiny site: what it writes is what Eq. 3 gives, from the labels that it names."""

import filecmp
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from ddlivm.augmentation.diffusion import Kernel, diffuse
from ddlivm.augmentation.series import STEP, Series
from ddlivm.augmentation.source_defects import SourceDefects
from ddlivm.augmentation.stage import augment_site, hotspot_masks
from ddlivm.data import DataSet, Detections, Labels, load_taxonomy
from ddlivm.errors import InputError
from ddlivm.parameters import HstdAugmentation
from tests.augmentation.sites import HEIGHT, WIDTH, write_site

PARAMETERS = HstdAugmentation(
    corner_weight=0.1,
    edge_weight=0.4,
    diffusivity=(0.1, 0.3),
    iterations=5,
    conservative=False,
    sensor_range=(-40, 150),
    series_per_pair=2,
    sam_checkpoint=None,
    seed=0,
)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write_site(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def out(data: Path, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("series")
    augment_site(data, "site1", PARAMETERS, folder)
    return folder


def test_the_series_is_eq_3_on_the_excess(data: Path, out: Path) -> None:
    series = Series.load(out)
    assert series.site == "site1"
    assert sorted(series.pairs) == ["a", "b"]
    values = DataSet.load(data).site("site1").pairs[0].read_infrared().values
    assert len(series.pairs["a"]) == 2
    for draw, patches in enumerate(series.pairs["a"]):
        assert {patch.annotations for patch in patches} == {(100,), (101,)}
        sigma = patches[0].diffusivity
        assert 0.1 <= sigma <= 0.3
        expected = diffuse(np.maximum(values - 30, 0), Kernel(), sigma, 5) + 30
        for iteration in range(5):
            image = series.image("a", values, draw, iteration)
            np.testing.assert_allclose(image, expected[iteration], atol=STEP)


def test_a_random_image_of_the_series_leaves_the_original_alone(data: Path, out: Path) -> None:
    series = Series.load(out)
    pairs = DataSet.load(data).site("site1").pairs
    values = pairs[0].read_infrared().values
    before = values.copy()
    rng = np.random.default_rng(0)
    seen = {series.diffused("a", values, rng).tobytes() for _ in range(60)}
    assert len(seen) == 10, "two σ, five iterations"
    np.testing.assert_array_equal(values, before)
    assert values.tobytes() not in seen
    np.testing.assert_array_equal(series.diffused("c", values, rng), values)


def test_the_defects_are_the_labels_cut_out(out: Path) -> None:
    bank = SourceDefects.load([out])
    assert [(defect.pair, defect.annotation) for defect in bank.defects] == [("a", 100), ("a", 101), ("b", 102)]
    names = load_taxonomy().names
    assert [names[kind] for kind in bank.classes] == ["dirty", "diode_failure", "dust"]
    for defect in bank.defects:
        assert defect.radiometric
        assert defect.image_width == WIDTH
        np.testing.assert_allclose(defect.excess[defect.mask], 20, atol=0.02)
    np.testing.assert_allclose(bank.statistics, 1)


def test_banks_of_several_sites_follow_each_other(out: Path) -> None:
    assert len(SourceDefects.load([out, out])) == 6
    assert SourceDefects.load([]).statistics.shape == (0, 2)


def test_one_seed_gives_the_same_bytes_and_another_does_not(data: Path, out: Path, tmp_path: Path) -> None:
    for name, seed in (("again", 0), ("other", 1)):
        (tmp_path / name).mkdir()
        augment_site(data, "site1", PARAMETERS.model_copy(update={"seed": seed}), tmp_path / name)
    names = sorted(path.name for path in out.iterdir())
    assert names == ["defects.json", "defects.safetensors", "series.json", "series.safetensors"]
    assert filecmp.cmpfiles(out, tmp_path / "again", names, shallow=False)[0] == names
    assert "series.safetensors" in filecmp.cmpfiles(out, tmp_path / "other", names, shallow=False)[1]


def test_a_damaged_output_and_an_unknown_site_are_one_line(data: Path, out: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="site9"):
        augment_site(data, "site9", PARAMETERS, tmp_path)
    with pytest.raises(InputError, match="cannot be read"):
        Series.load(tmp_path)
    for name in ("series", "defects"):
        (tmp_path / f"{name}.json").write_text((out / f"{name}.json").read_text())
        (tmp_path / f"{name}.safetensors").write_bytes(b"damaged")
    with pytest.raises(InputError, match="run it again"):
        Series.load(tmp_path)
    with pytest.raises(InputError, match="run it again"):
        SourceDefects.load([tmp_path])


def test_a_labelled_outline_is_filled_and_a_box_is_its_pixels() -> None:
    triangle = np.array([[10, 10], [30, 10], [10, 30]], np.float32)
    labels = Labels(
        image_id=1,
        defects=Detections.of(np.array([[10, 10, 30, 30], [40, 5, 44.5, 9]]), [1, 1], [0, 1]),
        ids=np.array([1, 2]),
        polygons=(triangle, None),
        panels={},
        size=(WIDTH, HEIGHT),
    )
    outline, box = hotspot_masks(labels, (HEIGHT, WIDTH))
    assert 200 <= outline.sum() <= 240, "its area, and the pixels that its slope cuts"
    assert outline[12, 12]
    assert not outline[28, 28]
    assert box.sum() == 5 * 4


def test_a_sites_series_is_small_beside_its_images(out: Path) -> None:
    changes = load_file(out / "series.safetensors")["changes"]
    assert changes.dtype == np.int16
    patch_pixels = 18 * 18 + 30 * 16 + 17 * 14
    assert changes.size == 2 * 5 * patch_pixels

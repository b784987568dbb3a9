import cv2
import numpy as np
import pytest

from ddlivm.thermography import Anomalies, excess, find_anomalies
from tests.thermography.drawn import MODULE, draw, module_box, settings


def find(values: np.ndarray, panels: np.ndarray, radiometric: bool = False) -> Anomalies:
    return find_anomalies(excess(values, panels, radiometric), settings())


@pytest.mark.parametrize("seed", range(4))
def test_a_healthy_picture_has_no_anomaly(seed: int):
    assert len(find(*draw(seed))) == 0


def test_a_hot_cell_is_a_point_of_its_size_and_peak():
    values, panels = draw()
    x0, y0, *_ = module_box(1, 1, 5)
    spot = (x0 + 20, y0 + 8, x0 + 28, y0 + 14)
    values[spot[1] : spot[3], spot[0] : spot[2]] += 60
    found = find((values * 0.1).astype(np.float32), panels, radiometric=True)
    assert found.shape_names == ("point",)
    np.testing.assert_allclose(found.boxes[0], spot, atol=1)
    assert found.sizes[0] == pytest.approx(48, abs=20)
    assert found.unit == "K"
    assert found.peaks[0] == pytest.approx(6, abs=1)
    assert found.means[0] == pytest.approx(6, abs=1)


def test_a_streak_at_a_tables_lower_edge_is_one_strip():
    values, panels = draw()
    x0, _, _, y1 = module_box(0, 2, 4)
    values[y1 - 7 : y1, x0 + 4 : x0 + 44] += 50
    found = find(values, panels)
    assert found.shape_names == ("strip",)
    np.testing.assert_allclose(found.boxes[0], (x0 + 4, y1 - 7, x0 + 44, y1), atol=2)


def test_a_patchwork_module_is_one_bar():
    values, panels = draw()
    x0, y0, x1, y1 = module_box(2, 1, 3)
    cells = np.random.default_rng(2).random((4, 10)) < 0.5
    values[y0:y1, x0:x1] += 60 * np.kron(cells, np.ones((6, 5)))[: y1 - y0, : x1 - x0].astype(np.float32)
    found = find(values, panels)
    assert found.shape_names == ("bar",)
    np.testing.assert_allclose(found.boxes[0], (x0, y0, x1, y1), atol=6)


def test_an_evenly_hot_string_is_one_region_and_one_hot_module_a_bar():
    values, panels = draw()
    for row in range(3):
        for column in range(2, 8):
            x0, y0, x1, y1 = module_box(1, row, column)
            values[y0:y1, x0:x1] += 50
    x0, y0, x1, y1 = module_box(0, 0, 9)
    values[y0:y1, x0:x1] += 40
    found = find(values, panels)
    assert sorted(found.shape_names) == ["bar", "region"]
    string = found[found.shapes == found.shapes.max()]
    first, last = module_box(1, 0, 2), module_box(1, 2, 7)
    np.testing.assert_allclose(string.boxes[0], (*first[:2], *last[2:]), atol=1)
    assert string.sizes[0] == pytest.approx(18 * MODULE[0] * MODULE[1], rel=0.1)


def test_hot_ground_beside_the_panels_is_no_anomaly():
    values, panels = draw(ground=60)
    values[150:205, 100:300] = 250
    values[300:355, 100:300] = 250
    assert len(find(values, panels)) == 0


def test_fainter_than_the_least_kelvin_is_no_anomaly():
    values, panels = draw()
    x0, y0, *_ = module_box(1, 1, 5)
    values[y0 + 8 : y0 + 16, x0 + 20 : x0 + 30] += 60
    assert len(find((values * 0.1).astype(np.float32), panels, radiometric=True)) == 1
    assert len(find((values * 0.01).astype(np.float32), panels, radiometric=True)) == 0


def test_an_image_of_twice_the_size_gives_the_same_anomalies():
    values, panels = draw()
    x0, y0, *_ = module_box(1, 1, 5)
    values[y0 + 8 : y0 + 16, x0 + 20 : x0 + 30] += 60
    once = find(values, panels)
    twice = find(cv2.resize(values, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR), panels)
    assert twice.shape_names == once.shape_names
    np.testing.assert_allclose(twice.boxes / 2, once.boxes, atol=1)


def test_a_turned_picture_gives_the_same_anomalies():
    values, panels = draw()
    x0, y0, *_ = module_box(1, 1, 5)
    values[y0 + 8 : y0 + 16, x0 + 20 : x0 + 30] += 60
    turn = cv2.getRotationMatrix2D((320, 256), 30, 1)
    turned = cv2.warpAffine(values, turn, (640, 512), borderMode=cv2.BORDER_REPLICATE)
    mask = cv2.warpAffine(panels.astype(np.float32), turn, (640, 512))
    found = find(turned, mask)
    centre = turn @ (x0 + 25, y0 + 12, 1)
    assert len(found) == 1
    np.testing.assert_allclose((found.boxes[0, :2] + found.boxes[0, 2:]) / 2, centre, atol=2)


def test_anomalies_come_strongest_first_and_can_be_selected():
    values, panels = draw()
    for column, height in ((2, 40), (5, 90), (8, 60)):
        x0, y0, *_ = module_box(1, 1, column)
        values[y0 + 8 : y0 + 16, x0 + 20 : x0 + 30] += height
    found = find(values, panels)
    assert len(found) == 3
    assert (np.diff(found.strengths) <= 0).all()
    assert len(found[found.peaks > found.peaks.mean()]) in (1, 2)

from pathlib import Path

import cv2
import numpy as np

from ddlivm.data import DataSet, Detections, Transform
from ddlivm.evaluation.pictures import BLACK, BLUE, GREEN, beside, checkerboard, draw_boxes, paint, to_infrared_frame
from ddlivm.evaluation.samples import detection_picture, telling_pairs
from tests.evaluation.conftest import TRANSFORM, make_data


def test_paint_orders_cold_to_hot():
    painted = paint(np.linspace(10, 60, 100, dtype=np.float32).reshape(1, -1))
    brightness = painted.astype(int).sum(axis=2)[0]
    assert (np.diff(brightness) >= -6).all()
    assert brightness[-1] > brightness[0] + 400


def test_a_warp_puts_visible_pixels_where_the_transform_says():
    visible = np.zeros((200, 300, 3), dtype=np.uint8)
    transform = Transform(1.5, 30.0, 12.0)
    x, y = transform.to_visible([(80.5, 60.5)])[0].round().astype(int)
    visible[y - 6 : y + 6, x - 6 : x + 6] = 255
    warped = to_infrared_frame(visible, transform, (160, 120))
    ys, xs = np.nonzero(warped[:, :, 0] > 128)
    assert (abs(xs.mean() - 80), abs(ys.mean() - 60)) < (0.6, 0.6)


def test_a_checkerboard_takes_turns():
    board = checkerboard(np.zeros((16, 16, 3), np.uint8), np.full((16, 16, 3), 255, np.uint8), tiles=4)
    assert board[0, 0, 0] == 0
    assert board[0, 4, 0] == 255
    assert board[4, 4, 0] == 0
    assert board.mean() == 127.5


def test_boxes_are_drawn_in_their_colour_and_the_original_stays():
    picture = np.full((60, 80, 3), 90, dtype=np.uint8)
    drawn = draw_boxes(picture, np.array([[20.0, 20, 50, 40]]), ["x"], GREEN)
    assert (picture == 90).all()
    assert tuple(drawn[30, 50]) == GREEN
    assert tuple(drawn[30, 35]) == (90, 90, 90)


def test_labels_at_the_border_stay_inside():
    picture = np.full((40, 60, 3), 90, dtype=np.uint8)
    drawn = draw_boxes(picture, np.array([[50.0, 0, 59, 5]]), ["Facility"], BLUE)
    assert drawn.shape == picture.shape
    assert (drawn == np.array(BLUE)).all(axis=2).sum() > 200


def test_pictures_beside_each_other():
    assert beside([np.zeros((5, 7, 3), np.uint8)] * 3, gap=2).shape == (5, 25, 3)


def test_detections_are_green_blue_or_black(tmp_path: Path):
    site = DataSet.load(make_data(tmp_path / "data", ("site1",), 2)).site("site1")
    pair = site.pairs[0]
    labels = site.labels[pair.name]
    everything, counts = detection_picture(pair, TRANSFORM, labels.defects, labels)
    assert counts == f"{len(labels.defects)} correct, 0 missed, 0 false"
    assert not has(everything, BLUE)
    nothing, counts = detection_picture(pair, TRANSFORM, Detections.empty(), labels)
    assert counts == f"0 correct, {len(labels.defects)} missed, 0 false"
    assert has(nothing, BLUE)
    assert not has(nothing, GREEN)
    away = Detections.of([[0, 0, 3, 3]], [0.9], [0])
    assert detection_picture(pair, TRANSFORM, away, labels)[1].endswith("1 false")
    assert has(detection_picture(pair, TRANSFORM, away, labels)[0], BLACK)


def has(picture: np.ndarray, colour: tuple[int, int, int]) -> bool:
    return bool((picture == np.array(colour)).all(axis=2).sum() > 20)


def test_telling_pairs_show_new_types_first(tmp_path: Path):
    site = DataSet.load(make_data(tmp_path / "data", ("site1",), 6)).site("site1")
    chosen = telling_pairs(site, 3)
    kinds = {pair.name: set(site.labels[pair.name].defects.classes.tolist()) for pair in site.pairs}
    assert len({pair.name for pair in chosen}) == 3
    assert len(kinds[chosen[0].name]) == max(len(value) for value in kinds.values())
    shown = kinds[chosen[0].name]
    most = max(len(value - shown) for name, value in kinds.items() if name != chosen[0].name)
    assert len(kinds[chosen[1].name] - shown) == most
    assert cv2.haveImageReader(str(chosen[0].visible_path))

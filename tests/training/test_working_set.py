import json
import shutil

import numpy as np
import pytest

from ddlivm.augmentation.diffusion import Kernel
from ddlivm.augmentation.series import Patch, Series
from ddlivm.data import DataSet, Detections, Labels, SetAside, SiteAlignments, WorkingFrame
from ddlivm.errors import InputError
from ddlivm.training import working_set
from tests.training.plants import NOTHING, SIZE


def listed(plants, series=(), aside=NOTHING):
    return working_set.sources(plants, plants / "transforms", series, "site1", ("site2",), aside, SIZE)


def test_images_are_kept_above_their_median_and_boxes_in_the_working_frame(plants, tmp_path):
    built = working_set.build(listed(plants), tmp_path / "images", 2, seed=0)
    site = DataSet.load(plants).site("site2")
    pair = site.pairs[0]
    values = pair.read_infrared().values
    assert len(built) == 6
    assert built.size == SIZE
    assert np.allclose(built.infrared[0, 0], values - np.median(values), atol=0.02)
    assert np.array_equal(built.visible[0], pair.read_visible())
    assert np.allclose(built.boxes[0], site.labels[pair.name].defects.boxes)
    (x0, y0, x1, y1), box = built.boxes[0]
    triangle, corners = built.outlines[0]
    assert triangle.tolist() == [[x0, y0], [x1, y0], [x0, y1]]
    assert corners.tolist() == [[box[0], box[1]], [box[2], box[1]], [box[2], box[3]], [box[0], box[3]]]
    again = working_set.build(listed(plants), tmp_path / "images", 1, seed=0)
    assert np.array_equal(built.infrared[:], again.infrared[:])
    assert all(np.array_equal(a, b) for a, b in zip(built.classes, again.classes, strict=True))
    assert [[points.tolist() for points in each] for each in built.outlines] == [
        [points.tolist() for points in each] for each in again.outlines
    ]
    working_set.remove(tmp_path / "images")
    assert not (tmp_path / "images").exists()


def test_a_killed_build_starts_over(plants, tmp_path):
    whole = working_set.build(listed(plants), tmp_path / "whole", 1, seed=0)
    folder = tmp_path / "killed"
    folder.mkdir()
    (folder / "infrared.npy").write_bytes(b"half")
    again = working_set.build(listed(plants), folder, 1, seed=0)
    assert np.array_equal(again.infrared[:], whole.infrared[:])


def test_series_are_drawn_for_the_variants(plants, tmp_path):
    folders = []
    for site in ("site2", "site3"):
        changes = np.full((2, 4, 4), 300, dtype=np.int16)
        patch = Patch((8, 8, 12, 12), 0.2, (1,), changes)
        folder = tmp_path / site
        folder.mkdir()
        Series(site, Kernel(0.1, 0.4, False), 2, {f"p{n}": ((patch,),) for n in (1, 2, 3)}).save(folder)
        folders.append(folder)
    built = working_set.build(listed(plants, folders), tmp_path / "images", 1, seed=0)
    difference = built.infrared[:, 1].astype(np.float32) - built.infrared[:, 0]
    assert np.allclose(difference[:, 8:12, 8:12], 3, atol=0.05)
    assert np.abs(difference[:, 20:]).max() == 0
    with pytest.raises(InputError, match="'site3' has no diffused series"):
        listed(plants, folders[:1])


def test_held_out_and_set_aside_labels_are_never_opened(plants, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(plants, copy)
    (copy / "site1" / "annotations.json").unlink()
    assert len(listed(copy)) == 6
    (copy / "site3" / "annotations.json").unlink()
    left = listed(copy, aside=SetAside((("site1",), ("site3",))))
    assert {source.aligned.pair.site for source in left} == {"site2"}
    assert len(left) == 3


def test_boxes_outside_the_common_ground_are_left_out(plants, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(plants, copy)
    alignments = SiteAlignments.load(copy / "transforms" / "transforms.json")
    path = copy / "site2" / "annotations.json"
    content = json.loads(path.read_text())
    box = {"image_id": 1, "category_id": 1, "area": 1, "iscrowd": 0}
    outline = {"segmentation": [[-4, 10, 6, 15, -4, 20]]}
    content["annotations"] = [
        box | {"id": 1, "bbox": [-8, 10, 10, 10]},
        box | outline | {"id": 2, "bbox": [-4, 10, 10, 10]},
    ]
    path.write_text(json.dumps(content))
    built = working_set.build(listed(copy), tmp_path / "images", 1, seed=0)
    assert built.boxes[0].tolist() == [[0, 10, 6, 20]]
    assert [points.tolist() for points in built.outlines[0]] == [[[-4, 10], [6, 15], [-4, 20]]]
    assert alignments.of("site2", "p1").confidence == 1


def test_outlines_move_to_the_working_frame_as_boxes_do():
    """A crop that begins at (20, 10), shown at twice its width and half its height."""
    frame = WorkingFrame((20, 10, 84, 106), (128, 48))
    triangle = np.array([[30, 20], [50, 20], [30, 40]], np.float32)
    labels = Labels(
        image_id=1,
        defects=Detections.of([[30, 20, 50, 40], [0, 0, 8, 8], [60, 50, 70, 60]], [1, 1, 1], [0, 1, 2]),
        ids=np.array([1, 2, 3]),
        polygons=(triangle, None, None),
        panels={},
        size=(128, 128),
    )
    boxes, classes, outlines = working_set._labels_in(frame, labels)
    assert boxes.tolist() == [[20, 5, 60, 15], [80, 20, 100, 25]]
    assert classes.tolist() == [0, 2]
    assert outlines[0].tolist() == [[20, 5], [60, 5], [20, 15]]
    assert outlines[1].tolist() == [[80, 20], [100, 20], [100, 25], [80, 25]]


def test_what_is_missing_is_named(plants, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(plants, copy)
    path = copy / "site2" / "annotations.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"images": content["images"][1:], "annotations": []}))
    with pytest.raises(InputError, match=r"p1\.png: is not listed"):
        listed(copy)
    path.write_text(json.dumps(content | {"annotations": []}))
    (copy / "site3" / "annotations.json").write_text(json.dumps(content | {"annotations": []}))
    with pytest.raises(InputError, match="nothing to learn from"):
        listed(copy)

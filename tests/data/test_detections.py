from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ddlivm.data import Detections

rows = st.lists(
    st.tuples(
        st.integers(0, 64_000),
        st.integers(0, 51_200),
        st.integers(1, 64_000),
        st.integers(1, 51_200),
        st.integers(0, 9),
    ),
    max_size=8,
)


@given(rows)
def test_coco_rows_go_there_and_back(given_rows: list[tuple[int, int, int, int, int]]):
    # Hundredths of a pixel are what the file keeps.
    boxes = [(x / 100, y / 100, (x + width) / 100, (y + height) / 100) for x, y, width, height, _ in given_rows]
    scores = [0.5 + index / 100 for index in range(len(boxes))]
    before = Detections.of(boxes, scores, [row[-1] for row in given_rows])
    entries = before.to_coco(7)
    assert all(entry["image_id"] == 7 and 1 <= entry["category_id"] <= 10 for entry in entries)
    after = Detections.from_coco(entries)
    np.testing.assert_allclose(after.boxes, before.boxes, atol=0.011)
    np.testing.assert_allclose(after.scores, before.scores, atol=1e-5)
    np.testing.assert_array_equal(after.classes, before.classes)


def test_labels_are_certain():
    found = Detections.from_coco([{"bbox": [1, 2, 3, 4], "category_id": 10}])
    np.testing.assert_array_equal(found.boxes, [(1, 2, 4, 6)])
    assert found.scores.tolist() == [1]
    assert found.classes.tolist() == [9]


def test_a_selection_keeps_rows_together():
    found = Detections.of([(0, 0, 1, 1), (2, 2, 3, 3), (4, 4, 5, 5)], [0.1, 0.9, 0.5], [1, 2, 3])
    best = found[np.argsort(-found.scores)[:2]]
    np.testing.assert_array_equal(best.boxes, [(2, 2, 3, 3), (4, 4, 5, 5)])
    assert best.classes.tolist() == [2, 3]
    assert len(found[found.scores > 0.4]) == 2


def test_alternatives_go_with_their_rows_and_are_listed_best_first():
    others = np.zeros((2, 10), np.float32)
    others[1, [3, 0, 7]] = 0.2, 0.30001, 0.2
    found = Detections.of([(0, 0, 1, 1), (2, 2, 3, 3)], [0.9, 0.5], [1, 2])
    assert all("alternatives" not in row for row in found.to_coco(1))
    resolved = replace(found, alternatives=others)
    assert [row["alternatives"] for row in resolved.to_coco(1)] == [
        [],
        [{"category_id": 1, "score": 0.30001}, {"category_id": 4, "score": 0.2}, {"category_id": 8, "score": 0.2}],
    ]
    kept = resolved[resolved.scores < 0.6].alternatives
    assert kept is not None and np.array_equal(kept, others[1:])


def test_nothing_has_the_right_shapes():
    nothing = Detections.empty()
    assert (nothing.boxes.shape, nothing.scores.shape, nothing.classes.shape) == ((0, 4), (0,), (0,))
    assert nothing.to_coco(1) == []
    assert len(Detections.from_coco([])) == 0

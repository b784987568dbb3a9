import numpy as np
import pytest

from ddlivm.training.source_tiles import draw_source_tiles
from ddlivm.training.working_set import WorkingSet
from tests.training.plants import tiny_parameters

SIZE = (160, 128)


@pytest.fixture
def images():
    """Four images whose values say where they are, with two defects each: of type 3 in all, of type 8 in one."""
    infrared = np.zeros((4, 3, SIZE[1], SIZE[0]), np.float16)
    infrared[:, 0] = np.arange(SIZE[0]) + 100 * np.arange(4)[:, None, None]
    infrared[:, 1:] = -1  # diffused
    visible = np.zeros((4, SIZE[1] * 7 // 4, SIZE[0] * 7 // 4, 3), np.uint8)
    boxes = np.array([[20, 20, 32, 30], [100, 80, 110, 90]], np.float32)
    outlines = tuple(np.array([[20, 20], [32, 20], [32, 30]], np.float32) for _ in boxes)
    classes = [np.array([3, 8 if index == 0 else 3]) for index in range(4)]
    spans = np.array([40, 41, 42, 43], np.float32)
    return WorkingSet(infrared, visible, spans, (boxes,) * 4, tuple(classes), (outlines,) * 4)


def test_types_have_equally_many_tiles_where_there_are_enough(images):
    tiles = draw_source_tiles(images, tiny_parameters()[0].tiles, 2, seed=0)
    assert len(tiles) == 3  # type 8 has one defect
    assert all(sample.size == (96, 64) for sample in tiles.samples)
    assert all(len(sample.boxes) >= 1 for sample in tiles.samples)
    assert 8 in tiles.samples[2].classes


def test_tiles_are_as_they_were_taken_with_their_own_span(images):
    tiles = draw_source_tiles(images, tiny_parameters()[0].tiles, 3, seed=0)
    for sample, span in zip(tiles.samples, tiles.spans, strict=True):
        number = int(span) - 40
        assert (np.diff(sample.infrared, axis=1) == 1).all()  # at the native scale
        assert 100 * number <= sample.infrared.min() < 100 * number + SIZE[0]


def test_the_choice_is_the_seeds(images):
    def drawn(seed):
        return draw_source_tiles(images, tiny_parameters()[0].tiles, 3, seed)

    def same(first, second):
        return all(
            np.array_equal(one.infrared, two.infrared) for one, two in zip(first.samples, second.samples, strict=True)
        )

    assert same(drawn(0), drawn(0))
    assert not same(drawn(0), drawn(1))

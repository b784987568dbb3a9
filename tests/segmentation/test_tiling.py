import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddlivm.segmentation.images import Field, Image
from ddlivm.segmentation.tiling import tiled

REACH = 4


def local_mean(image: Image) -> Field:
    """A network that sees `REACH` pixels far."""
    return np.asarray(cv2.blur(image, (2 * REACH + 1, 2 * REACH + 1), borderType=cv2.BORDER_REFLECT_101), np.float32)


def picture(height: int, width: int) -> Field:
    return np.random.default_rng(0).uniform(0, 1, (height, width)).astype(np.float32)


@settings(max_examples=30, deadline=None)
@given(st.integers(20, 150), st.integers(20, 150), st.integers(1, 15))
def test_what_looks_at_single_pixels_is_the_same_in_tiles(height: int, width: int, overlap: int):
    image = picture(height, width)
    found = tiled(lambda tile: np.square(tile, dtype=np.float32), image, (40, 32), overlap)
    np.testing.assert_allclose(found, np.square(image), atol=1e-6)


def test_only_beside_the_seams_a_local_network_sees_less_than_in_one_look():
    image, overlap = picture(120, 200), 24
    whole, parts = local_mean(image), tiled(local_mean, image, (80, 72), overlap)
    wrong = np.abs(parts - whole) > 1e-5
    # Tiles are at columns 0, 40, 80 and 120 and rows 0 and 48: a tile errs within its reach of its own edge.
    near = np.zeros(image.shape, bool)
    for edge in (40, 80, 120, 160):
        near[:, edge - REACH : edge + REACH] = True
    for edge in (48, 72):
        near[edge - REACH : edge + REACH] = True
    assert wrong.any()
    assert not wrong[~near].any()


def test_a_tiles_edge_says_little():
    image, overlap = picture(64, 200), 32
    whole, parts = local_mean(image), tiled(local_mean, image, (104, 64), overlap)
    worst = np.abs(local_mean(image[:, :104]) - whole[:, :104])[:, -1].max()  # what a cut there would show
    assert np.abs(parts - whole)[:, 103].max() < worst / 20


def test_tiles_have_one_size_and_cover_everything():
    sizes = set()

    def ones(tile: Image) -> Field:
        sizes.add(tile.shape)
        return np.ones(tile.shape[:2], np.float32)

    np.testing.assert_allclose(tiled(ones, np.zeros((301, 405, 3), np.uint8), (128, 96), 16), 1, atol=1e-6)
    assert sizes == {(96, 128, 3)}


@pytest.mark.parametrize("shape", [(96, 128), (50, 60), (1, 1)])
def test_an_image_no_larger_than_a_tile_is_one_look(shape: tuple[int, int]):
    image, looks = picture(*shape), []

    def look(tile: Image) -> Field:
        looks.append(tile.shape)
        return local_mean(tile)

    found = tiled(look, image, (128, 96), 16)
    assert looks == [shape]
    np.testing.assert_allclose(found, local_mean(image), atol=1e-6)

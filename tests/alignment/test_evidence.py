import numpy as np
import pytest

from ddlivm.alignment import gather
from ddlivm.alignment.evidence import INFRARED_WIDTH, VISIBLE_WIDTH, choose, structure
from ddlivm.data import Transform
from tests.alignment.scene import draw


def module_grid() -> np.ndarray:
    image = np.random.default_rng(0).normal(0, 0.05, (80, 100))
    image[::16] -= 4
    image[:, ::16] -= 4
    return image.astype(np.float32)


@pytest.mark.parametrize(("gain", "offset"), [(-1, 0), (5, 0), (1, 273.15), (-40, 200)])
def test_structure_minds_neither_sign_nor_units(gain: float, offset: float):
    image = module_grid()
    np.testing.assert_allclose(structure(image * np.float32(gain) + offset), structure(image), atol=0.05)


def test_structure_is_high_on_edges_and_low_between():
    found = structure(module_grid())
    assert found[30:34, 20:30].mean() > 1.5 * found[38:42, 22:26].mean()


def test_one_glaring_edge_does_not_outweigh_the_grid():
    image = module_grid()
    glaring = image.copy()
    glaring[40:43, 10:90] += 400
    assert structure(glaring)[:20].max() > 0.5 * structure(image)[:20].max()


def test_a_burnt_out_patch_has_no_structure():
    image = module_grid()
    image[:, 60:] = 30
    assert structure(image)[:, 66:].max() < 0.1 * structure(image)[:, :60].mean()
    np.testing.assert_array_equal(structure(np.zeros((40, 50), np.float32)), 0)


def test_gathering_shrinks_large_images_and_keeps_raw_sizes():
    infrared, visible = np.zeros((512, 640), np.float32), np.zeros((1024, 1280, 3), np.uint8)
    mask = np.zeros((16, 16), np.float32)
    found = gather("p", infrared, visible, mask, mask)
    assert (found.infrared_size, found.visible_size) == ((640, 512), (1280, 1024))
    assert found.infrared.shape == (256, INFRARED_WIDTH)
    assert found.visible.shape == (512, VISIBLE_WIDTH)
    small = gather("p", infrared[:64, :80], visible[:64, :80], mask, mask)
    assert small.infrared.shape == small.visible.shape == (64, 80)


@pytest.mark.parametrize(
    ("infrared", "visible", "shows"),
    [(0.5, 0.5, True), (0.0, 0.5, False), (0.5, 0.0, False), (1.0, 0.5, False), (0.5, 0.99, False), (0.03, 0.9, True)],
)
def test_panels_are_shown_by_masks_neither_empty_nor_full(infrared: float, visible: float, shows: bool):
    def mask(share: float) -> np.ndarray:
        return (np.arange(10_000) < share * 10_000).astype(np.float32).reshape(100, 100)

    nothing = np.zeros((8, 8, 3), np.uint8)
    assert gather("p", nothing[..., 0].astype(np.float32), nothing, mask(infrared), mask(visible)).shows_panels == shows


def test_pairs_are_chosen_over_the_whole_flight():
    pairs = [draw(Transform(1.5, 38, 27)).evidence(str(index)) for index in range(3)] * 7
    assert choose(pairs, 30) == pairs
    chosen = choose(list(range(21)), 6)  # type: ignore[arg-type]
    assert chosen == [0, 4, 8, 12, 16, 20]
    assert choose([], 6) == []

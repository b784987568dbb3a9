import numpy as np

from ddlivm.augmentation.saliency import saliency


def test_a_lone_spot_stands_out_and_its_surroundings_do_not() -> None:
    image = np.random.default_rng(0).normal(20, 0.2, (96, 128)).astype(np.float32)
    image[40:48, 80:88] += 30
    found = saliency(image)
    assert found.shape == image.shape
    y, x = np.unravel_index(int(found.argmax()), found.shape)
    assert abs(y - 44) <= 4
    assert abs(x - 84) <= 4
    assert found[40:48, 80:88].mean() > 100
    assert found[:20].mean() < 10


def test_it_does_not_depend_on_the_unit() -> None:
    image = np.random.default_rng(1).normal(0, 1, (64, 64)).astype(np.float32)
    np.testing.assert_allclose(saliency(image), saliency(image * 7), atol=0.5)


def test_a_constant_image_has_nothing_that_stands_out() -> None:
    assert (saliency(np.full((30, 40), 5, np.float32)) == 0).all()

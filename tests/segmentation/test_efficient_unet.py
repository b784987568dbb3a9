"""The U-Net over pretrained features: its sizes, its first weights, and what it says of what it is given."""

import numpy as np
import pytest
import torch

from ddlivm.errors import InputError
from ddlivm.parameters.background_removal import EfficientUNetSegmenter
from ddlivm.segmentation.efficient_unet import EfficientUNet
from ddlivm.segmentation.segmenter import Segmenter, load_segmenter
from ddlivm.segmentation.stage import build_network
from tests.detector.test_convolutional import PACKAGE
from tests.segmentation.panels import tiny_section

FEATURES = (16, 24, 40, 112, 320)
SEGMENTER = {
    "kind": "efficient_unet",
    "model": "tf_efficientnet_lite0",
    "features": FEATURES,
    "channels": (16, 16, 8, 8),
    "weights": f"package:{PACKAGE}",
    "frozen_stages": 2,
}


def built(**changes: object) -> EfficientUNet:
    network = build_network(tiny_section(segmenter=SEGMENTER | changes), "test")
    assert isinstance(network, EfficientUNet)
    return network.eval()


def test_it_answers_at_the_size_of_the_image_and_begins_with_the_packages_weights():
    network = built()
    image = torch.rand(2, 3, 64, 96)
    assert network.decode(image).logits.shape == network(image).shape == (2, 1, 64, 96)
    fresh = built(weights=None)
    stem = "pyramid.conv_stem.conv.weight"
    assert not torch.equal(network.state_dict()[stem], fresh.state_dict()[stem])
    again = built()
    assert torch.equal(network.state_dict()[stem], again.state_dict()[stem])


def test_the_frozen_stages_keep_their_weights_and_the_rest_learns():
    frozen = {name for name, parameter in built().named_parameters() if not parameter.requires_grad}
    leading = ("pyramid.conv_stem.", "pyramid.blocks.0.", "pyramid.blocks.1.")
    assert frozen == {name for name, _ in built().named_parameters() if name.startswith(leading)}
    assert all(parameter.requires_grad for parameter in built(frozen_stages=0).parameters())


def test_grey_levels_become_what_the_encoder_was_trained_on():
    levels = np.array([[[0, 127.5, 255]]], np.float32)
    np.testing.assert_allclose(EfficientUNet.normalise(levels), [[[-1, 0, 1]]])


def test_what_is_saved_is_what_is_loaded(tmp_path):
    network = built(weights=None)
    Segmenter(network, (96, 64)).save(tmp_path)
    loaded = load_segmenter(tmp_path)
    image = np.random.default_rng(0).integers(0, 255, (128, 192, 3)).astype(np.uint8)
    np.testing.assert_allclose(
        loaded.small_probabilities([image]), Segmenter(network, (96, 64)).small_probabilities([image]), atol=1e-6
    )


def test_other_features_than_the_models_are_one_line():
    wrong = EfficientUNetSegmenter.model_validate(SEGMENTER | {"features": (16, 24, 40, 112, 300)})
    with pytest.raises(InputError, match=r"channels \[16, 24, 40, 112, 320\]; expected .* 300\]"):
        EfficientUNet(wrong.model, wrong.features, wrong.channels)

"""SAM's interface, at a tiny size with random weights of the same classes."""

import numpy as np
import torch
from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, Sam, TwoWayTransformer

from ddlivm.augmentation.sam import SamContours, grey_picture


def tiny_sam() -> Sam:
    torch.manual_seed(0)
    side, patch, width = 64, 16, 32
    return Sam(
        image_encoder=ImageEncoderViT(
            img_size=side, patch_size=patch, embed_dim=16, depth=1, num_heads=2, out_chans=width, use_rel_pos=True
        ),
        prompt_encoder=PromptEncoder(
            embed_dim=width,
            image_embedding_size=(side // patch, side // patch),
            input_image_size=(side, side),
            mask_in_chans=4,
        ),
        mask_decoder=MaskDecoder(
            transformer_dim=width, transformer=TwoWayTransformer(depth=1, embedding_dim=width, num_heads=2, mlp_dim=32)
        ),
    )


def test_every_box_gets_a_contour_inside_it_from_one_embedding() -> None:
    model = tiny_sam()
    calls = []
    model.image_encoder.register_forward_hook(lambda *_: calls.append(1))
    values = np.random.default_rng(0).normal(30, 5, (48, 96)).astype(np.float32)
    boxes = np.array([[4, 4, 20, 16], [50.5, 10.2, 90.1, 40.9], [90, 40, 99, 52]], np.float32)
    contours = SamContours(model).find(values, boxes)
    assert [contour.box for contour in contours] == [(4, 4, 20, 16), (50, 10, 91, 41), (90, 40, 96, 48)]
    assert all(contour.mask.any() for contour in contours)
    assert len(calls) == 1


def test_no_boxes_cost_nothing() -> None:
    assert SamContours(tiny_sam()).find(np.zeros((8, 8), np.float32), np.zeros((0, 4), np.float32)) == []


def test_the_picture_is_grey_and_uses_the_whole_range() -> None:
    picture = grey_picture(np.linspace(-5, 80, 6400, dtype=np.float32).reshape(80, 80))
    assert picture.shape == (80, 80, 3)
    assert (picture.min(), picture.max()) == (0, 255)
    assert (picture[..., 0] == picture[..., 2]).all()
    assert (grey_picture(np.full((4, 4), 20, np.float32)) == 0).all(), "a constant image"

import pytest
import torch

from ddlivm.segmentation.birefnet import SIZES, BiRefNet
from ddlivm.segmentation.birefnet.decoder import to_patches


@pytest.mark.parametrize(("size", "parameters", "entries"), [("swin_l", 220_176_498, 754), ("swin_t", 44_313_720, 586)])
def test_it_has_as_many_parameters_and_entries_as_the_public_file(size: str, parameters: int, entries: int):
    with torch.device("meta"):
        network = BiRefNet(SIZES[size])
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters
    assert len(network.state_dict()) == entries


def test_entries_have_the_public_names_and_shapes():
    with torch.device("meta"):
        entries = BiRefNet(SIZES["swin_l"]).state_dict()
    for name, shape in {
        "bb.patch_embed.proj.weight": (192, 3, 4, 4),
        "bb.layers.0.blocks.1.attn.relative_position_bias_table": (529, 6),
        "bb.layers.2.blocks.17.attn.relative_position_index": (144, 144),
        "bb.layers.2.downsample.reduction.weight": (1536, 3072),
        "bb.norm3.weight": (1536,),
        "squeeze_module.0.conv_in.weight": (64, 5760, 3, 3),
        "squeeze_module.0.dec_att.aspp_deforms.2.atrous_conv.offset_conv.weight": (98, 64, 7, 7),
        "decoder.ipt_blk5.conv1.weight": (64, 3072, 3, 3),
        "decoder.decoder_block4.conv_in.weight": (64, 3456, 3, 3),
        "decoder.lateral_block2.conv.weight": (384, 384, 1, 1),
        "decoder.gdt_convs_4.1.running_mean": (16,),
        "decoder.gdt_convs_attn_2.0.weight": (1, 16, 1, 1),
        "decoder.conv_ms_spvn_3.weight": (1, 768, 1, 1),
        "decoder.conv_out1.0.weight": (1, 240, 1, 1),
    }.items():
        assert tuple(entries[name].shape) == shape, name


@torch.inference_mode()
def test_it_answers_at_the_images_size():
    torch.manual_seed(0)
    logits = BiRefNet(SIZES["swin_t"]).eval()(torch.randn(1, 3, 256, 256))
    assert logits.shape == (1, 1, 256, 256)
    assert torch.isfinite(logits).all()


@torch.inference_mode()
def test_both_scales_and_all_strides_reach_the_coarsest_map():
    torch.manual_seed(0)
    network = BiRefNet(SIZES["tiny"]).eval()
    squeezed = []
    network.squeeze_module.register_forward_pre_hook(lambda _, given: squeezed.append(given[0]))
    image = torch.randn(2, 3, 64, 96)
    maps = network._encode(image)
    assert [tuple(each.shape[1:]) for each in maps] == [(32, 16, 24), (64, 8, 12), (128, 4, 6), (256, 2, 3)]
    assert squeezed[0].shape == (2, 32 + 64 + 128 + 256, 2, 3)
    half = torch.nn.functional.interpolate(image, size=(32, 48), mode="bilinear", align_corners=True)
    whole, halved = network.bb(image)[1], network.bb(half)[1]
    torch.testing.assert_close(maps[1][:, :32], whole)
    corners = maps[1][:, 32:][..., [0, -1], :][..., [0, -1]]  # corner lies on corner
    torch.testing.assert_close(corners, halved[..., [0, -1], :][..., [0, -1]])


def test_training_gives_side_maps_and_gradients_and_inference_does_not():
    torch.manual_seed(0)
    network, image = BiRefNet(SIZES["tiny"]), torch.randn(2, 3, 64, 96)
    decoded = network.train().decode(image)
    shapes = [(2, 1, 2, 3), (2, 1, 4, 6), (2, 1, 8, 12)]
    assert [tuple(each.shape) for each in decoded.sides] == shapes
    assert [tuple(each.shape) for each in decoded.gradients] == shapes
    assert decoded.logits.shape == (2, 1, 64, 96)
    with torch.inference_mode():
        decoded = network.eval().decode(image)
    assert decoded.sides == decoded.gradients == ()


def test_the_gates_let_through_what_they_say():
    torch.manual_seed(0)
    network, image = BiRefNet(SIZES["tiny"]).eval(), torch.randn(1, 3, 64, 64)
    gate = network.decoder.get_parameter("gdt_convs_attn_2.0.bias")
    with torch.inference_mode():
        torch.nn.init.constant_(gate, -50.0)
        closed = network(image)
        # With the last gate shut, what the block behind it says makes no difference.
        torch.nn.init.normal_(network.decoder.get_parameter("decoder_block2.conv_out.weight"))
        torch.testing.assert_close(network(image), closed, atol=1e-4, rtol=0)
        torch.nn.init.constant_(gate, 50.0)
        assert (network(image) - closed).abs().max() > 0.01


def test_patches_are_stacked_by_colour_then_row_then_column():
    image = torch.arange(2 * 3 * 8 * 12).reshape(2, 3, 8, 12)
    patches = to_patches(image, torch.Size((4, 3)))
    assert patches.shape == (2, 3 * 2 * 4, 4, 3)
    for colour in range(3):
        for row in range(2):
            for column in range(4):
                expected = image[:, colour, 4 * row : 4 * row + 4, 3 * column : 3 * column + 3]
                assert torch.equal(patches[:, colour * 8 + row * 4 + column], expected)

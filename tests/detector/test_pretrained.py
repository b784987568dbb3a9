import argparse
import math
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from ddlivm.detector.architecture import Dinov2Spec, InfmaeSpec
from ddlivm.detector.dinov2 import Dinov2Encoder
from ddlivm.detector.dinov2_layouts import to_timm
from ddlivm.detector.infmae import InfmaeEncoder
from ddlivm.detector.pretrained import LAYOUTS, load_pretrained
from ddlivm.errors import InputError
from tests.detector.test_infmae import public_shapes

INFMAE = InfmaeSpec((4, 6, 24), (1, 2, 2), heads=3, grid=3, antialias=False)
DINOV2 = Dinov2Spec(
    12, 3, 3, 0, 5, antialias=False, position_offset=0.1, taps=None, norm_taps=True, summed=False, compact=False
)
REGISTERS = replace(DINOV2, registers=4)


def random_state(shapes):
    generator = torch.Generator().manual_seed(0)
    return {key: torch.randn(shape, generator=generator) for key, shape in shapes.items()}


def whole_mae():
    return random_state(whole_mae_shapes())


def whole_mae_shapes(dims=(4, 6, 24), depths=(1, 2, 2), grid=3, narrow=8):
    """Return every name of the public InfMAE file, its decoder two blocks of `narrow`."""
    shapes = public_shapes(dims, depths, grid)
    shapes |= {"mask_token": (1, 1, narrow), "decoder_pos_embed": (1, grid**2, narrow)}
    affine = {
        "patch_embed.proj": (dims[2], 3, 16, 16),
        "stage1_output_decode": (dims[2], dims[0], 4, 4),
        "stage2_output_decode": (dims[2], dims[1], 2, 2),
        "norm": (dims[2],),
        "decoder_embed": (narrow, dims[2]),
        "decoder_norm": (narrow,),
        "decoder_pred": (768, narrow),
    }
    for index in range(2):
        for name, shape in {
            "norm1": (narrow,),
            "norm2": (narrow,),
            "attn.qkv": (3 * narrow, narrow),
            "attn.proj": (narrow, narrow),
            "mlp.fc1": (4 * narrow, narrow),
            "mlp.fc2": (narrow, 4 * narrow),
        }.items():
            affine[f"decoder_blocks.{index}.{name}"] = shape
    for name, shape in affine.items():
        shapes |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    return shapes


def official_dinov2(registers=0):
    return random_state(dinov2_shapes(registers))


def dinov2_shapes(registers=0, dim=12, depth=3, grid=5):
    """Return every name of DINOv2's own file."""
    shapes = {
        "cls_token": (1, 1, dim),
        "pos_embed": (1, 1 + grid**2, dim),
        **({"register_tokens": (1, registers, dim)} if registers else {}),
        "mask_token": (1, dim),
        "patch_embed.proj.weight": (dim, 3, 14, 14),
        "patch_embed.proj.bias": (dim,),
        "norm.weight": (dim,),
        "norm.bias": (dim,),
    }
    for index in range(depth):
        prefix = f"blocks.{index}"
        shapes |= {f"{prefix}.ls{part}.gamma": (dim,) for part in (1, 2)}
        for name, shape in {
            "norm1": (dim,),
            "norm2": (dim,),
            "attn.qkv": (3 * dim, dim),
            "attn.proj": (dim, dim),
            "mlp.fc1": (4 * dim, dim),
            "mlp.fc2": (dim, 4 * dim),
        }.items():
            shapes |= {f"{prefix}.{name}.weight": shape, f"{prefix}.{name}.bias": shape[:1]}
    return shapes


def as_timm(official):
    """Rewrite DINOv2's own file as timm's: no mask token, and with registers no position for the class token."""
    state = {key: value for key, value in official.items() if key not in ("mask_token", "register_tokens")}
    if "register_tokens" in official:
        state["reg_token"] = official["register_tokens"]
        state["cls_token"] = official["cls_token"] + official["pos_embed"][:, 0]
        state["pos_embed"] = official["pos_embed"][:, 1:]
    return state


def as_hugging_face(official):
    """Rewrite DINOv2's own file under Hugging Face's names, queries, keys and values apart."""
    state = {}
    tokens = {"cls_token": "cls_token", "mask_token": "mask_token", "register_tokens": "register_tokens"}
    tokens |= {"pos_embed": "position_embeddings", "patch_embed.proj.weight": "patch_embeddings.projection.weight"}
    tokens |= {"patch_embed.proj.bias": "patch_embeddings.projection.bias"}
    for key, value in official.items():
        if key in tokens:
            state[f"embeddings.{tokens[key]}"] = value
        elif key.startswith("norm."):
            state[f"layernorm.{key.removeprefix('norm.')}"] = value
        else:
            _, index, name = key.split(".", 2)
            layer = f"encoder.layer.{index}"
            part, end = name.rsplit(".", 1)
            if part == "attn.qkv":
                for row, own in enumerate(("query", "key", "value")):
                    state[f"{layer}.attention.attention.{own}.{end}"] = value[row * 12 : row * 12 + 12]
            elif part == "attn.proj":
                state[f"{layer}.attention.output.dense.{end}"] = value
            elif part.startswith("ls"):
                state[f"{layer}.layer_scale{part[2]}.lambda1"] = value
            else:
                state[f"{layer}.{name}"] = value
    return state


def saved(path, state):
    torch.save(state, path) if path.suffix != ".safetensors" else save_file(
        {key: value.contiguous() for key, value in state.items()}, path
    )
    return path


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: {"model": state, "optimizer": {"step": 3}, "epoch": 3, "args": argparse.Namespace(lr=0.1)},
        lambda state: {"state_dict": {f"module.{key}": value for key, value in state.items()}},
        lambda state: {"model_state_dict": {f"module._orig_mod.{key}": value for key, value in state.items()}},
        lambda state: {f"encoder.{key}": value for key, value in state.items()},
        lambda state: {f"backbone.{key}": value for key, value in state.items()},
        lambda state: state,
    ],
)
def test_the_whole_infmae_file_is_used_or_ignored_by_name(tmp_path, wrap):
    encoder = InfmaeEncoder(INFMAE)
    fourth = encoder.fourth_level.weight.clone()
    state = whole_mae()
    load_pretrained(encoder, "infmae", saved(tmp_path / "InfMAE.pth", wrap(state)))
    loaded = encoder.state_dict()
    used = {key for key, value in state.items() if key in loaded and torch.equal(loaded[key], value)}
    assert (
        used
        == set(public_shapes((4, 6, 24), (1, 2, 2), 3))
        == set(loaded)
        - {
            "fourth_level.weight",
            "fourth_level.bias",
        }
    )
    assert torch.equal(encoder.fourth_level.weight, fourth)


def test_the_encoders_part_alone_will_do_and_a_trained_fourth_level_is_taken(tmp_path):
    state = random_state(public_shapes((4, 6, 24), (1, 2, 2), 3))
    state["fourth_level.bias"] = torch.arange(24.0)
    encoder = InfmaeEncoder(INFMAE)
    load_pretrained(encoder, "infmae", saved(tmp_path / "part.safetensors", state))
    assert encoder.fourth_level.bias is not None
    assert torch.equal(encoder.fourth_level.bias, torch.arange(24.0))


@pytest.mark.parametrize("registers", [0, 4])
def test_the_three_dinov2_layouts_are_one_model(tmp_path, registers):
    official = official_dinov2(registers)
    states = []
    for name, rewrite in {"official.pth": dict, "timm.safetensors": as_timm, "hf.safetensors": as_hugging_face}.items():
        encoder = Dinov2Encoder(REGISTERS if registers else DINOV2)
        load_pretrained(encoder, "dinov2", saved(tmp_path / name, rewrite(official)))
        states.append(encoder.state_dict())
    for key, value in states[0].items():
        assert torch.equal(value, states[1][key])
        assert torch.equal(value, states[2][key])
    # Every value of the file arrives: the class token's position in its own row, or with registers in the token.
    state = {key.removeprefix("vit."): value for key, value in states[0].items()}
    table = official["pos_embed"]
    if registers:
        assert torch.equal(state["cls_token"], official["cls_token"] + table[:, :1])
        assert torch.equal(state["pos_embed"], table[:, 1:])
        assert torch.equal(state["reg_token"], official["register_tokens"])
    rest = set(official) - {"mask_token", *(("cls_token", "pos_embed", "register_tokens") if registers else ())}
    assert all(torch.equal(state[key], official[key]) for key in rest)


@pytest.mark.parametrize("registers", [0, 4])
def test_the_full_size_dinov2_file_fits(registers):
    """343 names and shapes of ViT-L/14's public file, one more with registers; without values."""
    shapes = dinov2_shapes(registers, 1024, 24, 37)
    assert len(shapes) == 343 + (registers > 0)
    with torch.device("meta"):
        encoder = Dinov2Encoder(replace(DINOV2, dim=1024, depth=24, heads=16, grid=37, registers=registers))
        given = to_timm({key: torch.empty(shape) for key, shape in shapes.items()})
    del given["mask_token"]
    assert {key: value.shape for key, value in given.items()} == {
        key: value.shape for key, value in encoder.vit.state_dict().items()
    }


def test_the_full_size_infmae_file_has_its_size():
    """96,717,696 values are the 369 MiB that the public file is said to have."""
    shapes = whole_mae_shapes((256, 384, 768), (2, 2, 11), 14, 512)
    assert sum(map(math.prod, shapes.values())) == 96_717_696
    ignored = set(shapes) - set(public_shapes())
    assert all(key.startswith(LAYOUTS["infmae"].ignored) for key in ignored)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("blocks3.1.norm1.bias"), "1 missing (blocks3.1.norm1.bias);"),
        (lambda state: state.update(extra=torch.zeros(1)), "1 unexpected (extra);"),
        (
            lambda state: state.update(pos_embed=torch.zeros(1, 196, 24)),
            "1 of another shape (pos_embed (1, 196, 24) instead of (1, 9, 24));",
        ),
        (
            lambda state: [state.pop(key) for key in list(state) if key.startswith("blocks3.")],
            "24 missing (blocks3.0.norm1.weight, blocks3.0.norm1.bias, blocks3.0.attn.qkv.weight, "
            "blocks3.0.attn.qkv.bias and 20 more);",
        ),
        (lambda state: state["patch_embed4.bias"].fill_(float("nan")), "holds values that are not numbers"),
        (lambda state: state.pop("patch_embed1.proj.weight"), "holds no encoder of this kind"),
        (lambda state: state.update({"module.patch_embed1.proj.weight": torch.zeros(1)}), "holds several encoders"),
    ],
)
def test_what_does_not_fit_is_one_clear_line(tmp_path, change, message):
    state = whole_mae()
    change(state)
    path = saved(tmp_path / "InfMAE.pth", state)
    encoder = InfmaeEncoder(INFMAE)
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    with pytest.raises(InputError) as raised:
        load_pretrained(encoder, "infmae", path)
    assert str(raised.value).startswith(f"{path}: ")
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)
    assert all(torch.equal(value, before[key]) for key, value in encoder.state_dict().items())


def test_differences_are_allowed_by_name(tmp_path):
    state = whole_mae()
    state["pos_embed"] = torch.zeros(1, 4, 24)
    state["classifier.weight"] = torch.zeros(3)
    del state["blocks3.1.mlp.fc1.bias"]
    path = saved(tmp_path / "InfMAE.pth", state)
    encoder = InfmaeEncoder(INFMAE)
    table = encoder.pos_embed.clone()
    load_pretrained(encoder, "infmae", path, ("pos_embed", "classifier.", "blocks3.1.mlp."))
    assert torch.equal(encoder.pos_embed, table)
    assert torch.equal(encoder.patch_embed4.weight, state["patch_embed4.weight"])
    with pytest.raises(InputError, match=r"1 missing \(blocks3\.1\.mlp\.fc1\.bias\); change"):
        load_pretrained(encoder, "infmae", path, ("pos_embed", "classifier."))


def test_registers_that_the_encoder_lacks_are_reported(tmp_path):
    path = saved(tmp_path / "reg4.pth", official_dinov2(4))
    with pytest.raises(InputError, match=r"1 unexpected \(reg_token\); 1 of another shape \(pos_embed \(1, 25, 12\)"):
        load_pretrained(Dinov2Encoder(DINOV2), "dinov2", path)


def test_tensors_that_do_not_fit_together_are_one_line(tmp_path):
    state = as_hugging_face(official_dinov2(4))
    state["encoder.layer.0.attention.attention.key.weight"] = torch.zeros(12, 7)
    with pytest.raises(InputError, match="do not fit together"):
        load_pretrained(Dinov2Encoder(REGISTERS), "dinov2", saved(tmp_path / "hf.pth", state))

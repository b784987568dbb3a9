"""DINOv2's public layouts as timm's, which is the encoder's own."""

import re

import torch

from ddlivm.weight_files import State

HUGGING_FACE = (
    (r"embeddings\.patch_embeddings\.projection\.", "patch_embed.proj."),
    (r"embeddings\.position_embeddings$", "pos_embed"),
    (r"embeddings\.(cls_token|mask_token|register_tokens)$", r"\1"),
    (r"encoder\.layer\.(\d+)\.attention\.attention\.(query|key|value)\.", r"blocks.\1.attn.\2."),
    (r"encoder\.layer\.(\d+)\.attention\.output\.dense\.", r"blocks.\1.attn.proj."),
    (r"encoder\.layer\.(\d+)\.layer_scale([12])\.lambda1$", r"blocks.\1.ls\2.gamma"),
    (r"encoder\.layer\.(\d+)\.", r"blocks.\1."),
    (r"layernorm\.", "norm."),
)
"""What Hugging Face calls a key, and what DINOv2 does."""


def to_timm(state: State) -> State:
    """Return DINOv2's own, Hugging Face's or timm's layout in timm's names, with or without registers.

    With registers timm adds the class token's position, which never changes, to the token, and keeps positions for
    patches only.
    """
    if any(key.startswith("embeddings.") for key in state):
        state = _from_hugging_face(state)
    if "register_tokens" not in state or not {"cls_token", "pos_embed"} <= set(state):
        return state
    state = dict(state)
    positions = state["pos_embed"]
    state["reg_token"] = state.pop("register_tokens")
    state["cls_token"] = state["cls_token"] + positions[:, :1]
    state["pos_embed"] = positions[:, 1:]
    return state


def _from_hugging_face(state: State) -> State:
    renamed = {_renamed(key): tensor for key, tensor in state.items()}
    for key in [key for key in renamed if ".attn.query." in key]:
        parts = [key.replace(".query.", f".{part}.") for part in ("query", "key", "value")]
        if all(part in renamed for part in parts):
            renamed[key.replace(".query.", ".qkv.")] = torch.cat([renamed.pop(part) for part in parts])
    return renamed


def _renamed(key: str) -> str:
    for pattern, replacement in HUGGING_FACE:
        name, count = re.subn(f"^{pattern}", replacement, key)
        if count:
            return name
    return key

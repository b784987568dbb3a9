"""EfficientNet-Lite0's public layouts as the encoder's own, in which a convolution holds its normalisation."""

import re
from itertools import accumulate

from ddlivm.weight_files import State

REPEATS = (1, 2, 2, 3, 3, 4, 1)
"""Blocks in each stage of EfficientNet-B0 and Lite0 (arXiv 1905.11946, table 1)."""

OUTER = {
    "conv_stem": "conv_stem.conv",
    "bn1": "conv_stem.norm",
    "_conv_stem": "conv_stem.conv",
    "_bn0": "conv_stem.norm",
    "_conv_head": "conv_head",
    "_bn1": "bn2",
    "_fc": "classifier",
}
FIRST = {
    "conv_dw": "conv_dw.conv",
    "bn1": "conv_dw.norm",
    "conv_pw": "conv_pw.conv",
    "bn2": "conv_pw.norm",
    "_depthwise_conv": "conv_dw.conv",
    "_bn1": "conv_dw.norm",
    "_project_conv": "conv_pw.conv",
    "_bn2": "conv_pw.norm",
}
"""Names in the first stage's block, which does not expand its channels."""
LATER = {
    "conv_pw": "conv_pw.conv",
    "bn1": "conv_pw.norm",
    "conv_dw": "conv_dw.conv",
    "bn2": "conv_dw.norm",
    "conv_pwl": "conv_pwl.conv",
    "bn3": "conv_pwl.norm",
    "_expand_conv": "conv_pw.conv",
    "_bn0": "conv_pw.norm",
    "_depthwise_conv": "conv_dw.conv",
    "_bn1": "conv_dw.norm",
    "_project_conv": "conv_pwl.conv",
    "_bn2": "conv_pwl.norm",
}


def from_efficientnet(state: State) -> State:
    """Return the encoder's names for a state dict of timm's, or of the layout that numbers all blocks in one row."""
    return {_renamed(key): tensor for key, tensor in state.items()}


def _renamed(key: str) -> str:
    numbered = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", key)
    staged = re.fullmatch(r"blocks\.(\d+)\.(\d+)\.(\w+)\.(\w+)", key)
    if numbered:
        stage, block = _place(int(numbered[1]))
        part, value = numbered[2], numbered[3]
    elif staged:
        stage, block, part, value = int(staged[1]), int(staged[2]), staged[3], staged[4]
    else:
        part, _, value = key.partition(".")
        return f"{OUTER.get(part, part)}.{value}"
    return f"blocks.{stage}.{block}.{(LATER if stage else FIRST).get(part, part)}.{value}"


def _place(number: int) -> tuple[int, int]:
    """Return the stage of a block that is numbered through all stages, and its number within it."""
    ends = list(accumulate(REPEATS))
    stage = next((stage for stage, end in enumerate(ends) if number < end), len(ends))
    return stage, number - (ends[stage - 1] if stage else 0)

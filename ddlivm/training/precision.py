"""Layers in bfloat16, everything else as it is."""

from typing import Any

from lightning.fabric.plugins import MixedPrecision


class Autocast(MixedPrecision):
    """Mixed precision that leaves a module's inputs alone: boxes in bfloat16 would be off by pixels.

    Args:
        device: type of the device.
    """

    def __init__(self, device: str) -> None:
        super().__init__("bf16-mixed", device)

    def convert_input(self, data: Any) -> Any:
        """Return the inputs; the layers cast what they take."""
        return data

"""How large a BiRefNet is: its Swin backbone's numbers, from which all others follow."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """A Swin backbone.

    Attributes:
        width: channels at stride 4; each of the three further strides doubles them.
        depths: blocks at strides 4, 8, 16 and 32.
        heads: of attention, at the same strides.
        window: side of an attention window, tokens.
    """

    width: int
    depths: tuple[int, int, int, int]
    heads: tuple[int, int, int, int]
    window: int

    @property
    def channels(self) -> tuple[int, int, int, int]:
        """Of the backbone's four maps."""
        return (self.width, 2 * self.width, 4 * self.width, 8 * self.width)


SIZES = {
    "swin_l": Size(192, (2, 2, 18, 2), (6, 12, 24, 48), 12),
    "swin_t": Size(96, (2, 2, 6, 2), (3, 6, 12, 24), 7),
    "tiny": Size(16, (1, 2, 1, 1), (1, 2, 2, 2), 4),
}
"""`swin_l` and `swin_t` are the public files'; `tiny` has none, and is for a look at the way through on a laptop."""

"""A description as tables for the terminal."""

from collections.abc import Iterable

from ddlivm.detector.description import PAPER, Description

GIBIBYTE = 2**30


def text(description: Description) -> str:
    """Return what a user wants to know before starting a profile."""
    width, height = description.infrared_size
    other_width, other_height = description.visible_size
    parts = [
        (part.name, f"{part.parameters:,}", _giga(part.multiply_adds), _giga(part.multiply_adds, 2))
        for part in (*description.parts, *description.training_parts)
    ]
    total = (
        "total, without training's own heads",
        f"{description.parameters:,}",
        _giga(description.multiply_adds),
        _giga(description.multiply_adds, 2),
    )
    paper = ("the paper's Table 3", f"{PAPER['parameters'] / 1e6} M", "", f"{PAPER['operations'] / 1e9}")
    shapes = [
        (name, *("x".join(map(str, (*shape[1:], shape[0]))) for shape in levels))
        for name, levels in description.shapes.items()
    ]
    return "\n\n".join(
        [
            f"profile {description.profile}: infrared {width}x{height}, visible {other_width}x{other_height} pixels",
            _table(("part", "parameters", "G multiply-adds", "G operations (2x)"), [*parts, total, paper]),
            _table(("maps", "stride 4", "stride 8", "stride 16", "stride 32"), shapes),
            _table(("memory", "GiB"), _memory(description)),
            "Operations: convolutions, linear layers and attention of one pair. Memory: an estimate; float32 weights, "
            "two more\nnumbers a weight for each optimizer, the largest of the three steps; inference in float32. The "
            f"allocator adds to it.\nThe paper: {PAPER['pair_milliseconds']} ms a pair on an A100, alignment included.",
        ]
    )


def _memory(description: Description) -> list[tuple[str, str]]:
    training, inference = description.training, description.inference
    count, height, width = training.batch
    rows = [
        ("training: weights", training.weights),
        ("training: gradients", training.gradients),
        ("training: AdamW's moments", training.moments),
        (f"training: activations, {count} of {width}x{height}, {training.precision}", training.activations),
        ("training: total", training.total),
    ]
    if training.activations_recomputed is not None and training.total_recomputed is not None:
        rows += [
            ("with gradient checkpointing: activations", training.activations_recomputed),
            ("with gradient checkpointing: total", training.total_recomputed),
        ]
    rows += [
        ("inference, one pair: weights", inference.weights),
        ("inference, one pair: activations", inference.activations),
    ]
    return [(name, f"{size / GIBIBYTE:.2f}") for name, size in rows]


def _giga(count: int | None, factor: int = 1) -> str:
    return "in training" if count is None else f"{factor * count / 1e9:.1f}"


def _table(heading: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return aligned columns, the first to the left."""
    table = [heading, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(heading))]
    lines = [
        "  ".join(
            cell.ljust(widths[0]) if column == 0 else cell.rjust(widths[column]) for column, cell in enumerate(row)
        ).rstrip()
        for row in table
    ]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])

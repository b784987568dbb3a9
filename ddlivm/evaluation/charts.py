"""Charts as inline SVG, so that a page needs no script and no font of its own."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8c6d00", "#56b4e9", "#6a51a3", "#999999", "#e69f00", "#222222")
"""Okabe and Ito's palette and its like: told apart by colour-blind readers, dark enough on white."""

INK, PALE = "#333", "#e3e3e3"
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 16, 42


@dataclass(frozen=True)
class Series:
    """A named line: `xs` and `ys` are parallel, and `spreads`, where given, are each point's interval."""

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    spreads: Sequence[tuple[float, float]] = ()


@dataclass(frozen=True)
class Bars:
    """A named set of bars, one for each group; None where there is none."""

    name: str
    values: Sequence[float | None]


def lines(
    title: str,
    series: Sequence[Series],
    x_label: str,
    y_label: str,
    size: tuple[int, int] = (345, 250),
    y_limits: tuple[float, float] | None = None,
    x_limits: tuple[float, float] | None = None,
    whole_x: bool = False,
) -> str:
    """Return a line chart.

    Args:
        title: said above and to screen readers.
        series: the lines, coloured in order.
        x_label: the x axis's name.
        y_label: the y axis's name.
        size: (width, height) in pixels, the legend below not counted.
        y_limits: the y axis's ends; from the data, with 0 in it, by default.
        x_limits: the x axis's ends; from the data by default.
        whole_x: x counts something, so its ticks are whole numbers.
    """
    xs = [x for line in series for x in line.xs] or [0.0]
    ys = [y for line in series for y in line.ys] or [0.0]
    frame = _Frame(size, x_limits or (min(xs), max(xs)), y_limits or (min(0.0, *ys), max(ys)))
    parts = frame.axes(x_label, y_label, 1.0 if whole_x else 0.0)
    for index, line in enumerate(series):
        colour = COLOURS[index % len(COLOURS)]
        points = [frame.place(x, y) for x, y in zip(line.xs, line.ys, strict=True)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for (x, _), value_x, (low, high) in zip(points, line.xs, line.spreads, strict=False):
            ends = [frame.place(value_x, end)[1] for end in (low, high)]
            parts.append(
                f'<line class="spread" x1="{x:.1f}" x2="{x:.1f}" y1="{ends[0]:.1f}" y2="{ends[1]:.1f}" '
                f'stroke="{colour}" stroke-opacity="0.5"/>'
            )
        if len(points) < 25:
            for (x, y), value_x, value_y in zip(points, line.xs, line.ys, strict=True):
                tip = f"<title>{escape(f'{line.name}: {value_x:.4g}, {value_y:.4g}')}</title>"
                parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}">{tip}</circle>')
    return _figure(title, size, parts, [line.name for line in series] if len(series) > 1 else [])


def bars(
    title: str,
    groups: Sequence[str],
    series: Sequence[Bars],
    y_label: str,
    size: tuple[int, int] = (345, 250),
    y_limits: tuple[float, float] | None = None,
) -> str:
    """Return a chart of grouped bars, each with its value above.

    Args:
        title: said above and to screen readers.
        groups: the groups' names, along the x axis.
        series: the bars of each group, coloured in order.
        y_label: the y axis's name.
        size: (width, height) in pixels, the legend below not counted.
        y_limits: the y axis's ends; 0 and the largest value by default.
    """
    values = [value for entry in series for value in entry.values if value is not None] or [1.0]
    frame = _Frame(size, (0, len(groups)), y_limits or (0.0, max(*values, 1e-9)))
    parts = frame.axes("", y_label, None)
    width = 0.8 / max(len(series), 1)
    show = width * frame.step > 19
    for place, group in enumerate(groups):
        x, _ = frame.place(place + 0.5, 0)
        parts.append(f'<text x="{x:.1f}" y="{size[1] - BOTTOM + 16}" text-anchor="middle">{escape(group)}</text>')
        for index, entry in enumerate(series):
            value = entry.values[place]
            if value is None:
                continue
            left, top = frame.place(place + 0.1 + index * width, value)
            floor = frame.place(0, frame.y_limits[0])[1]
            wide = width * frame.step
            tip = escape(f"{group}, {entry.name}: {value:.3g}")
            colour = COLOURS[index % len(COLOURS)]
            parts.append(
                f'<rect x="{left + 1:.1f}" y="{top:.1f}" width="{max(wide - 2, 1):.1f}" '
                f'height="{max(floor - top, 0):.1f}" fill="{colour}"><title>{tip}</title></rect>'
            )
            if show:
                text = f"{value:.2f}" if frame.y_limits[1] <= 10 else f"{value:.0f}"
                parts.append(f'<text class="value" x="{left + wide / 2:.1f}" y="{top - 3:.1f}">{text}</text>')
    return _figure(title, size, parts, [entry.name for entry in series] if len(series) > 1 else [])


def heat_map(
    title: str, rows: Sequence[str], columns: Sequence[str], counts: Sequence[Sequence[int]], corner: str
) -> str:
    """Return counts as shaded squares, each row shaded by its own share.

    Args:
        title: said above and to screen readers.
        rows: the rows' names.
        columns: the columns' names, written aslant.
        counts: [row][column].
        corner: what rows and columns are.
    """
    side, left, top = 34, 122, 104
    size = (left + side * len(columns) + 60, top + side * len(rows) + 8)
    parts = [f'<text x="4" y="{top - 8}" class="axis">{escape(corner)}</text>']
    for index, name in enumerate(columns):
        x = left + (index + 0.5) * side
        parts.append(f'<text transform="translate({x:.0f} {top - 8}) rotate(-45)">{escape(name)}</text>')
    for place, (name, row) in enumerate(zip(rows, counts, strict=True)):
        y = top + place * side
        parts.append(f'<text x="{left - 6}" y="{y + side / 2 + 4:.0f}" text-anchor="end">{escape(name)}</text>')
        total = sum(row)
        for index, count in enumerate(row):
            share = count / total if total else 0.0
            tip = escape(f"{name} → {columns[index]}: {count}")
            parts.append(
                f'<rect x="{left + index * side}" y="{y}" width="{side - 1}" height="{side - 1}" '
                f'fill="{_shade(share)}"><title>{tip}</title></rect>'
            )
            if count:
                ink = "#fff" if share > 0.55 else "#222"
                centre = left + (index + 0.5) * side
                parts.append(
                    f'<text class="value" x="{centre:.0f}" y="{y + side / 2 + 4:.0f}" style="fill:{ink}">{count}</text>'
                )
    return _figure(title, size, parts, [])


class _Frame:
    """The plotting area: places values and draws axes."""

    def __init__(self, size: tuple[int, int], x_limits: tuple[float, float], y_limits: tuple[float, float]) -> None:
        self.size = size
        self.x_limits = x_limits if x_limits[1] > x_limits[0] else (x_limits[0] - 0.5, x_limits[0] + 0.5)
        low, high = y_limits if y_limits[1] > y_limits[0] else (y_limits[0], y_limits[0] + 1)
        marks = ticks(low, high)
        self.y_limits = low, max(high, marks[-1] + (marks[1] - marks[0]) * (high > marks[-1] * 1.001))

    @property
    def step(self) -> float:
        """Pixels for one unit of x."""
        return (self.size[0] - LEFT - RIGHT) / (self.x_limits[1] - self.x_limits[0])

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Return a value's pixel; y is held inside the frame."""
        (y0, y1), height = self.y_limits, self.size[1] - TOP - BOTTOM
        share = min(max((y - y0) / (y1 - y0), 0.0), 1.0)
        return LEFT + (x - self.x_limits[0]) * self.step, TOP + (1 - share) * height

    def axes(self, x_label: str, y_label: str, x_step: float | None) -> list[str]:
        """Return grid lines, ticks and names; x ticks are at least `x_step` apart, and there are none without it."""
        width, height = self.size
        floor = height - BOTTOM
        parts = []
        for value in ticks(*self.y_limits):
            y = self.place(self.x_limits[0], value)[1]
            parts.append(f'<line x1="{LEFT}" x2="{width - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="{PALE}"/>')
            parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
        if x_step is not None:
            for value in ticks(*self.x_limits, least=x_step):
                x = self.place(value, 0)[0]
                parts.append(f'<text x="{x:.1f}" y="{floor + 16}" text-anchor="middle">{value:g}</text>')
        parts.append(f'<line x1="{LEFT}" x2="{width - RIGHT}" y1="{floor}" y2="{floor}" stroke="{INK}"/>')
        middle = (LEFT + width - RIGHT) / 2
        parts.append(
            f'<text class="axis" x="{middle:.0f}" y="{height - 6}" text-anchor="middle">{escape(x_label)}</text>'
        )
        across = f"translate(13 {(TOP + floor) / 2:.0f}) rotate(-90)"
        parts.append(f'<text class="axis" transform="{across}" text-anchor="middle">{escape(y_label)}</text>')
        return parts


def ticks(low: float, high: float, count: int = 5, least: float = 0.0) -> list[float]:
    """Return about `count` round values between two ends, at least `least` apart."""
    rough = max((high - low) / count, least)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-6), math.floor(high / step + 1e-6)
    return [round(index * step, 12) for index in range(first, last + 1)]


def _shade(share: float) -> str:
    red, green, blue = (round(255 + (end - 255) * share) for end in (0, 84, 140))
    return f"#{red:02x}{green:02x}{blue:02x}" if share else "#fafafa"


def _figure(title: str, size: tuple[int, int], parts: Sequence[str], names: Sequence[str]) -> str:
    entries = "".join(
        f'<span><i style="background:{COLOURS[index % len(COLOURS)]}"></i>{escape(name)}</span>'
        for index, name in enumerate(names)
    )
    legend = f'<div class="legend">{entries}</div>' if entries else ""
    drawing = (
        f'<svg viewBox="0 0 {size[0]} {size[1]}" width="{size[0]}" height="{size[1]}" role="img" '
        f'aria-label="{escape(title)}">{"".join(parts)}</svg>'
    )
    heading = f'<figure class="chart" style="max-width:{size[0]}px"><figcaption>{escape(title)}</figcaption>'
    return f"{heading}{drawing}{legend}</figure>"

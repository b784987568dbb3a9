"""The plant from above, where the pictures say where they were taken."""

from collections.abc import Sequence
from html import escape
from math import cos, radians

from ddlivm.inspection.inspection import InspectedPair

METRES_PER_DEGREE = 111_320.0
WIDTH, HEIGHT, MARGIN = 640, 420, 34


def site_map(pairs: Sequence[InspectedPair]) -> str:
    """Return an SVG with a disc per pair, its area growing with the findings; empty without two known places."""
    known = [(entry, entry.place) for entry in pairs if entry.place is not None]
    if len({(place.latitude, place.longitude) for _, place in known}) < 2:
        return ""
    west, north = min(place.longitude for _, place in known), max(place.latitude for _, place in known)
    shrink = cos(radians(north))
    metres = [
        ((place.longitude - west) * METRES_PER_DEGREE * shrink, (north - place.latitude) * METRES_PER_DEGREE)
        for _, place in known
    ]
    span = max(max(x for x, _ in metres) / (WIDTH - 2 * MARGIN), max(y for _, y in metres) / (HEIGHT - 2 * MARGIN))
    height = round(max(y for _, y in metres) / span + 2 * MARGIN) + 20
    parts = []
    # Large discs first, so that small ones stay visible and can be pointed at.
    for (entry, _), (x, y) in sorted(zip(known, metres, strict=True), key=lambda item: -item[0][0].findings):
        count = entry.findings
        radius = 4 + 2.2 * count**0.5
        label = f"{entry.pair.name}: {counted(entry)}"
        parts.append(
            f'<circle cx="{x / span + MARGIN:.1f}" cy="{y / span + MARGIN:.1f}" r="{radius:.1f}" '
            f'class="{"found" if count else "none"}"><title>{escape(label)}</title></circle>'
        )
    step = _round_step(span * 140)
    bar = step / span
    y = height - 14
    parts.append(
        f'<path d="M{MARGIN} {y}h{bar:.1f}" class="bar"/><text x="{MARGIN + bar + 8:.1f}" y="{y + 4}">{step:g} m, '
        f"north up</text>"
    )
    return (
        f'<svg class="map" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" '
        f'aria-label="Where the pictures were taken">{"".join(parts)}</svg>'
    )


def counted(entry: InspectedPair) -> str:
    """Say how many detections and unclassified anomalies a pair has."""
    detections, anomalies = len(entry.detections), len(entry.anomalies)
    return (
        f"{detections} detection{'' if detections == 1 else 's'}, "
        f"{anomalies} unclassified anomal{'y' if anomalies == 1 else 'ies'}"
    )


def _round_step(metres: float) -> float:
    """Return the largest of 1, 2, 5, 10, ... that is not above a length."""
    step = 1.0
    for factor in (2.0, 2.5, 2.0) * 8:
        if step * factor > metres:
            break
        step *= factor
    return step

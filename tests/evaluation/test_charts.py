from xml.etree import ElementTree

import pytest

from ddlivm.evaluation.charts import Bars, Series, bars, heat_map, lines, ticks


def parse(chart: str) -> ElementTree.Element:
    return ElementTree.fromstring(chart)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0, 50, [0, 10, 20, 30, 40, 50]),
        (1, 4, [1, 2, 3, 4]),
        (-1, 1, [-1, -0.5, 0, 0.5, 1]),
    ],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]):
    assert ticks(low, high, least=0.0 if (low, high) != (1, 4) else 1.0) == pytest.approx(expected)


def test_a_line_chart_is_well_formed_and_names_are_escaped():
    chart = parse(lines("a < b & c", [Series("<x>", [0, 1, 2], [0.5, 1.5, 1.0]), Series("y", [], [])], "x", "y"))
    polylines = chart.findall(".//polyline")
    assert len(polylines[0].get("points", "").split()) == 3
    assert chart.findtext("figcaption") == "a < b & c"


def test_lines_rise_where_values_do():
    chart = parse(lines("", [Series("a", [0, 1], [0.0, 1.0])], "", "", y_limits=(0, 1)))
    points = [tuple(map(float, point.split(","))) for point in chart.find(".//polyline").get("points").split()]  # type: ignore[union-attr]
    assert points[0][0] < points[1][0]
    assert points[0][1] > points[1][1]


def test_spreads_are_drawn_around_their_points():
    series = [Series("a", [0, 1], [0.5, 0.5], [(0.4, 0.6), (0.0, 1.0)]), Series("b", [0], [0.1])]
    chart = parse(lines("", series, "", "", y_limits=(0, 1)))
    first, second = chart.findall(".//line[@class='spread']")
    x, y = chart.find(".//polyline").get("points").split()[0].split(",")  # type: ignore[union-attr]
    assert first.get("x1") == first.get("x2") == x
    assert float(first.get("y1", 0)) > float(y) > float(first.get("y2", 0))
    heights = [float(line.get("y1", 0)) - float(line.get("y2", 0)) for line in (first, second)]
    assert heights[1] == pytest.approx(5 * heights[0], abs=0.5)


def test_bars_are_as_high_as_their_values_and_gaps_stay_empty():
    chart = parse(bars("", ["a", "b"], [Bars("one", [0.5, None]), Bars("two", [1.0, 0.25])], "", y_limits=(0, 1)))
    heights = [float(rectangle.get("height", 0)) for rectangle in chart.findall(".//rect")]
    assert len(heights) == 3
    assert heights[1] == pytest.approx(2 * heights[0], abs=0.2)
    assert heights[2] == pytest.approx(heights[0] / 2, abs=0.2)


def test_a_heat_map_writes_its_counts():
    chart = parse(heat_map("", ["a", "b"], ["c", "d"], [[3, 0], [0, 12]], "x"))
    assert [text.text for text in chart.findall(".//text[@class='value']")] == ["3", "12"]
    assert len(chart.findall(".//rect")) == 4


@pytest.mark.parametrize("values", [[0.0, 0.0], [-3.0, -1.0], [1e-7, 2e-7], [5.0]])
def test_odd_values_still_draw(values: list[float]):
    assert "nan" not in lines("", [Series("a", list(range(len(values))), values)], "", "", whole_x=True)

import pytest

from tests.floors import missed


def figures(**changed: float) -> dict[str, object]:
    references = {"untrained": {"map40": 0.05, "accuracy": 0.0}, "infrared_only": {"map40": 0.3, "accuracy": 0.6}}
    return {"map40": 0.5, "accuracy": 0.7, "predictions": 40, "references": references} | changed


def test_a_demo_that_learned_passes():
    assert missed(figures()) == []


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"map40": 0.3}, "map40 0.300 is not above infrared only's 0.300"),
        ({"accuracy": 0.5}, "accuracy 0.500 is not above infrared only's 0.600"),
        ({"predictions": 0}, "no predictions"),
        ({"map40": 0.2}, "map40 0.200 is not above 5 times the untrained model's 0.250"),
    ],
)
def test_each_floor_is_a_line(changed, line):
    assert any(line in text for text in missed(figures(**changed)))

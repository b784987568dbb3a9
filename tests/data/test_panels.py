import numpy as np

from ddlivm.data import Transform
from ddlivm.data.panels import on_panels


def test_a_box_counts_as_on_panels_from_a_share_of_its_area():
    """Visible 200x100, its mask a quarter as large and half full; an infrared pixel is two visible ones."""
    panels = np.zeros((25, 50), np.float32)
    panels[:, :25] = 0.9
    transform = Transform(2.0, 0, 0)
    boxes = np.array([(10, 10, 30, 30), (44, 10, 64, 30), (45, 10, 65, 30), (60, 10, 80, 30)], np.float32)
    assert on_panels(boxes, panels, (200, 100), transform, 0.3).tolist() == [True, True, False, False]
    assert on_panels(boxes, panels, (200, 100), transform, 0.9).tolist() == [True, False, False, False]
    assert on_panels(boxes, panels, (200, 100), transform, 0.0).all()
    assert on_panels(boxes[:0], panels, (200, 100), transform, 0.3).tolist() == []
    assert not on_panels(boxes, np.zeros_like(panels), (200, 100), transform, 0.3).any()

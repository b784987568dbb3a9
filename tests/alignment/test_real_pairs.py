import cv2
import numpy as np

from ddlivm.alignment import align_pairs, gather
from ddlivm.data import Transform, read_infrared, read_visible
from tests.alignment.scene import SECTION
from tests.real_data import real_data

SIZE = (640, 512)
CORNERS = np.array([(0, 0), (SIZE[0], 0), (0, SIZE[1]), SIZE], np.float64)


def evidence(window: tuple[int, int, int, int] | None, count: int) -> list:
    """Cut xyxy `window` out of each infrared image and blow it up, as a camera of a longer lens would see it."""
    folder = real_data("pv_pairs_xt2")
    found = []
    for path in sorted((folder / "T-images").iterdir())[2::5][:count]:
        name = path.stem.removesuffix("_T")
        infrared = read_infrared(path).values
        visible = read_visible(folder / "V-images" / f"{name}_V.JPG")
        drawn = np.asarray(cv2.imread(str(folder / "draft_panel_masks" / f"{name}.png"), 0), np.float32)
        mask = (drawn > 0).astype(np.float32)
        infrared_mask = mask
        if window:
            x0, y0, x1, y1 = window
            infrared, infrared_mask = (
                np.asarray(cv2.resize(each[y0:y1, x0:x1], SIZE), np.float32) for each in (infrared, mask)
            )
        found.append(gather(name, infrared, visible, infrared_mask, mask))
    return found


def test_real_pairs_that_came_aligned_are_registered():
    site, _ = align_pairs(evidence(None, 3), SECTION)
    assert site.flags == ("registered",)
    assert abs(site.transform.scale - 1) < 0.01


def test_a_window_of_real_pairs_is_found():
    x0, y0, x1, y1 = 120, 70, 568, 428
    window = Transform((x1 - x0) / SIZE[0], x0, y0)
    came, _ = align_pairs(evidence(None, 5), SECTION)
    site, aligned = align_pairs(evidence((x0, y0, x1, y1), 5), SECTION)

    def error(truth: np.ndarray) -> float:
        found = window.to_infrared(site.transform.to_visible(CORNERS))
        return float(np.linalg.norm(found - window.to_infrared(truth), axis=1).max())

    # What the source's own registration left over is seen through the window too.
    assert error(came.transform.to_visible(window.to_visible(CORNERS))) < 4
    assert error(window.to_visible(CORNERS)) < 10
    assert not any(alignment.flags for alignment in aligned.values())

import numpy as np
import pytest

from ddlivm.alignment.correlation import BEYOND, Spectrum, peaks

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("down", "across"), [(5, 7), (0, 0), (20, 16), (-2, -3)])
def test_a_part_of_the_structure_is_found_where_it_was_cut_out(down: int, across: int):
    seen = RNG.standard_normal((60, 80, 3)).astype(np.float32)
    margin = (round(BEYOND * 60), round(BEYOND * 80))
    padded = np.pad(seen, ((4, 4), (5, 5), (0, 0)))
    template = padded[4 + down : 44 + down, 5 + across : 69 + across]
    spectrum = Spectrum.of(seen, (40, 64))
    assert spectrum.margins == margin
    scores = spectrum.correlate(template)
    assert scores.shape == (60 + 2 * margin[0] - 40 + 1, 80 + 2 * margin[1] - 64 + 1)
    y, x = np.unravel_index(scores.argmax(), scores.shape)
    assert (y - margin[0], x - margin[1]) == (down, across)
    assert scores.max() == pytest.approx(1, abs=1e-4)


def test_a_template_as_large_as_everything_has_one_place():
    seen = RNG.standard_normal((50, 50, 2)).astype(np.float32)
    assert Spectrum.of(seen, (70, 70)).correlate(np.ones((70, 70, 2), np.float32)).shape == (1, 1)


def test_a_sliver_of_overlap_is_worth_less_than_it_looks():
    """A template that hangs over the edge of what is seen is held against the mean energy of the picture."""
    seen = np.zeros((60, 80, 1), np.float32)
    seen[:, 40:] = RNG.standard_normal((60, 40, 1))
    template = RNG.standard_normal((40, 30, 1)).astype(np.float32)
    faint = 1e-3 * template
    seen[10:50, 2:32] = faint
    scores = Spectrum.of(seen, (40, 30)).correlate(template)
    assert scores[10 + 4, 2 + 5] < 0.01


def test_peaks_come_best_first_and_apart():
    scores = np.zeros((20, 30), np.float32)
    scores[3, 4], scores[4, 5], scores[15, 20], scores[0, 29] = 5, 4, 3, 2
    assert list(peaks(scores, most=3, apart=3)) == [(4, 3, 5.0), (20, 15, 3.0), (29, 0, 2.0)]
    assert len(list(peaks(scores[:2, :2], most=9, apart=3))) == 1

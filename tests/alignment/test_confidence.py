from hypothesis import given
from hypothesis import strategies as st

from ddlivm.alignment.confidence import confidence

scores, leads = st.floats(-1, 1), st.floats(0, 1)


@given(score=scores, lead=leads)
def test_confidence_is_a_probability(score: float, lead: float):
    assert 0 <= confidence(score, lead) <= 1


@given(score=scores, other=scores, lead=leads, later=leads)
def test_a_higher_score_and_a_clearer_lead_are_never_worth_less(score: float, other: float, lead: float, later: float):
    assert confidence(max(score, other), max(lead, later)) >= confidence(min(score, other), min(lead, later))


def test_two_places_that_explain_the_images_equally_well_are_no_answer():
    assert confidence(0.7, 0.0) < 0.01
    assert confidence(0.7, 0.08) > 0.9


def test_a_correlation_beyond_what_is_enough_cannot_replace_a_lead():
    assert confidence(1.0, 0.01) == confidence(0.55, 0.01) < 0.5

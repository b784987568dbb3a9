from ddlivm.inspection.settings import load_settings
from ddlivm.parameters import load_parameters
from tests.imports import ROOT


def test_a_plant_is_inspected_as_the_demos_stages_were_run():
    parameters, settings = load_parameters(ROOT / "params.yaml"), load_settings()
    assert settings.alignment == parameters.alignment
    assert settings.head_selection == parameters.head_selection

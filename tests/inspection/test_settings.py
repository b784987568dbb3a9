from ddlivm.inspection.settings import load_settings
from ddlivm.parameters import load_parameters
from tests.imports import ROOT


def test_a_plant_is_inspected_as_the_demos_stages_were_run():
    parameters, settings = load_parameters(ROOT / "params.yaml"), load_settings()
    for stage in ("alignment", "head_selection"):
        ours, demos = getattr(settings, stage), getattr(parameters, stage)
        # The demo runs its folds side by side, a thread each; an inspection has the machine for itself.
        assert ours == demos.model_copy(update={"threads": ours.threads})

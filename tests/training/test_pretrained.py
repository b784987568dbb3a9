import pytest
import torch
from safetensors.torch import save_file

from ddlivm.detector.architecture import Architecture
from ddlivm.errors import InputError
from ddlivm.training.devices import launch
from ddlivm.training.dtft import Dtft
from ddlivm.training.dtft_stage import train_encoders
from tests.training.plants import DINOV2, INFMAE, NOTHING, tiny_transformers


def parameters(**weights):
    encoders = {
        "infrared_encoder": INFMAE.model_copy(update={"weights": weights.get("infrared")}),
        "visible_encoder": DINOV2.model_copy(update={"weights": weights.get("visible")}),
    }
    return tiny_transformers().model_copy(update=encoders)


def test_training_starts_from_the_weights_given(tmp_path):
    section = parameters()
    architecture = Architecture.of(section)
    fabric = launch("32-true")
    fresh = Dtft(fabric, architecture, section, "site1").modules
    given = {
        "infrared": {key: value + 1 for key, value in fresh["infrared"].state_dict().items()},
        "visible": {key: value + 1 for key, value in fresh["visible"].get_submodule("vit").state_dict().items()},
    }
    for name, state in given.items():
        save_file({key: value.contiguous() for key, value in state.items()}, tmp_path / f"{name}.safetensors")
    files = {name: str(tmp_path / f"{name}.safetensors") for name in given}
    started = Dtft(fabric, architecture, parameters(**files), "site1").modules
    for name, module in (("infrared", started["infrared"]), ("visible", started["visible"].get_submodule("vit"))):
        assert all(torch.equal(value, given[name][key]) for key, value in module.state_dict().items())
    assert started["infrared"].gradient_checkpointing
    assert started["visible"].gradient_checkpointing


@pytest.mark.parametrize("name", ["infrared", "visible"])
def test_weights_that_are_not_there_are_named_before_anything_runs(tmp_path, name):
    section = parameters(**{name: "/nowhere/InfMAE.pth"})
    with pytest.raises(InputError, match=f"dtft_training.{name}_encoder.weights: /nowhere/InfMAE.pth is not a file"):
        train_encoders(tmp_path, tmp_path, [], "site1", [], NOTHING, section, tmp_path / "out", tmp_path / "work")

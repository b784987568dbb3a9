import pytest
import yaml

from ddlivm.errors import InputError
from ddlivm.parameters import load_parameters, merge
from tests.imports import ROOT


@pytest.fixture
def content():
    return yaml.safe_load((ROOT / "params.yaml").read_text())


def load(tmp_path, content):
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(content))
    return load_parameters(path)


@pytest.mark.parametrize("profile", ["demo", "small", "paper"])
def test_the_profile_lies_over_the_sections(tmp_path, content, profile):
    content["profile"] = profile
    loaded = load(tmp_path, content)
    overlay = content["profiles"][profile]["dtft_training"].get("epochs", content["dtft_training"]["epochs"])
    assert loaded.dtft_training.epochs == overlay


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"head_selection": {"windw": 50}}, "head_selection.windw: is no known key"),
        ({"head_selection": {"window": 1}}, "head_selection.window: .* greater than or equal to 4"),
        ({"hstd_augmentation": {"diffusivity": [0.3, 0.1]}}, r"diffusivity: \[0.3, 0.1\] is no range"),
        (
            {"hstd_augmentation": {"conservative": True, "diffusivity": [0.1, 0.6]}},
            "diffusivity: a pixel would lose more than it has; with these weights at most 0.5",
        ),
        ({"background_removal": {"images_at_once": 3}}, "images_at_once: 3 does not divide batch_size 16"),
        ({"background_removal": {"images_at_once": 1}}, "images_at_once: BiRefNet's batch normalisation wants 2"),
        ({"gate": {"sites": ["site99"]}}, "'site99' is no site; `sites` has site1"),
        ({"folds": ["site99"]}, "'site99' is no site"),
        ({"calibration": {"sites": [["site99"]]}}, "'site99' is no site; `sites` has site1"),
        ({"calibration": {"beta": 0}}, "calibration.beta: .* greater than 0"),
        ({"profiles": {"paper": {"head_selection": {"window": 1}}}}, "profiles.paper"),
        ({"profiles": {"paper": {"gate": {"minimum_map40": 0}}}}, "profiles.paper.gate: is the same in every profile"),
        (
            {"profiles": {"demo": {"dtft_training": {"infrared_encoder": {"kind": "dinov2"}}}}},
            "dtft_training.infrared_encoder: .* 'infmae', 'residual'",
        ),
        (
            {"dtft_training": {"visible_encoder": {"taps": [4, 8, 25]}}},
            "visible_encoder.*taps must be blocks from 1 to 24",
        ),
        ({"dtft_training": {"visible_encoder": {"registers": 4}}}, "files with registers want antialias true"),
        ({"dtft_training": {"visible_encoder": {"heads": 7}}}, "visible_encoder.*dim must be a multiple of heads"),
        ({"dtft_training": {"infrared_encoder": {"heads": 7}}}, "infrared_encoder.*multiple of 4 times heads"),
        (
            {"profiles": {"demo": {"dtft_training": {"infrared_encoder": {"frozen_stages": 8}}}}},
            "infrared_encoder.*frozen_stages: .* less than or equal to 7",
        ),
        ({"dtft_training": {"tiles": {"size": [100, 96]}}}, "tiles.size: .*width and height must be multiples of 32"),
        ({"dtft_training": {"tiles": {"sizes": [[96, 96]]}}}, "tiles.sizes: is no known key"),
        ({"dtft_training": {"schedule": "none"}}, "schedule: .* 'literal', 'fused' or 'joint'"),
        ({"head_checkpointing": {"tuned_rate": 0}}, "tuned_rate: .* greater than 0"),
        ({"profile": "tiny"}, "profile: 'tiny' has no entry in `profiles`"),
    ],
)
def test_what_is_wrong_is_named_in_one_line(tmp_path, content, change, message):
    with pytest.raises(InputError, match=message) as raised:
        load(tmp_path, merge(content, change))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("text", ["- a\n- b\n", "a: [", "", "\x00"])
def test_a_file_that_is_no_params_yaml_is_one_line(tmp_path, text):
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=r"params\.yaml") as raised:
        load_parameters(path)
    assert "\n" not in str(raised.value)


def test_merge_lays_leaves_over_and_replaces_lists():
    base = {"a": {"b": 1, "c": [1, 2]}, "d": 3}
    assert merge(base, {"a": {"c": [4]}, "e": 5}) == {"a": {"b": 1, "c": [4]}, "d": 3, "e": 5}
    assert base == {"a": {"b": 1, "c": [1, 2]}, "d": 3}


def test_merge_replaces_what_changes_its_kind():
    base = {"a": {"kind": "x", "b": 1}}
    assert merge(base, {"a": {"kind": "y", "c": 2}}) == {"a": {"kind": "y", "c": 2}}
    assert merge(base, {"a": {"kind": "x", "c": 2}}) == {"a": {"kind": "x", "b": 1, "c": 2}}
    assert merge(base, {"a": {"c": 2}}) == {"a": {"kind": "x", "b": 1, "c": 2}}


def test_another_profile_than_the_files_own_can_be_asked_for(tmp_path, content):
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(content))
    assert load_parameters(path, "paper").profile == "paper"
    with pytest.raises(InputError, match="'tiny' has no entry"):
        load_parameters(path, "tiny")

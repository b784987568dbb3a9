import pytest

from components.readme import FOLDER, load_stage, render, stage_names


@pytest.mark.parametrize("name", stage_names())
def test_readme_is_in_step_with_the_docstring(name):
    assert (FOLDER / name / "README.md").read_text() == render(*load_stage(name)), "run: make readmes"


@pytest.mark.parametrize("name", stage_names())
def test_a_stage_is_named_like_its_folder_and_explains_itself(name):
    stage, docstring = load_stage(name)
    assert stage.name == name
    assert docstring.splitlines()[0].endswith(".")
    assert all(entry.help for entry in stage.inputs)
    assert all(option.help for option in stage.options)

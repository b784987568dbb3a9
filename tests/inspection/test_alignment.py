"""The command `ddlivm align`, on drawn plants."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from ddlivm.cli import app
from ddlivm.data import Transform
from ddlivm.errors import InputError
from ddlivm.parameters import load_parameters
from ddlivm.parameters.alignment import STRUCTURE
from tests.alignment.scene import INFRARED, VISIBLE, Drawn, corner_error, draw
from tests.imports import ROOT

RIG = Transform(1.5, 38, 27)
RUNNER = CliRunner()


def write(drawn: Drawn, folder: Path, name: str = "0001", turns: int = 0) -> tuple[Path, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    infrared, visible = folder / f"{name}_T.png", folder / f"{name}_V.png"
    grey = np.clip(drawn.infrared * 6, 0, 255).astype(np.uint8)
    cv2.imwrite(str(infrared), np.rot90(grey, turns).copy())
    cv2.imwrite(str(visible), np.ascontiguousarray(drawn.visible[..., ::-1]))
    return infrared, visible


def align(*arguments: str | Path) -> str:
    result = RUNNER.invoke(app, ["align", *map(str, arguments)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0
    return result.stdout


def pair(infrared: Path, visible: Path, folder: Path) -> dict:
    picture = folder / "drawn.jpg"
    return json.loads(align("--infrared", infrared, "--visible", visible, "--json", "--picture", picture))


def transform(answer: dict) -> Transform:
    x, y = answer["offset"]
    return Transform(answer["scale"], x, y, answer["rotation_deg"])


def test_a_pair_is_aligned_by_structure_alone_which_is_said_and_drawn(tmp_path: Path):
    found = pair(*write(draw(RIG), tmp_path), tmp_path)
    assert corner_error(transform(found), RIG) < 1
    assert found["confidence"] > 0.5
    assert found["flags"] == ["structure_alone"]
    assert found["infrared_crop"] == [0, 0, *INFRARED]
    expected = np.concatenate(RIG.to_visible([(0, 0), INFRARED]))
    np.testing.assert_allclose(found["visible_crop"], expected, atol=2)
    with Image.open(tmp_path / "drawn.jpg") as drawn:
        assert drawn.size == (2 * INFRARED[0] + 8, INFRARED[1])


def test_both_crops_show_the_same_ground_where_the_infrared_camera_sees_more(tmp_path: Path):
    rig = Transform(2.2, -15, -10)
    found = pair(*write(draw(rig), tmp_path), tmp_path)
    infrared, visible = np.array(found["infrared_crop"]), np.array(found["visible_crop"])
    np.testing.assert_allclose(visible, [0, 0, *VISIBLE], atol=3)
    np.testing.assert_allclose(rig.to_visible(infrared.reshape(2, 2)).ravel(), visible, atol=3)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_turned_image_is_named_and_not_believed(tmp_path: Path, turns: int):
    found = pair(*write(draw(RIG), tmp_path, turns=turns), tmp_path)
    assert found["confidence"] < 0.5
    assert {"low_confidence", f"turned_{360 - 90 * turns}"} <= {*found["flags"]}
    assert "site_fallback" not in found["flags"]


def test_two_places_are_not_believed(tmp_path: Path):
    infrared, _ = write(draw(RIG, 1), tmp_path)
    _, visible = write(draw(Transform(1.3, 70, 40), 8), tmp_path, "0002")
    assert "low_confidence" in pair(infrared, visible, tmp_path)["flags"]


@pytest.mark.parametrize(("which", "level"), [("infrared", 0), ("infrared", 255), ("visible", 0), ("visible", 255)])
def test_a_blank_image_is_one_line_that_names_it(tmp_path: Path, which: str, level: int):
    paths = dict(zip(("infrared", "visible"), write(draw(RIG), tmp_path), strict=True))
    cv2.imwrite(str(paths[which]), np.full((64, 80), level, np.uint8))
    with pytest.raises(InputError, match=rf"0001_T\.png.*\(blank_{which}\)") as raised:
        pair(paths["infrared"], paths["visible"], tmp_path)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "drawn.jpg").exists()


def test_a_site_is_aligned_as_one_rig_and_drawn(tmp_path: Path):
    for seed in range(3):
        write(draw(RIG, seed), tmp_path / "plant", f"{seed}")
    noise = draw(RIG, 5)
    noise.visible[:] = np.random.default_rng(0).integers(0, 255, noise.visible.shape)
    write(noise, tmp_path / "plant", "3")
    out = tmp_path / "out"
    site = json.loads(align("--site", tmp_path / "plant", "--out", out, "--json"))
    written = json.loads((out / "alignment.json").read_text())
    assert written["site"] == site
    assert corner_error(transform(site), RIG) < 1
    assert site["flags"] == ["structure_alone"]
    assert sorted(written["pairs"]) == ["0", "1", "2", "3"]
    assert written["pairs"]["3"]["scale"] == site["scale"]
    assert {"low_confidence", "site_fallback"} <= {*written["pairs"]["3"]["flags"]}
    assert sorted(path.name for path in (out / "annotated").iterdir()) == ["0.jpg", "1.jpg", "2.jpg", "3.jpg"]
    assert "not sure on 1" in align("--site", tmp_path / "plant", "--out", out)


@pytest.mark.parametrize(
    "arguments",
    [(), ("--infrared", "a.png"), ("--site", "x", "--visible", "b.png"), ("--infrared", "a", "--site", "b")],
)
def test_half_a_question_is_one_line(arguments: tuple[str, ...]):
    with pytest.raises(InputError, match="expected --infrared and --visible, or --site"):
        align(*arguments)


def test_without_a_model_pairs_are_aligned_as_the_demos_stage_was_run():
    demos = load_parameters(ROOT / "params.yaml").alignment
    # The demo runs its folds side by side, a thread each; this command has the machine for itself.
    assert demos.model_copy(update={"threads": STRUCTURE.threads}) == STRUCTURE

import json

import pytest

from ddlivm.detector.architecture import (
    Architecture,
    Dinov2Spec,
    InfmaeSpec,
    MaskRcnnSpec,
    ResidualSpec,
    TimmSpec,
)
from ddlivm.detector.configurations import groups
from ddlivm.errors import InputError
from ddlivm.parameters import load_parameters
from tests.imports import ROOT

SPEC = ResidualSpec((8, 16, 24, 32), (0, 1, 1, 1))
INFRARED = InfmaeSpec((8, 16, 24), (1, 1, 2), heads=3, grid=4, antialias=False)
VISIBLE = Dinov2Spec(
    16, 6, 4, 2, 5, antialias=True, position_offset=0.1, taps=None, norm_taps=True, summed=False, compact=True
)
TIMM = TimmSpec("tf_efficientnet_lite0", (24, 40, 112, 320))
ARCHITECTURE = Architecture((96, 64), SPEC, SPEC, 16, 2, 1)


@pytest.mark.parametrize(("infrared", "visible"), [(SPEC, SPEC), (INFRARED, VISIBLE), (SPEC, VISIBLE), (TIMM, TIMM)])
def test_what_is_saved_is_what_is_loaded(tmp_path, infrared, visible):
    alone = Architecture((96, 64), infrared, visible, 16, 2, 1)
    whole = alone.with_mask_rcnn(MaskRcnnSpec((4.0, 8.0), 50, (64, 32), 128))
    whole.save(tmp_path)
    assert Architecture.load(tmp_path) == whole
    assert whole.without_mask_rcnn() == alone


def test_the_streams_channels_add_up():
    assert ARCHITECTURE.fused_channels == (16, 32, 48, 64)
    assert Architecture((96, 64), INFRARED, VISIBLE, 16, 2, 1).fused_channels == (24, 32, 40, 40)


def test_the_papers_section_is_the_papers_detector():
    paper = Architecture.of(load_parameters(ROOT / "params.yaml", "paper").dtft_training)
    assert paper.working_size == (448, 448)
    assert paper.fused_channels == (1280, 1408, 1792, 1792)
    assert isinstance(paper.visible, Dinov2Spec)
    assert paper.visible.tapped == (4, 8, 12)


def test_the_demo_has_one_convolutional_pyramid_for_each_modality():
    demo = Architecture.of(load_parameters(ROOT / "params.yaml", "demo").dtft_training)
    assert demo.infrared == demo.visible == TIMM
    assert demo.fused_channels == (48, 80, 224, 640)


def test_a_detector_from_before_masks_has_none(tmp_path):
    masked = MaskRcnnSpec((4.0,), 50, (64, 32), 128, masks=True)
    ARCHITECTURE.with_mask_rcnn(masked).save(tmp_path)
    assert Architecture.load(tmp_path).mask_rcnn == masked
    path = tmp_path / "detector.json"
    content = json.loads(path.read_text())
    del content["architecture"]["mask_rcnn"]["masks"]
    path.write_text(json.dumps(content))
    assert Architecture.load(tmp_path).mask_rcnn == MaskRcnnSpec((4.0,), 50, (64, 32), 128)


def test_a_file_that_is_no_detector_is_named(tmp_path):
    path = tmp_path / "detector.json"
    with pytest.raises(InputError, match="cannot be read"):
        Architecture.load(tmp_path)
    path.write_text("{}")
    with pytest.raises(InputError, match=r"detector\.json: does not describe a detector"):
        Architecture.load(tmp_path)
    ARCHITECTURE.save(tmp_path)
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"classes": ["hotspot"]}))
    with pytest.raises(InputError, match="classes hotspot are not the taxonomy's"):
        Architecture.load(tmp_path)
    changes: list[dict[str, object]] = [
        {"depth": 3},
        {"infrared": {"kind": "convnext"}},
        {"visible": None},
        {"visible": {"kind": []}},
    ]
    for change in changes:
        path.write_text(json.dumps({**content, "architecture": content["architecture"] | change}))
        with pytest.raises(InputError, match="does not describe"):
            Architecture.load(tmp_path)


def test_groups_divide_the_channels():
    assert [groups(channels) for channels in (16, 24, 32, 48, 64, 256)] == [2, 2, 4, 4, 8, 32]

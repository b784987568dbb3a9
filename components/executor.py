"""Kubeflow's executor input and output, read and written without its SDK so that light images need none."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from components.declaration import Stage
from ddlivm.errors import InputError

MOUNTS = {"gs://": "/gcs/", "minio://": "/minio/", "s3://": "/s3/"}
"""Where Kubeflow's launcher puts an artifact of each store; anything else is a path already."""
TOLD = (
    "bytes_in",
    "bytes_out",
    "data_md5",
    "git",
    "gpu_seconds",
    "image",
    "key",
    "peak_gpu_memory_bytes",
    "peak_memory_bytes",
    "seconds",
    "seconds_per_pair",
)
"""Metadata travels in every later stage's executor input, on a command line: only what is short goes along."""


@dataclass(frozen=True)
class ExecutorInput:
    """What Kubeflow passes for the placeholder `{{$}}`."""

    content: dict[str, Any]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the placeholder's value.

        Raises:
            InputError: it is no JSON object.
        """
        try:
            content = json.loads(text)
        except json.JSONDecodeError as error:
            raise InputError(f"--executor-input: is not valid JSON ({error})") from error
        if not isinstance(content, dict):
            raise InputError("--executor-input: expected a JSON object with `inputs` and `outputs`")
        return cls(content)

    def inputs(self, artifact: str) -> list[Path]:
        """Return the local paths of an input artifact's entries, in order; none if it is not there."""
        return [local_path(entry["uri"]) for entry in self._entries("inputs", artifact)]

    def metadata(self, artifact: str) -> list[dict[str, Any]]:
        """Return what the stages that wrote an input artifact's entries told of them, in order."""
        return [dict(entry.get("metadata") or {}) for entry in self._entries("inputs", artifact)]

    def write_output(self, stage: Stage, out: Path, facts: dict[str, Any]) -> None:
        """Fill the stage's cards from its finished output and write the executor output, where one is asked for.

        Args:
            stage: declares the cards.
            out: the finished output.
            facts: the output's provenance.
        """
        target = self.content.get("outputs", {}).get("outputFile")
        if target is None:
            return
        cards = {card.artifact: card for card in stage.cards}
        artifacts: dict[str, Any] = {}
        for name in self.content["outputs"].get("artifacts", {}):
            for entry in self._entries("outputs", name):
                metadata = dict(entry.get("metadata", {}))
                if name in cards:
                    files = sorted(out.glob(cards[name].pattern))
                    if cards[name].metrics:
                        metadata |= _numbers(files)
                    else:
                        _join(files, local_path(entry["uri"]))
                elif local_path(entry["uri"]).absolute() == out.absolute():
                    metadata |= {key: facts[key] for key in TOLD if facts.get(key) is not None}
                artifacts[name] = {"artifacts": [{"name": entry["name"], "uri": entry["uri"], "metadata": metadata}]}
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        Path(target).write_text(json.dumps({"artifacts": artifacts}), encoding="utf-8")

    def _entries(self, side: str, artifact: str) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = (
            self.content.get(side, {}).get("artifacts", {}).get(artifact, {}).get("artifacts", [])
        )
        return listed


def local_path(uri: str) -> Path:
    """Return where an artifact lies in the container."""
    for prefix, mount in MOUNTS.items():
        if uri.startswith(prefix):
            return Path(mount + uri.removeprefix(prefix))
    return Path(uri)


def _numbers(files: list[Path]) -> dict[str, float]:
    return {
        key: float(value)
        for file in files
        for key, value in json.loads(file.read_text(encoding="utf-8")).items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def _join(files: list[Path], target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as joined:
        for file in files:
            with file.open("rb") as part:
                shutil.copyfileobj(part, joined)
            joined.write(b"\n")

"""A build folder as a pipeline run leaves it: the fold `all`, one other fold's figures, and its params.yaml."""

import shutil
from pathlib import Path

from ddlivm.files import read_yaml, write_json
from tests.imports import ROOT
from tests.registry.parts import make_parts

SIDECAR = {
    "seconds": 1.5,
    "gpu_seconds": 3.0,
    "peak_memory_bytes": 7,
    "bytes_in": 9,
    "bytes_out": 8,
    "git": "abc",
    "image": "host/ddlivm-heavy@sha256:1",
}


def make_build(folder: Path) -> Path:
    """Write `build/` and `params.yaml` to a folder."""
    parts = make_parts(folder / "parts").folder
    build = folder / "build"
    for part in ("segmenter", "encoders", "bank", "selection"):
        shutil.copytree(parts / part, build / part / "all")
        write_json(build / part / "all.provenance.json", SIDECAR)
    shutil.copytree(parts / "figures", build / "figures")
    shutil.copytree(parts / "series", build / "series")
    (build / "report").mkdir()
    summary = {"accuracy": 0.7, "simulated": True, "sites": {"site3": {"map40": 0.5}}}
    write_json(build / "report" / "summary.json", summary)
    write_json(folder / "params.yaml", read_yaml(ROOT / "params.yaml") | {"folds": ["site3", "all"]})
    return build

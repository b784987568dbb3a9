"""Run a stage as a Kubeflow TrainJob and wait for it: `python -m components.train_job --manifest JSON -- ARGUMENTS`.

Kubeflow hands a stage's inputs to this pod alone. They go to the volume that all pods share, the job's pods read and
write there, and what they wrote comes back to where Kubeflow looks for it. The job's name is a hash of its arguments:
when this pod is replaced, the new one finds the job and waits on.
"""

import argparse
import hashlib
import json
import shutil
import ssl
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from components.executor import ExecutorInput, local_path
from components.images import SCRATCH
from ddlivm.errors import InputError
from ddlivm.files import replacing

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
SERVER = "https://kubernetes.default.svc"
PAUSE = 15.0
"""Seconds between two looks at the job."""
PATIENCE = 20
"""Looks in a row that may find the server away."""
CONFLICT, NOT_FOUND = 409, 404


@dataclass(frozen=True)
class Kubernetes:
    """The cluster's API, for one kind of object in this pod's namespace.

    Attributes:
        address: of the objects.
        token: this pod's account.
        context: what the server's certificate is checked with; None for plain HTTP.
    """

    address: str
    token: str
    context: ssl.SSLContext | None

    def call(self, method: str, name: str = "", body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the server's answer.

        Raises:
            HTTPError: it refused.
            URLError: it cannot be reached.
        """
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.address}{name and '/'}{name}", data=data, headers=headers, method=method)
        with urlopen(request, timeout=30, context=self.context) as answer:
            content: dict[str, Any] = json.loads(answer.read())
        return content


def main() -> int:
    """Run the job; return the exit status."""
    parser = argparse.ArgumentParser("python -m components.train_job", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--manifest", required=True, metavar="JSON", help="the TrainJob, without name and arguments")
    parser.add_argument("arguments", nargs="+", help="the stage's, after `--`")
    given = parser.parse_args()
    try:
        run(json.loads(given.manifest), given.arguments, in_cluster(ACCOUNT, SERVER))
    except InputError as error:
        print(f"train_job: {error}", file=sys.stderr)
        return 2
    return 0


def in_cluster(account: Path, server: str) -> Kubernetes:
    """Return the API of the cluster that this pod runs in.

    Raises:
        InputError: there is no service account.
    """
    try:
        token, namespace = ((account / name).read_text(encoding="ascii").strip() for name in ("token", "namespace"))
    except OSError as error:
        raise InputError(f"{account}: has no service account ({error.strerror}); this runs in a cluster") from error
    context = ssl.create_default_context(cafile=str(account / "ca.crt")) if server.startswith("https") else None
    path = f"/apis/trainer.kubeflow.org/v1alpha1/namespaces/{namespace}/trainjobs"
    return Kubernetes(server + path, token, context)


@dataclass(frozen=True)
class Moves:
    """Where what this pod was given, and is to give, lies on the volume that all pods share.

    Attributes:
        content: the executor input.
        shared: the job's folder on the volume.
    """

    content: dict[str, Any]
    shared: Path

    def pairs(self, side: str) -> dict[str, Path]:
        """Return the place on the volume of each `inputs` or `outputs` artifact, by its address."""
        lists = self.content.get(side, {}).get("artifacts", {}).values()
        addresses = [entry["uri"] for listed in lists for entry in listed["artifacts"]]
        return {uri: self.shared / side / str(index) / local_path(uri).name for index, uri in enumerate(addresses)}

    def there(self, word: str) -> str:
        """Return an argument with this pod's addresses and paths replaced by those on the volume."""
        places = {self.content["outputs"]["outputFile"]: self.executor_output}
        for uri, place in (self.pairs("inputs") | self.pairs("outputs")).items():
            places |= {uri: place, str(local_path(uri)): place}
        for here in sorted(places, key=len, reverse=True):  # one path may begin another
            word = word.replace(here, str(places[here]))
        return word

    def back(self, text: str) -> str:
        """Return the executor output with the volume's paths replaced by Kubeflow's addresses."""
        for uri, place in self.pairs("outputs").items():
            text = text.replace(str(place), uri)
        return text

    @property
    def executor_output(self) -> Path:
        """Where the job writes its executor output."""
        return self.shared / "executor_output.json"


def run(manifest: dict[str, Any], arguments: Sequence[str], cluster: Kubernetes, work: Path = Path(SCRATCH)) -> None:
    """Start the job unless it is there, wait for it, and bring its output back.

    Args:
        manifest: the TrainJob.
        arguments: the stage's command line.
        cluster: where it runs.
        work: the volume that this pod and the job's pods share.

    Raises:
        InputError: the job failed, or the cluster refuses it.
    """
    content = ExecutorInput.parse(_value(arguments, "--executor-input")).content
    name = f"ddlivm-{hashlib.sha256(json.dumps([manifest, list(arguments)]).encode()).hexdigest()[:16]}"
    moves = Moves(content, work / "train-jobs" / name)
    for uri, place in moves.pairs("inputs").items():
        _copy(local_path(uri), place)
    trainer = manifest["spec"]["trainer"] | {"args": [moves.there(word) for word in arguments]}
    named = {"metadata": manifest["metadata"] | {"name": name}, "spec": manifest["spec"] | {"trainer": trainer}}
    _start(cluster, manifest | named)
    _wait(cluster, name)
    for uri, place in moves.pairs("outputs").items():
        if place.exists():
            _copy(place, local_path(uri))
    output = Path(content["outputs"]["outputFile"])
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(moves.back(moves.executor_output.read_text(encoding="utf-8")), encoding="utf-8")
    cluster.call("DELETE", name)
    shutil.rmtree(moves.shared)


def _copy(source: Path, target: Path) -> None:
    if target.exists():
        return  # an earlier pod brought it, and what is there is whole
    with replacing(target) as temporary:
        if source.is_dir():
            shutil.copytree(source, temporary)
        else:
            shutil.copy(source, temporary)


def _start(cluster: Kubernetes, manifest: dict[str, Any]) -> None:
    try:
        cluster.call("POST", body=manifest)
        print(f"train_job: started {manifest['metadata']['name']}", flush=True)
    except HTTPError as error:
        if error.code != CONFLICT:
            raise InputError(f"the cluster refuses the TrainJob ({_reason(error)})") from error
        print(f"train_job: {manifest['metadata']['name']} is there; waiting for it", flush=True)
    except URLError as error:
        raise InputError(f"the cluster's API cannot be reached ({error.reason})") from error


def _wait(cluster: Kubernetes, name: str) -> None:
    misses = 0
    while True:
        try:
            conditions = cluster.call("GET", name).get("status", {}).get("conditions", [])
            misses = 0
        except (HTTPError, URLError, TimeoutError) as error:
            misses += 1
            if misses > PATIENCE or getattr(error, "code", None) == NOT_FOUND:
                raise InputError(f"TrainJob {name} cannot be looked at ({error})") from error
            conditions = []
        reached = {entry["type"]: entry for entry in conditions if entry.get("status") == "True"}
        if "Failed" in reached:
            raise InputError(f"TrainJob {name} failed: {reached['Failed'].get('message', '')}; its pods' logs say why")
        if "Complete" in reached:
            return
        time.sleep(PAUSE)


def _reason(error: HTTPError) -> str:
    try:
        return f"{error.code} {json.loads(error.read())['message']}"
    except (ValueError, KeyError, TypeError):
        return str(error)


def _value(arguments: Sequence[str], flag: str) -> str:
    if flag not in arguments:
        raise InputError(f"{flag} is missing from the stage's arguments")
    return arguments[list(arguments).index(flag) + 1]


if __name__ == "__main__":
    sys.exit(main())

"""`ddlivm submit` and `ddlivm status`."""

import sys
from collections.abc import Sequence
from pathlib import Path

from ddlivm.errors import InputError
from pipelines.submission.data import publish, publish_params
from pipelines.submission.plan import PARAMS, Distributed, make_plan

COMPILED = Path("build/retrain.yaml")
FAILED = 1


def submit(
    host: str | None,
    experiment: str,
    revision: str,
    folds: Sequence[str],
    store: str | None,
    cron: str | None,
    dry_run: bool,
    distributed: Distributed | None,
    gpus: int,
    nodes: int,
) -> None:
    """Compile, upload, and run or schedule the pipeline; print the link.

    Args:
        host: the Kubeflow Pipelines server.
        experiment: its experiment.
        revision: of the data.
        folds: sites to hold out; none for those of params.yaml.
        store: the prefix at which data and params.yaml are put for the cluster.
        cron: six fields, seconds first; None runs once, now.
        dry_run: whether to stop before anything is uploaded.
        distributed: how DTFT training spreads over GPUs.
        gpus: of each pod that trains.
        nodes: pods that train together.

    Raises:
        InputError: the data is dirty, an image has no digest, an address is missing, or a server refuses.
    """
    plan = make_plan(revision, folds, distributed, gpus, nodes)
    print(
        f"data {plan.data.md5} of {plan.data.revision[:12]}; pipeline {plan.version}; folds {plan.arguments['folds']}"
    )
    if dry_run:
        COMPILED.parent.mkdir(exist_ok=True)
        COMPILED.write_text(plan.text, encoding="utf-8")
        print(f"dry run: {COMPILED} is what would be uploaded; nothing was sent")
        return
    if host is None or store is None:
        raise InputError("give --host and --store, or their variables, or --dry-run")
    from pipelines.submission.cluster import Cluster

    cluster = Cluster(host)
    prefix = store.rstrip("/")
    addresses = {"data_uri": publish(plan.data, prefix), "params_uri": publish_params(PARAMS, prefix)}
    arguments = plan.arguments | addresses
    print(cluster.schedule(plan, experiment, arguments, cron) if cron else cluster.run(plan, experiment, arguments))


def status(host: str | None, run: str) -> int:
    """Print how a run stands, and why it failed if it did; return 1 if it failed.

    Raises:
        InputError: there is no such run, or the server cannot be reached.
    """
    if host is None:
        raise InputError("give --host, or its variable")
    from pipelines.submission.cluster import Cluster

    found = Cluster(host).look(run)
    print(f"{found.display_name}: {found.state}, since {found.created_at:%Y-%m-%d %H:%M} UTC")
    details = found.run_details.task_details if found.run_details else None
    for task in sorted(details or (), key=lambda task: str(task.start_time)):
        if task.state and not task.display_name.endswith("-driver"):  # a driver is Kubeflow's own pod
            print(f"  {task.state:<10} {task.display_name}")
            if task.error and task.error.message:
                print(f"             {task.error.message.splitlines()[0]}")
    if found.error and found.error.message:
        print(found.error.message.splitlines()[0], file=sys.stderr)
    return FAILED if found.state in ("FAILED", "CANCELED") else 0

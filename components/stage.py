"""Run a stage: check what it was given, let it fill a temporary folder, and put that in its place."""

import errno
import hashlib
import shutil
import signal
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from components import processes
from components.arguments import Run, build_parser, input_paths
from components.declaration import Stage
from ddlivm.errors import ElsewhereError, InputError, Stopped

if TYPE_CHECKING:  # what is heavier than argparse is imported after `--help` has been answered
    from components.executor import ExecutorInput

BAD_INPUT = 2
STOPPED = 128 + signal.SIGTERM
COMPLETE = "complete"
UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR)
Work = Callable[[Run], None]


def main(stage: Stage, work: Work, summary: str | None, argv: Sequence[str] | None = None) -> int:
    """Run a stage's command.

    Args:
        stage: what it declares.
        work: does it; imports what is heavy.
        summary: the command's docstring, for `--help`.
        argv: the arguments; None for the process's own.

    Returns:
        The exit status: 0, or 2 after one line on stderr about what was given, or 143 after one about a SIGTERM.
    """
    given = list(sys.argv[1:] if argv is None else argv)
    arguments = build_parser(stage, summary or "").parse_args(given)
    try:
        with processes.stoppable():
            if processes.first():
                _run(stage, work, arguments, given)
            else:
                _help(stage, work, arguments)
    except InputError as error:
        print(f"{stage.name}: {error}", file=sys.stderr, flush=True)
        return BAD_INPUT
    except ElsewhereError:
        return BAD_INPUT
    except Stopped as stop:
        if processes.first():
            print(f"{stage.name}: {stop}", file=sys.stderr, flush=True)
        return STOPPED
    except Exception as error:
        trouble = _unwritable(error)
        if trouble is None:
            raise
        place = getattr(error, "filename", None) or arguments.out
        line = f"{stage.name}: {place}: cannot be written ({trouble}); free space or give another folder"
        print(line, file=sys.stderr, flush=True)
        return BAD_INPUT
    return 0


def _run(stage: Stage, work: Work, arguments: Namespace, argv: list[str]) -> None:
    from components.provenance import Clock, cost, facts, read_sidecar, write_sidecar
    from components.writer import sole_writer
    from ddlivm.files import MEASURED, read_json

    clock = Clock()
    run, executor = _read(stage, arguments)
    title = " ".join([stage.name, *run.options.values()])
    key = _key(run, arguments.cache_key)
    place = hashlib.sha256(str(run.out.absolute()).encode()).hexdigest()[:16]
    with sole_writer(run.work / f"{stage.name}-{place}.lock", run.out) as waited:
        if waited and run.out.exists() and read_sidecar(run.out).get("key") == key:
            processes.announce(COMPLETE)
            print(f"{title}: {run.out} is complete; the process that was waited for wrote it", flush=True)
        else:
            print(f"{title}: {arguments.params} ({run.parameters.profile}) -> {run.out}", flush=True)
            scratch = run.work / f"{stage.name}-{key}"
            _fill(run, work, scratch)
            measured = read_json(scratch / MEASURED) if (scratch / MEASURED).is_file() else {}
            shutil.rmtree(scratch)
            spent = cost(clock, run.inputs, run.out)
            own = facts(argv, key, arguments.cache_key, spent, clock.started, run.told)
            write_sidecar(run.out, measured | own)
        if executor is not None:
            executor.write_output(stage, run.out, read_sidecar(run.out))
    gibibytes = clock.peak_memory_bytes / 2**30
    print(f"{title}: {run.out} done in {clock.seconds:.1f} s, at most {gibibytes:.2f} GiB", flush=True)


def _help(stage: Stage, work: Work, arguments: Namespace) -> None:
    """Do a stage's work beside the process that locks, writes and reports, in the scratch that it names."""
    word = processes.announced()
    if word != COMPLETE:
        run, _ = _read(stage, arguments)
        work(replace(run, work=Path(word)))


def _read(stage: Stage, arguments: Namespace) -> tuple[Run, "ExecutorInput | None"]:
    from components.arguments import told_of
    from components.executor import ExecutorInput
    from ddlivm.parameters import load_parameters

    parameters = load_parameters(arguments.params)
    executor = ExecutorInput.parse(arguments.executor_input) if arguments.executor_input else None
    paths, collected = input_paths(stage, arguments, parameters, executor)
    options = {option.name: getattr(arguments, option.name) for option in stage.options}
    told = told_of(stage, paths, collected, executor)
    run = Run(stage, paths, collected, options, arguments.out, arguments.work, parameters, arguments.cache_key, told)
    return run, executor


def _key(run: Run, cache_key: str) -> str:
    import ddlivm
    from components.writer import fingerprint

    sections = (run.stage.name, *run.stage.sections)
    own = {
        "cache_key": cache_key,
        "gate": {
            "nothing": None,
            "sites": run.parameters.gate.sites,
            "everything": run.parameters.gate.model_dump(mode="json"),
        }[run.stage.gate],
        "options": run.options,
        "sections": {name: getattr(run.parameters, name).model_dump(mode="json") for name in sections},
        "stage": run.stage.name,
    }
    return fingerprint(own, run.inputs, Path(ddlivm.__file__).parent)


def _fill(run: Run, work: Work, scratch: Path) -> None:
    from components.writer import remove_leftovers
    from ddlivm.data.shards import unpacked
    from ddlivm.files import replacing

    remove_leftovers(run.out)
    scratch.mkdir(parents=True, exist_ok=True)
    processes.announce(str(scratch.absolute()))
    with replacing(run.out) as temporary:
        temporary.mkdir()
        paths = {name: unpacked(path, scratch / f"{name}.unpacked") for name, path in run.paths.items()}
        work(replace(run, paths=paths, out=temporary, work=scratch))


def _unwritable(error: Exception) -> str | None:
    """Return why a disk refused a write, or None for any other error."""
    if isinstance(error, OSError) and error.errno in UNWRITABLE:
        return error.strerror
    # safetensors raises its own class with the operating system's text
    reasons = ("No space left on device", "Read-only file system", "Disk quota exceeded")
    return next((reason for reason in reasons if reason in str(error)), None)

"""Processes for tests of training: forked from a server that has imported what is slow, once."""

import multiprocessing
import os
import socket
from collections.abc import Callable
from functools import cache
from multiprocessing.context import ForkServerContext, ForkServerProcess
from typing import Any

MODULES = ["tests.training.loaded"]


@cache
def server() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(MODULES)
    return context


def start(function: Callable[..., Any], *arguments: Any) -> ForkServerProcess:
    process = server().Process(target=function, args=arguments)
    process.start()
    return process


def start_ranks(count: int, function: Callable[..., Any], *arguments: Any) -> list[ForkServerProcess]:
    """Start processes as torchrun would: each finds its rank in its environment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return [start(_rank, rank, count, port, function, *arguments) for rank in range(count)]


def _rank(rank: int, count: int, port: int, function: Callable[..., Any], *arguments: Any) -> None:
    place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count}
    os.environ |= {name: str(value) for name, value in (place | {"MASTER_PORT": port}).items()}
    os.environ |= {"MASTER_ADDR": "127.0.0.1"}
    function(*arguments)

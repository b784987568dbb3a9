import pytest

from ddlivm.errors import InputError
from pipelines import engine


class Container:
    """A container that has ended before anybody looks, as a quick failure has."""

    def __init__(self, status: int) -> None:
        self.status, self.removed = status, False

    def logs(self, stream: bool, follow: bool):
        yield b"a line\n"

    def wait(self) -> dict[str, int]:
        assert not self.removed, "an engine knows nothing of a container that it removed"
        return {"StatusCode": self.status}

    def remove(self, force: bool) -> None:
        self.removed = True


class Client:
    def __init__(self, status: int) -> None:
        self.container = Container(status)
        self.containers = self

    def run(self, image, command, **arguments):
        assert arguments["detach"]
        assert "auto_remove" not in arguments
        return self.container


@pytest.mark.parametrize("status", [0, 2, 137])
def test_the_exit_status_is_asked_for_before_the_container_goes(status, capsys):
    client = Client(status)
    assert engine.run_container(client, "image", ["true"], {}) == status
    assert client.container.removed
    assert capsys.readouterr().out == "a line\n"


def test_containers_may_write_below_the_pipelines_root(tmp_path):
    root = engine.pipeline_root(tmp_path / "a" / "b")
    assert root.stat().st_mode & 0o777 == 0o777


def test_containers_run_without_privileges_on_a_read_only_root(tmp_path):
    arguments = engine.runner([tmp_path], {"A": "1"}).container_run_args
    assert arguments["read_only"]
    assert arguments["cap_drop"] == ["ALL"]
    assert arguments["security_opt"] == ["no-new-privileges"]
    assert arguments["user"] is None or not arguments["user"].startswith("0")
    (mount,) = arguments["mounts"]
    assert (mount["Source"], mount["Target"], mount["ReadOnly"]) == (str(tmp_path), str(tmp_path), True)


def test_no_engine_is_one_line(monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    with pytest.raises(InputError, match="no container engine answers"):
        engine.check_engine()

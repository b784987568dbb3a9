import pytest
import torch

from ddlivm import weight_files
from ddlivm.errors import InputError
from ddlivm.weight_files import misfits, read_weights, told


class Payload:
    def __reduce__(self):
        return (print, ("run",))


@pytest.mark.parametrize("wrapped", [lambda state: state, lambda state: {"epoch": 3, "model": {"state_dict": state}}])
def test_a_state_dict_comes_back_bare_or_wrapped(tmp_path, wrapped):
    torch.save(wrapped({"module.a": torch.ones(2)}), tmp_path / "file.pth")
    state = read_weights(tmp_path / "file.pth")
    assert list(state) == ["module.a"]
    assert torch.equal(state["module.a"], torch.ones(2))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("code.pth", {"model": Payload()}, "cannot be read as weights alone"),
        ("list.pth", [1, 2], "holds no state dict"),
        ("empty.pth", {}, "holds no state dict"),
        ("numbers.pth", {"a": 1}, "'a' is no tensor"),
    ],
)
def test_a_file_is_data(tmp_path, capsys, name, content, message):
    torch.save(content, tmp_path / name)
    with pytest.raises(InputError, match=message) as raised:
        read_weights(tmp_path / name)
    assert "\n" not in str(raised.value)
    assert capsys.readouterr().out == ""


def test_files_that_are_missing_damaged_or_too_large(tmp_path, monkeypatch):
    for name in ("half.pth", "half.safetensors"):
        (tmp_path / name).write_bytes(b"half a file")
        with pytest.raises(InputError, match="cannot be read as weights alone"):
            read_weights(tmp_path / name)
    with pytest.raises(InputError, match="cannot be read"):
        read_weights(tmp_path / "none.pth")
    monkeypatch.setattr(weight_files, "MAXIMUM_BYTES", 10)
    with pytest.raises(InputError, match="has 11 bytes, more than any file of weights"):
        read_weights(tmp_path / "half.pth")


def test_misfits_are_counted_and_named():
    given = {"a": torch.zeros(2, 3), "b": torch.zeros(1)} | {f"x{number}": torch.zeros(1) for number in range(6)}
    found = misfits(given, {"a": torch.zeros(3, 2), "b": torch.zeros(1), "c": torch.zeros(1)})
    assert told(found) == (
        "1 missing (c); 6 unexpected (x0, x1, x2, x3 and 2 more); 1 of another shape (a (2, 3) instead of (3, 2))"
    )
    assert told(misfits(given, given)) == ""

from components.writer import fingerprint


def test_fingerprint_follows_contents_not_places_or_times(tmp_path):
    code = tmp_path / "code"
    code.mkdir()
    (code / "module.py").write_text("x = 1")
    for name in ("one", "two"):
        (tmp_path / name / "inner").mkdir(parents=True)
        (tmp_path / name / "inner" / "file").write_text("same")
    first = fingerprint({"a": 1}, [tmp_path / "one"], code)
    assert fingerprint({"a": 1}, [tmp_path / "two"], code) == first
    assert fingerprint({"a": 2}, [tmp_path / "one"], code) != first
    (code / "README.md").write_text("words")
    assert fingerprint({"a": 1}, [tmp_path / "one"], code) == first
    (tmp_path / "two" / "inner" / "file").rename(tmp_path / "two" / "file")
    assert fingerprint({"a": 1}, [tmp_path / "two"], code) != first
    (code / "module.py").write_text("x = 2")
    assert fingerprint({"a": 1}, [tmp_path / "one"], code) != first


def test_fingerprint_takes_single_files(tmp_path):
    (tmp_path / "a").write_text("1")
    (tmp_path / "b").write_text("2")
    one, other = (fingerprint({}, [tmp_path / name], tmp_path) for name in ("a", "b"))
    assert one != other

"""Design documents as folders: what is written is read again, and what cannot be is said."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from couchreg.designdocs import folders
from couchreg.designdocs.folders import Folded, FolderError

DESIGN = {
    "language": "javascript",
    "views": {
        "v": {"map": "function(doc) {\n  emit(1);\n}", "reduce": "_count"},
        "lib": {"a.b": "exports.x = 1;"},
    },
    "rewrites": [{"from": "/", "to": "x"}],
    "options": {"local_seq": True},
    "empty": {},
    "odd": {"a/b": 1, "A": "x", "a": "y"},
    "text": "ends with a line feed\n",
    "carriage": "x\r",
    "version": 5,
}


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    folded = Folded("_design/d", DESIGN, {"index.html": b"<p>", "img/a.png": b"\x89\x00"})
    folders.write(tmp_path / "d", folders.files_of(folded, "d"))
    assert folders.read(tmp_path / "d") == folded
    assert (tmp_path / "d/views/v/map.js").read_text() == "function(doc) {\n  emit(1);\n}\n"
    assert not (tmp_path / "d/_id").exists()
    folders.write(tmp_path / "e", folders.files_of(folded, "e"))
    assert folders.read(tmp_path / "e").id == "_design/d"
    [one, two] = [folders.read(path) for path in sorted(tmp_path.iterdir())]
    assert one == two
    with pytest.raises(FolderError, match="two folders"):
        folders.read_all(tmp_path)


NAMES = st.text("abc", min_size=1, max_size=3).map(lambda name: f"{name}.{name}" if len(name) > 1 else name)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(NAMES, values, max_size=4))
def test_any_members_come_back(tmp_path_factory: pytest.TempPathFactory, members: dict[str, Any]) -> None:
    folder = tmp_path_factory.mktemp("any") / "d"
    folded = Folded("_design/d", members)
    folders.write(folder, folders.files_of(folded, "d"))
    assert folders.read(folder) == folded


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"a.js": b"x", "a.json": b"{}"}, "a second time"),
        ({"a.json": b"{"}, "not JSON"),
        ({"a": b"\xff"}, "not UTF-8"),
        ({"_other": b"x"}, "underscore"),
        ({"_id": b"doc"}, "the id of a design document"),
        ({"/".join(["x"] * 20): b""}, "folders deep"),
    ],
)
def test_folders_that_are_no_design_document(tmp_path: Path, files: dict[str, bytes], reason: str) -> None:
    folders.write(tmp_path / "d", files)
    with pytest.raises(FolderError, match=reason):
        folders.read(tmp_path / "d")


def test_links_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "secret").write_text("x")
    (tmp_path / "d/map.js").symlink_to(tmp_path / "secret")
    with pytest.raises(FolderError, match="symbolic link"):
        folders.read(tmp_path / "d")


def test_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders.write(tmp_path / "d", {"a": b"x" * 100, "b": b"y"})
    for name, value in (("MOST_BYTES", 50), ("MOST_FILES", 1), ("MOST_TEXT", 20)):
        monkeypatch.setattr(folders, name, value)
        with pytest.raises(FolderError):
            folders.read(tmp_path / "d")


@pytest.mark.parametrize(
    "folded",
    [
        Folded("_design/d", {"../x": 1}),
        Folded("_design/d", {".x": 1}),
        Folded("_design/d", {}, {"../../etc/passwd": b""}),
        Folded("_design/d", {}, {"/x": b""}),
        Folded("_design/d", {}, {"a": b"", "a/b": b""}),
        Folded("_design/d", {}, {"a": b"", "A": b""}),
        Folded("_design/d", {"a": "x", "A": "y"}),
    ],
)
def test_what_can_be_no_file_is_refused(folded: Folded) -> None:
    with pytest.raises(FolderError):
        folders.files_of(folded, "d")


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    folders.write(tmp_path / "d", {"a": b"x"})
    with pytest.raises(FolderError, match="not empty"):
        folders.write(tmp_path / "d", {"b": b"y"})


def test_a_change_is_seen(tmp_path: Path) -> None:
    assert folders.state(tmp_path / "none") == ()
    folders.write(tmp_path / "d", {"a": b"x"})
    before = folders.state(tmp_path)
    (tmp_path / "d/a").write_text("longer")
    assert folders.state(tmp_path) != before

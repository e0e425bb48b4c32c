"""How far a check has come, as its child tells it and as it is shown."""

import json
from pathlib import Path
from typing import Any

from couchreg.registry.checking import checks, telling
from couchreg.registry.checking.progress import CHECKING, STORING, Progress

ROWS = 30_000


def tables(folder: Path, count: int = 2) -> dict[str, Any]:
    fields = [{"name": "id", "type": "integer"}]
    for number in range(count):
        (folder / f"{number}.csv").write_text("id\n" + "".join(f"{row}\n" for row in range(ROWS)))
    resources = [
        {"name": f"t{number}", "path": f"{number}.csv", "schema": {"fields": fields}}
        for number in range(count)
    ]
    return {"name": "p", "resources": resources}


def test_a_check_tells_of_all_its_tables_together(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(telling, "_EVERY", 0)
    notes: list[dict[str, Any]] = []
    members = tables(tmp_path)
    size = (tmp_path / "0.csv").stat().st_size
    assert checks.check(str(tmp_path), members, lambda told: notes.append(json.loads(told)))["valid"]
    assert {note["resource"] for note in notes} == {"t0", "t1"}
    assert {note["total"] for note in notes} == {2 * size}
    assert [note["rows"] for note in notes] == sorted(note["rows"] for note in notes)
    assert notes[-1]["rows"] >= 2 * ROWS
    assert notes[-1]["bytes"] == 2 * size


def test_what_is_shown() -> None:
    now = [100.0]
    progress = Progress(clock=lambda: now[0])
    assert progress.shown() == {"stage": "waiting", "seconds": 0.0}
    progress.note(json.dumps({"resource": "t", "rows": 5, "bytes": 10, "total": 40}).encode())
    assert progress.stage == CHECKING
    assert "seconds_left" not in progress.shown()  # nobody knows the speed yet
    now[0] += 10
    progress.note(json.dumps({"resource": "t", "rows": 50, "bytes": 20, "total": 40}).encode())
    shown = progress.shown()
    assert (shown["rows"], shown["rows_per_second"], shown["seconds_left"]) == (50, 5, 10)
    progress.note(json.dumps({"resource": "t", "rows": 60, "bytes": 20, "total": None}).encode())
    assert "seconds_left" not in progress.shown()
    progress.enter(STORING)
    assert progress.shown() == {"stage": "storing", "seconds": 0.0}

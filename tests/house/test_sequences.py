"""Sequences are opaque outside the document stores: nobody counts with their numbers."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2] / "couchreg"
# Where something named `number` is read, and what it is
SHOWN = {
    ("app/monitoring.py", "info.update_seq.number"),
    ("cli/mirror.py", "(await database.update_seq()).number"),  # whether anything was ever written
    ("designdocs/views/shown.py", "change.seq.number"),  # what a map sees of a document
    ("followers/loop.py", "now.number"),
    ("followers/loop.py", "self._seq.number"),
    ("followers/problems.py", "change.seq.number"),
    ("http/couch/design/views.py", "seq.number"),
    ("http/couch/documents/reading.py", "change.seq.number"),
}
OTHERS = {
    ("analytics/cubes/questions.py", "page.number"),
    ("followers/search/handed.py", "fault.number"),
    ("http/registry/analytics/cubes.py", "page.number"),
    ("replication/replicator.py", "self.settings.number"),
}


def numbers() -> set[tuple[str, str]]:
    """Each `….number` that is not a call, by file, in the rooms outside the document stores."""
    found = set()
    for path in ROOT.rglob("*.py"):
        name = str(path.relative_to(ROOT))
        if name.startswith("docstore/"):
            continue
        nodes = list(ast.walk(ast.parse(path.read_text("utf-8"))))
        called = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
        found |= {
            (name, ast.unparse(node))
            for node in nodes
            if isinstance(node, ast.Attribute) and node.attr == "number" and id(node) not in called
        }
    return found


def test_who_reads_the_number_of_a_sequence_shows_or_compares_it() -> None:
    assert numbers() == SHOWN | OTHERS


def test_nobody_counts_with_the_number_of_a_sequence() -> None:
    counted = []
    for name in sorted({name for name, _ in SHOWN}):
        for node in ast.walk(ast.parse((ROOT / name).read_text("utf-8"))):
            parts = [node.left, node.right] if isinstance(node, ast.BinOp) else []
            counted += [(name, text) for text in map(ast.unparse, parts) if (name, text) in SHOWN]
    assert counted == []

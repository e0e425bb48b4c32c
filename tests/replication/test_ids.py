"""Replication ids, as a CouchDB 3.5.0 gave them to the same requests."""

import json
from pathlib import Path
from typing import Any

import pytest

from couchreg.replication.ids import base_id, suffix
from couchreg.replication.options import parse

RECORDED = json.loads((Path(__file__).parent / "data" / "ids.json").read_text("utf-8"))


@pytest.mark.parametrize("case", RECORDED["cases"], ids=lambda case: json.dumps(case["options"])[:60])
def test_ids_are_couchdbs(case: dict[str, Any]) -> None:
    ends = {"source": RECORDED["source"], "target": RECORDED["target"], "continuous": True}
    wanted = parse(ends | case["options"])
    text = RECORDED["filters"].get(case["options"].get("filter"), "")
    assert base_id(wanted, RECORDED["uuid"], source_text=text) + suffix(wanted) == case["id"]


def test_passwords_and_schemes_change_nothing() -> None:
    ends = [("http://a:b@x.org/d", "http://y.org/e"), ("http://a:c@x.org/d", "https://y.org:443/e/")]
    assert len({base_id(parse({"source": s, "target": t}), "u") for s, t in ends}) == 1

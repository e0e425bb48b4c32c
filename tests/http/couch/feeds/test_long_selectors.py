"""Selectors of `_changes` that take long to be made ready."""

import threading
from typing import Any

import pytest

from couchreg.model import selector
from tests.http.couch.conftest import Couch


async def test_a_long_selector_is_made_ready_beside_the_loop(
    couch: Couch, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[threading.Thread] = []
    compiled = selector.compile

    def compile_there(wanted: Any) -> Any:
        threads.append(threading.current_thread())
        return compiled(wanted)

    monkeypatch.setattr(selector, "compile", compile_there)
    for count in (1, 5000):
        wanted = {"$or": [{"x": number} for number in range(count)]}
        answer = await couch("POST", "/_changes?filter=_selector", {"selector": wanted})
        assert (answer.status, answer.json["results"]) == (200, [])
    main = threading.main_thread()
    assert [thread is main for thread in threads] == [True, False]


async def test_what_is_wrong_in_a_long_selector_is_told(couch: Couch) -> None:
    wanted = {"$or": [{"x": number} for number in range(5000)], "y": {"$size": -1}}
    answer = await couch("POST", "/_changes?filter=_selector", {"selector": wanted})
    assert (answer.status, answer.json["error"]) == (400, "bad_request")

"""What is remembered of requests."""

import pytest

from couchreg.journal import figures as figures_module
from couchreg.journal.asking import Asked, Over
from couchreg.journal.figures import RequestFigures


def test_what_took_longest_is_remembered_for_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    figures, now = RequestFigures(), [1000.0]
    monkeypatch.setattr(figures_module.time, "time", lambda: now[0])
    monkeypatch.setattr(figures_module.time, "monotonic", lambda: now[0])
    asked = Asked("couch", {}, None)
    for seconds in range(100):
        figures.add(Over(asked, "GET", f"/{seconds}{'x' * 500}?q=secret", 200, 1, seconds, now[0]))
    figures.add(Over(asked, "GET", "/db/_changes?feed=continuous", 200, 1, 5000, now[0]))
    longest = figures.longest()
    assert [one.seconds for one in longest] == list(range(99, 79, -1))
    assert {len(one.target) for one in longest} == {200}
    now[0] += figures_module.KEPT_FOR
    assert figures.longest() == []
    figures.add(Over(asked, "GET", "/?q=secret", 200, 1, 200, now[0]))
    assert [one.target for one in figures.longest()] == ["/"]


def test_figures_of_another_process_are_added() -> None:
    here, there = RequestFigures(), RequestFigures()
    asked = Asked("couch", {}, None)
    for figures in (here, there):
        for seconds in (0.5, 0.002):
            figures.add(Over(asked, "GET", "/db", 200, 10, seconds, 1.0))
    here.add_sums(there.take())
    here.add_sums(there.take())  # which has begun anew
    told = "\n".join(str(list(family.samples)) for family in here.families())
    assert "'status': '200'}, value=4" in told
    assert "value=40" in told
    assert "suffix='_count', labels={'door': 'couch', 'route': 'none'}, value=4" in told

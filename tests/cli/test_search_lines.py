"""What `couchreg search` writes below a hit on a terminal: where else something was found."""

from typing import Any

import click

from couchreg.cli.search import _line, _why

HIT: dict[str, Any] = {"name": "hives", "version": "1.0.0", "title": "Hives of bees"}


def test_a_text_is_shown_with_what_was_found_in_bold() -> None:
    title = {"path": "title", "text": "Hives of bees", "marks": [[9, 13]]}
    text = {"path": "description", "text": "Bees \x1b[31m and bees", "marks": [[0, 4], [2, 4], [14, 18]]}
    hit = {**HIT, "highlights": [title, text], "matched": []}
    assert click.style("bees", bold=True) in _line(hit)
    told = _why(hit) or ""
    assert told.startswith("description: " + click.style("Bees", bold=True))
    assert "\x1b[31m" not in told


def test_a_property_is_shown_with_why_it_counts() -> None:
    why = {"path": "@type", "value": "Map", "because": "Map is a kind of CreativeWork (schema.org)"}
    like = {"path": "like", "value": "insects", "because": "near"}
    hit = {**HIT, "highlights": [], "matched": [like, why]}
    assert _why(hit) == "@type: Map (Map is a kind of CreativeWork (schema.org))"
    assert _why({**HIT, "highlights": [], "matched": [like]}) is None
    assert _why(HIT) is None

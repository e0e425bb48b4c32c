"""Values in templates."""

import json
import re
from pathlib import Path

import pytest
from jinja2 import Environment, UndefinedError

import couchreg.web
from couchreg.web.rendering import STATIC, data_block, prepare, render, static, static_tag
from couchreg.web.showing import cell, number, plain, size

TEMPLATES = Path(couchreg.web.__file__).parent / "templates"


def test_what_is_shown_is_escaped() -> None:
    page = render("problem.html", base="http://x", asked='"><script>', title="<b>", reason="a & b").decode()
    assert "<script>" not in page
    assert "<b>" not in page
    assert "&lt;b&gt;" in page


def test_templates_are_compiled_before_anybody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    prepare()
    monkeypatch.setattr(Environment, "compile", lambda *_: pytest.fail("compiled when somebody asked"))
    assert b"<h1>x</h1>" in render("problem.html", base="http://x", asked="", title="x", reason="")


def test_what_is_read_aloud_has_the_words_that_are_shown() -> None:
    """So that whoever speaks to a browser can say what they see (WCAG 2.2, 2.5.3)."""
    named = re.compile(r'<(?:a|button)\b[^>]*aria-label="([^"]*)"[^>]*>([^<{]*[a-z][^<{]*)<')
    found = [one for path in TEMPLATES.glob("*.html") for one in named.findall(path.read_text())]
    assert len(found) > 5
    assert [one for one in found if one[1].strip().lower() not in one[0].lower()] == []


def test_a_value_that_is_missing_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        render("problem.html", base="http://x", asked="")


def test_data_in_a_page_cannot_end_its_element() -> None:
    value = {"a": "</script><script>alert(1)</script>", "b": "<!--", "c": "\u2028"}
    text = str(data_block(value))
    assert "<" not in text
    assert json.loads(text) == value


def test_the_address_of_a_file_changes_with_it() -> None:
    assert {name for name in STATIC if len(static_tag(name)) == 16 and static(name)} == set(STATIC)
    with pytest.raises(KeyError):
        static("../rendering.py")


def test_values_are_shown_as_people_read_them() -> None:
    assert [size(one) for one in (0, 999, 1000, 1_500_000, 999_600, "x", None, -1)] == [
        *("0 B", "999 B", "1.0 kB", "1.5 MB", "1.0 MB"),
        *("", "", ""),
    ]
    odd = (10**400, float("inf"), float("nan"), 10**18)
    assert [size(one) for one in odd] == [""] * 4
    assert number(1_234_567) == "1\u202f234\u202f567"
    assert [cell(one) for one in (None, True, 1.5, "x", [1])] == ["", "true", "1.5", "x", "[1]"]
    assert len(cell("x" * 1000)) == 300
    assert [plain(one) for one in (5, None, b"x", "x")] == ["", "", "", "x"]

"""READMEs as HTML: Markdown is, HTML and what could act is not."""

import re
from html.parser import HTMLParser

import pytest

from couchreg.web.readme import LONGEST, readme_html

FOLDER = "http://localhost:1/gdp/2026/"


class Elements(HTMLParser):
    """All elements with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def elements(text: str) -> list[tuple[str, dict[str, str | None]]]:
    return Elements(str(readme_html(text, FOLDER, "README.md"))).found


def test_markdown_is_shown_below_the_headings_of_the_page() -> None:
    shown = str(readme_html("# GDP\n\n* *one*\n\n|a|b|\n|-|-|\n|1|2|\n", FOLDER, "README.md"))
    assert "<h3>GDP</h3>" in shown
    assert "<em>one</em>" in shown
    assert "<td>1</td>" in shown


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "a <img src=x onerror=alert(1)> b",
        "[a](javascript:alert(1))",
        "[a](JaVaScRiPt:alert(1))",
        "[a](&#106;avascript:alert(1))",
        "![a](data:image/svg+xml;base64,PHN2Zz4=)",
        "[a](vbscript:x) [b](file:///etc/passwd)",
        "[a]: javascript:alert(1)\n\n[a]",
        "<javascript:alert(1)>",
        '![" onerror="alert(1)](x.png)',
        '[a](http://x/" onmouseover="alert(1)")',
        "# <svg/onload=alert(1)>",
        "```<img src=x onerror=alert(1)>\n<b>\n```",
    ],
)
def test_nothing_of_a_publisher_acts(text: str) -> None:
    for tag, attributes in elements(text):
        assert tag in {"p", "a", "img", "h3", "pre", "code", "em"}
        assert set(attributes) <= {"href", "src", "alt", "rel", "loading", "class"}
        for name in ("href", "src"):
            address = attributes.get(name) or ""
            assert re.match(r"(https?://|mailto:|#|/|$)", address), address


def test_names_of_files_are_those_beside_the_readme_and_images_of_other_hosts_are_links() -> None:
    found = elements("[data](data/a b.csv) ![map](map.png) ![badge](https://other.example/b.svg)")
    assert ("img", {"src": FOLDER + "map.png", "alt": "map", "loading": "lazy"}) in found
    assert [tag for tag, _ in found].count("img") == 1
    assert ("a", {"href": "https://other.example/b.svg", "rel": "nofollow ugc"}) in found


def test_a_long_one_ends_with_a_link_to_the_rest() -> None:
    found = elements("word\n" * LONGEST)
    assert found[-1] == ("a", {"href": FOLDER + "README.md"})
    assert ("a", {"href": FOLDER + "README.md"}) not in elements("word")

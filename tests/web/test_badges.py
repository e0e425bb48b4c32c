"""Badges."""

from xml.etree import ElementTree

from couchreg.web.badges import LABEL, badge


def test_a_badge_is_xml_whatever_it_says() -> None:
    for words in ("gdp 2026", "<script>alert(1)</script>\"'&", "\ud800", "x" * 1000, ""):
        tree = ElementTree.fromstring(badge(words))
        assert str(tree.get("aria-label")).startswith(f"{LABEL}: {words[:5]}".replace("\ud800", "?"))
        assert {one.tag.rpartition("}")[2] for one in tree.iter()} == {"svg", "title", "rect", "g", "text"}
        assert len(str(tree.get("aria-label"))) < 100

"""What descriptors say in several forms, read as one."""

import pytest

from couchreg.registry.linked.reading import agents

URL = "https://example.org"


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("Jo Doe <jo@example.org> (https://example.org)", ("Jo Doe", "jo@example.org", URL)),
        ("  Jo   Doe  ", ("Jo   Doe", None, None)),
        ("<jo@example.org>", ("jo@example.org", "jo@example.org", None)),
        ("Jo (https://example.org) ", ("Jo", None, URL)),
        ("Jo <jo@example.org>   (ftp://example.org)", ("Jo", "jo@example.org", None)),
        ("Jo <jo> and others", None),
        ("   ", None),
        (" " * 100_000 + "<", None),
    ],
)
def test_people_in_one_text(written: str, found: tuple[str, str | None, str | None] | None) -> None:
    people = [(one.name, one.email, one.url) for one in agents({"author": written}, "author")]
    assert people == ([] if found is None else [found])

"""What a browser shows, and what it might run."""

import pytest

from couchreg.model.media_types import disposition, essence, is_paper, is_text, may_run


@pytest.mark.parametrize(
    ("media_type", "bare"), [("Text/HTML; charset=utf-8", "text/html"), (" a/b ;x", "a/b"), ("", "")]
)
def test_the_essence_is_the_type_without_parameters(media_type: str, bare: str) -> None:
    assert essence(media_type) == bare


@pytest.mark.parametrize(
    "media_type",
    [
        "text/html",
        "TEXT/HTML; charset=utf-8",
        "application/xhtml+xml",
        "image/svg+xml",
        "text/xml",
        "application/vnd.mozilla.xul+xml",
        "text/javascript",
        "application/x-javascript",
        "multipart/related",
        "message/rfc822",
        "text/cache-manifest",
    ],
)
def test_what_a_browser_might_run(media_type: str) -> None:
    assert may_run(media_type)
    assert disposition("a.x", media_type).startswith("attachment;")


@pytest.mark.parametrize("media_type", ["text/csv", "image/png", "text/plain; charset=x"])
def test_what_a_browser_shows(media_type: str) -> None:
    assert not may_run(media_type)
    assert (
        disposition("data/a b.csv", media_type) == "inline; filename=\"a b.csv\"; filename*=UTF-8''a%20b.csv"
    )


def test_a_paper_is_shown_where_it_is_known_to_be_harmless() -> None:
    for kind in ("application/pdf", "Text/PDF; x=y", "application/x-pdf"):
        assert is_paper(kind)
        assert disposition("a.pdf", kind).startswith("attachment;")
        assert disposition("a.pdf", kind, harmless=True).startswith("inline;")
    assert not is_paper("text/plain; a=pdf")


def test_a_type_that_nobody_knows_is_a_download_under_a_safe_name() -> None:
    assert disposition('x/"; évil\r\n.bin', "what/ever") == (
        "attachment; filename=\"_; _vil__.bin\"; filename*=UTF-8''%22%3B%20%C3%A9vil%0D%0A.bin"
    )


@pytest.mark.parametrize(
    "media_type",
    ["text/csv", "TEXT/plain; charset=utf-8", "application/json", "application/geo+json", "image/svg+xml"],
)
def test_text_is_what_a_coding_makes_smaller(media_type: str) -> None:
    assert is_text(media_type)


@pytest.mark.parametrize(
    "media_type", ["image/png", "application/zip", "application/jsonp2", "", "json", "text"]
)
def test_other_bytes_are_left_alone(media_type: str) -> None:
    assert not is_text(media_type)

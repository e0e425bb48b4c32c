"""Which PDFs are known to do nothing."""

import zlib

import pytest

from couchreg.web import papers
from couchreg.web.papers import may_act

SCRIPT = b"<</S/JavaScript/JS(app.alert\\(1\\))>>"


def pdf(*objects: bytes) -> bytes:
    """A file with these objects; the first is its catalogue."""
    numbered = enumerate(objects, 1)
    return b"%PDF-1.5\n" + b"".join(b"%d 0 obj%s\nendobj\n" % one for one in numbered) + b"%%EOF"


def stream(members: bytes, data: bytes) -> bytes:
    return b"<<%s/Length %d>>stream\r\n%s\nendstream" % (members, len(data), data)


def packed(objects: bytes, members: bytes = b"/Filter/FlateDecode") -> bytes:
    return pdf(b"<</Type/Catalog>>", stream(b"/Type/ObjStm/N 1/First 4" + members, zlib.compress(objects)))


def test_papers_that_are_only_read_do_nothing() -> None:
    page = stream(b"/Filter/FlateDecode", zlib.compress(b"BT (JavaScript) Tj ET"))
    assert not may_act(pdf(b"<</Type/Catalog/OpenAction[3 0 R/Fit]>>", page))
    assert not may_act(packed(b"7 0 <</Type/Pages>>"))
    assert not may_act(pdf(b"<</Lang(de)>>", stream(b"/Type/ObjStm/N 1/First 4", b"7 0 <</Type/Pages>>")))


@pytest.mark.parametrize(
    "data",
    [
        b"<script>alert(1)</script>",
        pdf(b"<</OpenAction%s>>" % SCRIPT),
        pdf(b"<</OpenAction<</S/Java#53cript/JS(1)>>>>"),
        pdf(b"<</OpenAction<</S/Launch/F(a.exe)>>>>"),
        pdf(b"<</AcroForm<</XFA 2 0 R>>>>"),
        pdf(b"<</Type/Catalog>>", b"<</Encrypt 3 0 R>>"),
        packed(b"7 0 <</OpenAction%s>>" % SCRIPT),
        packed(b"7 0 <</OpenAction<</S/#4aavaScript>>>>"),
        packed(b"7 0 <</Type/Pages>>", b"/Filter[/FlateDecode/FlateDecode]"),
        packed(b"7 0 <</Type/Pages>>", b"/Filter/FlateDecode/DecodeParms 9 0 R"),
        packed(b"7 0 <</Type/Pages>>", b"/Filter/FlateDecode/Filter/LZWDecode"),
        packed(b"7 0 <</Type/Pages>>", b"/Filter/ASCIIHexDecode"),
        packed(b"7 0 <</Type/Pages>>", b"/Filter/FlateDecode/A<<>>"),
        packed(b"7 0 <</Type/Pages>>", b"/Filter/FlateDecode/A(>>stream)"),
        packed(b"7 0 /ObjStm", b"/Filter/FlateDecode"),
        packed(b"")[:-40],
        pdf(b"<</Type/Catalog>>", stream(b"/Type 3 0 R/Filter/FlateDecode", zlib.compress(b"7")), b"/ObjStm"),
        pdf(b"<</Type/Catalog>>", stream(b"/Type/Obj#53tm/Filter/FlateDecode", b"nothing that is packed")),
    ],
)
def test_whatever_acts_or_may_hide_it_counts_as_acting(data: bytes) -> None:
    assert may_act(data)


def test_what_lies_at_the_end_of_a_piece_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(papers, "_PIECE", 100)
    for before in range(60, 120):
        assert may_act(pdf(b"<</A(%s)/B%s>>" % (b"x" * before, SCRIPT)))
        assert not may_act(pdf(b"<</A(%s)/B 1>>" % (b"x" * before)))


def test_what_is_too_much_is_not_looked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    many = pdf(*[stream(b"", b"") for _ in range(20)])
    assert not may_act(many)
    assert not may_act(packed(b"7 0 " + b"#" * 5 + b" " * 3000))
    monkeypatch.setattr(papers, "_INFLATED", 2000)
    assert may_act(packed(b"7 0 " + b" " * 3000))
    monkeypatch.setattr(papers, "_MOST", 10)
    assert may_act(many)
    monkeypatch.setattr(papers, "_MOST_ESCAPED", 10)
    assert may_act(pdf(b"<</A(%s)>>" % (b"#" * 11)))
    monkeypatch.setattr(papers, "LONGEST", 100)
    assert may_act(many)

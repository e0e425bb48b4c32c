"""Which PDFs are known to do nothing."""

import zlib

import pytest

from couchreg.web import papers
from couchreg.web.papers import may_act

SCRIPT = b"<</S/JavaScript/JS(app.alert\\(1\\))>>"


def pdf(*objects: bytes) -> bytes:
    """A file with these objects; the first is its catalogue."""
    numbered = enumerate(objects, 1)
    whole = b"%PDF-1.5\n" + b"".join(b"%d 0 obj%s\nendobj\n" % one for one in numbered)
    return whole + b"trailer<</Root 1 0 R/Size %d>>\n%%%%EOF" % (len(objects) + 1)


def stream(members: bytes, data: bytes) -> bytes:
    return b"<<%s/Length %d>>stream\r\n%s\nendstream" % (members, len(data), data)


def packed(objects: bytes, kind: bytes = b"/Type/ObjStm") -> bytes:
    members = kind + b"/N 1/First 4/Filter/FlateDecode"
    return pdf(b"<</Type/Catalog>>", stream(members, zlib.compress(objects)))


OUTLINES = b"<</Type/Outlines/First 3 0 R/Last 3 0 R/Count 1>>"


def test_papers_that_are_only_read_do_nothing() -> None:
    page = stream(b"/Filter/FlateDecode", zlib.compress(b"BT (JavaScript) Tj ET"))
    assert not may_act(pdf(b"<</Type/Catalog/OpenAction[3 0 R/Fit]>>", page, b"<</Length 7 0 R>>", b" 1234"))
    assert not may_act(pdf(b"<</Type/Catalog/Outlines 2 0 R/OpenAction [3 0 R/Fit]>>", OUTLINES))
    assert not may_act(pdf(b"<</Lang(#41)>>", b"<</B#41 2 0 R/URI(https://a.example/#1)/S/URI>>"))


@pytest.mark.parametrize(
    "data",
    [
        b"<script>alert(1)</script>",
        pdf(b"<</OpenAction%s>>" % SCRIPT),
        pdf(b"<</OpenAction<</S/Java#53cript/JS(1)>>>>"),
        pdf(b"<</OpenAction<</S/Launch/F(a.exe)>>>>"),
        pdf(b"<</OpenAction<</S/Named/N/Print>>>>"),
        pdf(b"<</OpenAction<</S/URI/URI(https://a.example)>>>>"),
        pdf(b"<</OpenAction 2 0 R>>"),
        pdf(b"<</OpenAction #5b<</S/URI>>>>"),
        pdf(b"<</AA<</O 2 0 R>>>>"),
        pdf(b"<</A#41 <</O 2 0 R>>>>"),
        pdf(b"<</AcroForm<</Fields[]>>>>"),
        pdf(b"<</Type/Annot/Subtype/Widget>>"),
        pdf(b"<</Type/Catalog>>", b"<</Encrypt 3 0 R>>"),
    ],
)
def test_whatever_acts_counts_as_acting(data: bytes) -> None:
    assert may_act(data)


@pytest.mark.parametrize(
    "data",
    [
        packed(b"7 0 <</Type/Pages>>"),
        packed(b"7 0 <</Type/Pages>>", b"/Type/Obj#53tm"),
        packed(b"7 0 <</Type/Pages>>", b"/Type/Foo"),
        packed(b"7 0 <</Type/Pages>>", b""),
        packed(b"7 0 <</Type/Pages>>").replace(b"stream\r\n", b"stream " + zlib.compress(b"7") + b"\n", 1),
        pdf(stream(b"/N 1/F#69rst 3 0 R", b"")),
        pdf(stream(b"/N 1/First 1#200 R ", b"")),
        pdf(stream(b"/N 1/F#69rst 1#200 R ", b"")),
        pdf(stream(b"/N 1/First 1\x0b0 R ", b"")),
        pdf(stream(b"/N 1/First %\n4", b"")),
        pdf(stream(b"/N 1/First 3 0 R", b""), b"<<>>", b" 4"),
        pdf(stream(b"/N 1/First 3 0 R", b""), b"<<>>", b"4"),
        pdf(stream(b"/N 1/First 3 0 R", b""), b"<<>>", b"%\n4"),
        pdf(stream(b"/N 1/First 3 0 R", b""), b"<<>>", b" " * 400 + b"4"),
    ],
)
def test_what_may_have_objects_in_a_stream_counts_as_acting(data: bytes) -> None:
    """Viewers take a stream for one by a type, by numbers, or by references to such."""
    assert may_act(data)


def test_what_lies_at_the_end_of_a_piece_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(papers, "_PIECE", 100)
    for before in range(40, 240):
        filler = b"x" * before
        assert may_act(pdf(b"<</A(%s)/B%s>>" % (filler, SCRIPT)))
        assert may_act(pdf(b"<</A(%s)>>" % filler, stream(b"/N 1/First 4", b"")))
        assert may_act(pdf(b"<</A(%s)>>" % filler, OUTLINES, b" 4"))
        assert not may_act(pdf(b"<</A(%s)/OpenAction[3 0 R/Fit]>>" % filler, OUTLINES))


def test_what_is_too_much_is_not_looked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    many = pdf(b"<</A(%s)>>" % (b"#41/" * 11))
    assert not may_act(many)
    for name, most in (("_MOST_ESCAPED", 10), ("_MOST_NAMES", 10), ("LONGEST", 50)):
        with monkeypatch.context() as patched:
            patched.setattr(papers, name, most)
            assert may_act(many)

"""Multipart bodies are read the same however they are cut, and nothing that is cut off is taken for whole."""

import random
import re
from collections.abc import AsyncIterator, Iterable, Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from couchreg.errors import BadRequest
from couchreg.wire.headers import boundary_of, filename_of, parameters
from couchreg.wire.multipart import MAX_HEADERS, MAX_PREAMBLE, End, Event, MultipartParser, PartBegin, PartEnd
from couchreg.wire.parts import Parts

Found = list[tuple[dict[str, str], bytes]]


def fed(boundary: str, pieces: Iterable[bytes], *, unclosed: bool = False) -> list[Event]:
    parser = MultipartParser(boundary)
    events = [event for piece in pieces for event in parser.feed(piece)]
    return events + parser.close(unclosed=unclosed)


def collected(events: Sequence[Event]) -> Found:
    """The parts, after a check that the events come in order and the body is complete."""
    found: Found = []
    inside = False
    for event in events:
        if isinstance(event, PartBegin):
            assert not inside
            inside = True
            found.append((event.headers, b""))
        elif isinstance(event, bytes):
            assert inside
            assert event
            found[-1] = (found[-1][0], found[-1][1] + event)
        elif isinstance(event, PartEnd):
            assert inside
            inside = False
    assert not inside
    assert [event for event in events if isinstance(event, End)] == [events[-1]]
    return found


def parsed(boundary: str, body: bytes) -> Found:
    whole = collected(fed(boundary, [body]))
    assert collected(fed(boundary, [body[i : i + 1] for i in range(len(body))])) == whole
    return whole


def cut(body: bytes, seed: int) -> list[bytes]:
    chance = random.Random(seed)
    places = sorted(chance.randrange(len(body) + 1) for _ in range(chance.randrange(30)))
    return [body[a:b] for a, b in zip([0, *places], [*places, len(body)], strict=True)]


def written(boundary: str, parts: Sequence[bytes], line: bytes = b"\r\n") -> bytes:
    dashed = b"--" + boundary.encode()
    head = line + b"X-Number: %d" + line + line
    framed = [dashed + head % number + data + line for number, data in enumerate(parts)]
    return b"".join(framed) + dashed + b"--"


# pieces that make delimiters likely to appear, nearly
shards = st.sampled_from(
    [
        b"\r",
        b"\n",
        b"\r\n",
        b"--",
        b"-",
        b"--b",
        b"\r\n--b",
        b"\n--b",
        b"--boundar",
        b" ",
        b"x",
        bytes(200),
        b"\r\n--boundary0",
        b"\r\n--boundary-",
        b"\r\n--boundary \t",
        b"\r\n-",
        b"\r\n--boundary" + b" " * 101,
    ]
)
bodies = st.lists(shards, max_size=12).map(b"".join)


def is_free(data: bytes, line: bytes) -> bool:
    """Whether no line of the data is a delimiter: a part that its boundary can frame."""
    framed = line + data + line + b"--boundary--"
    delimiter = re.compile(line + rb"--boundary(--|[ \t]{0,100}\r?\n)")
    found = delimiter.search(framed)
    return found is not None and found.start() == len(line + data)


@given(st.lists(bodies, max_size=4), st.integers(0, 2**32), st.sampled_from([b"\r\n", b"\n"]))
@example([b"\r\n--boundary"], 0, b"\r\n")
def test_parts_survive_any_cut(parts: list[bytes], seed: int, line: bytes) -> None:
    parts = [data for data in parts if is_free(data, line)]
    body = written("boundary", parts, line)
    expected = [({"x-number": str(number)}, data) for number, data in enumerate(parts)]
    assert collected(fed("boundary", cut(body, seed))) == expected


@given(st.binary(max_size=300), st.integers(0, 2**32))
def test_rubbish_is_refused_or_read_but_the_same_for_any_cut(data: bytes, seed: int) -> None:
    body = b"--b\r\n" + data

    def outcome(pieces: list[bytes]) -> Found | str:
        try:
            return collected(fed("b", pieces))
        except BadRequest as error:
            return error.reason

    assert outcome([body]) == outcome(cut(body, seed))


@given(st.lists(bodies, min_size=1, max_size=3), st.data())
def test_every_truncation_is_noticed(parts: list[bytes], data: st.DataObject) -> None:
    parts = [part for part in parts if is_free(part, b"\r\n")]
    body = written("boundary", parts)
    end = data.draw(st.integers(0, len(body) - 1))
    with pytest.raises(BadRequest):
        fed("boundary", [body[:end]])


def test_a_preamble_an_epilogue_and_padding_are_skipped() -> None:
    body = b"ignored\r\n--b \t\r\nA: 1\r\n\r\nx\r\n--b\r\n\r\ny\r\n--b--  \r\nepilogue\r\n--b\r\n"
    assert parsed("b", body) == [({"a": "1"}, b"x"), ({}, b"y")]


def test_no_parts_at_all() -> None:
    assert parsed("b", b"--b--") == []
    assert parsed("b", b"--b--\r\n") == []


def test_an_empty_part_may_end_with_its_headers() -> None:
    assert parsed("b", b"--b\r\nA: 1\r\n\r\n--b\r\n\r\n\r\n--b--") == [({"a": "1"}, b""), ({}, b"")]


def test_a_longer_boundary_is_data() -> None:
    assert parsed("b", b"--b\r\n\r\n\r\n--bb--\r\n--b--") == [({}, b"\r\n--bb--")]


def test_the_inner_end_may_touch_the_outer_boundary() -> None:
    """As CouchDB nests multipart/related in multipart/mixed for `open_revs`."""
    document = b"--in\r\nContent-Type: application/json\r\n\r\n{}"
    inner = document + b"\r\n--in\r\nContent-Length: 5\r\n\r\nhello\r\n--in--"
    head = b'\r\nContent-Type: multipart/related; boundary="in"\r\n\r\n'
    body = b"--out" + (head + inner + b"\r\n--out") * 2 + b"--"
    found = parsed("out", body)
    assert [data for _, data in found] == [inner, inner]
    assert boundary_of(found[0][0]["content-type"]) == "in"
    assert [data for _, data in parsed("in", found[0][1])] == [b"{}", b"hello"]


def test_an_unclosed_body_is_taken_only_when_asked_to() -> None:
    body = b"--b\r\n\r\n{}\r\n--b\r\n\r\nhello\r\n"
    assert collected(fed("b", [body], unclosed=True)) == [({}, b"{}"), ({}, b"hello")]
    for early in (b"", b"--b", b"--b\r\nA: 1\r\n"):
        with pytest.raises(BadRequest, match="cut off"):
            fed("b", [early], unclosed=True)


def test_headers() -> None:
    block = b"Content-Type:text/plain;\r\n charset=utf-8\r\nX: \xc3\xa9\r\nY: \xe9\r\nx: second\r\nEmpty:\r\n"
    ((headers, _),) = parsed("b", b"--b\r\n" + block + b"\r\n\r\n--b--")
    assert headers == {"content-type": "text/plain; charset=utf-8", "x": "\u00e9", "y": "\u00e9", "empty": ""}


@pytest.mark.parametrize(
    "block",
    [b"no colon", b": nameless", b"b\xc3\xa9: 1", b"a b: 1", b"A: 1\r\n" * 65, b"A: " + b"x" * MAX_HEADERS],
)
def test_bad_headers_are_refused(block: bytes) -> None:
    with pytest.raises(BadRequest):
        fed("b", [b"--b\r\n" + block + b"\r\n\r\n\r\n--b--"])


def test_a_body_without_its_boundary_is_refused_before_it_fills_the_memory() -> None:
    for line in (b"x" * 1000, b"x\r\n" * 300, b"\r\n--c"):
        parser = MultipartParser("b")
        with pytest.raises(BadRequest, match="boundary"):  # noqa: PT012
            for _ in range(2 * MAX_PREAMBLE // len(line) + 2):
                parser.feed(line)


@pytest.mark.parametrize(
    ("value", "main", "found"),
    [
        (
            'Multipart/Related; Boundary="a b"; type=application/json',
            "multipart/related",
            {"boundary": "a b", "type": "application/json"},
        ),
        ('a/b; x="q\\"; y=\\\\"; z = 1 ', "a/b", {"x": 'q"; y=\\', "z": "1"}),
        ('a/b; x=""', "a/b", {"x": ""}),
        ("", "", {}),
    ],
)
def test_parameters(value: str, main: str, found: dict[str, str]) -> None:
    assert parameters(value) == (main, found)


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/related",
        "text/plain; boundary=b",
        'multipart/related; boundary=""',
        "multipart/x; boundary=\u00e9",
        "multipart/related; boundary=" + "b" * 71,
        'multipart/related; boundary="b "',
        'multipart/x; boundary="a\nb"',
    ],
)
def test_unusable_boundaries(content_type: str) -> None:
    with pytest.raises(BadRequest, match="boundary"):
        boundary_of(content_type)


def test_boundaries() -> None:
    assert boundary_of("multipart/mixed; boundary=" + "b" * 70) == "b" * 70
    assert boundary_of("multipart/related; boundary=--0123abc") == "--0123abc"


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('attachment; filename="a b.csv"', "a b.csv"),
        ("attachment; filename=a.csv; filename*=UTF-8''%C3%A9.csv", "\u00e9.csv"),
        ('form-data; name="x"', None),
        ("", None),
    ],
)
def test_file_names(disposition: str, name: str | None) -> None:
    assert filename_of({"content-disposition": disposition}) == name


# -- the iterator
async def stream(body: bytes, size: int = 5) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


async def test_parts_are_read_one_after_the_other() -> None:
    body = written("b", [b"first part", b"", b"third part"])
    parts = Parts(stream(body), "b")
    found = [(part.headers["x-number"], b"".join([data async for data in part])) async for part in parts]
    assert found == [("0", b"first part"), ("1", b""), ("2", b"third part")]


async def test_what_is_left_of_a_part_is_skipped() -> None:
    parts = Parts(stream(written("b", [b"first part", b"second part"])), "b")
    first = await anext(parts)
    assert await anext(first)
    second = await anext(parts)
    assert [chunk async for chunk in first] == []
    assert b"".join([chunk async for chunk in second]) == b"second part"
    assert await anext(parts, None) is None
    assert await anext(parts, None) is None


async def test_parts_within_parts() -> None:
    inner = written("in", [b"one", b"two"])
    body = b"--out\r\nContent-Type: multipart/related; boundary=in\r\n\r\n" + inner + b"\r\n--out--"
    async for part in Parts(stream(body), "out"):
        nested = Parts(part, boundary_of(part.headers["content-type"]))
        assert [b"".join([chunk async for chunk in each]) async for each in nested] == [b"one", b"two"]


async def test_a_body_that_is_cut_off_fails_where_it_ends() -> None:
    parts = Parts(stream(b"--b\r\n\r\nhello"), "b")
    part = await anext(parts)
    with pytest.raises(BadRequest, match="cut off"):
        async for _ in part:
            pass


async def test_an_unclosed_body_ends_its_last_part() -> None:
    parts = Parts(stream(b"--b\r\n\r\n{}\r\n--b\r\n\r\nhello\r\n"), "b", unclosed=True)
    assert [b"".join([chunk async for chunk in part]) async for part in parts] == [b"{}", b"hello"]

"""JSON is read and printed as CouchDB does it; the expectations were recorded from CouchDB 3.5.0."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from couchreg.errors import BadRequest
from couchreg.model import exactjson, json


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("[0,-0,1,-1,255,256,-129,2147483648,18446744073709551616]", None),
        ("[0.0,-0.0,1.0,-1.0,0.1,100.0,123456789.123,0.30000000000000004]", None),
        ("[1E3,1e+3,1E-3,12e2,1.0e0,100e-2,0e0,0e10]", "[1000.0,1000.0,0.001,1200.0,1.0,1.0,0.0,0.0]"),
        ("[1e5,1e15,1e16,1e17]", "[100000.0,1000000000000000.0,10000000000000000.0,100000000000000000.0]"),
        ("[1e20,1e21,1e22,1e100]", "[100000000000000000000.0,1e+21,1e+22,1e+100]"),
        ("[1.7976931348623157e308,1.5e300]", "[1.7976931348623157e+308,1.5e+300]"),
        ("[5e-324,4.9406564584124654e-324,1e-320,2.5e-324,1e-400]", "[0.0,5e-324,1e-320,5e-324,0.0]"),
        ("[0.00001,0.000001,0.0000001,-1.5e-6,1.5e-7]", "[0.00001,0.000001,1e-7,-0.0000015,1.5e-7]"),
        ('{"x":1,"x":2}', '{"x":2}'),
        ('{"o":{"k":1,"k":{"z":1}},"x":1,"x":null}', '{"o":{"k":{"z":1}},"x":null}'),
        ('" \\/ \\b\\f\\n\\r\\t \\" \\\\ "', '" / \\b\\f\\n\\r\\t \\" \\\\ "'),
        ('"\\u0041\\u00e9\\u0000\\u001f\\u007f\\u2028"', '"Aé\\u0000\\u001F\x7f\u2028"'),
        ('"\\\\u001f \\\\\\u001f"', '"\\\\u001f \\\\\\u001F"'),
        ('"\\ud83d\\ude00"', '"😀"'),
        (' [ 1 , {"a" : null } , true , false ]\n', '[1,{"a":null},true,false]'),
        ("1e-310", None),
        ('{"a":[1e-310,{"b":"e-3"},[],{}]}', None),
    ],
)
def test_values_are_shown_as_couchdb_shows_them(sent: str, shown: str | None) -> None:
    expected = (sent if shown is None else shown).replace("-0.0,", "0.0,").replace("[0,-0", "[0,0")
    assert json.encode(json.decode(sent.encode())).decode() == expected
    assert json.encode(json.decode(sent)).decode() == expected
    assert exactjson.encode(exactjson.decode(sent)).decode().lower() == expected.lower()


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b" ",
        b"{",
        b"nonsense",
        b'{"a":}',
        b"{'a':1}",
        b"{a:1}",
        b'{"a":1,}',
        b"[1,]",
        b"[,1]",
        b"[1 2]",
        b"[1}",
        b'{"a" 1}',
        b'{"a":1 "b":2}',
        b"{1:2}",
        b'{"a":01}',
        b'{"a":.5}',
        b'{"a":1.}',
        b'{"a":+1}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":tru}',
        b'{"a":"\\x41"}',
        b'{"a":"\\ud800"}',
        b'{"a":"\t"}',
        b'{"a":"unterminated}',
        b'{"a":"\xff"}',
        b'{"a":"\xed\xa0\x80"}',
        b"\xef\xbb\xbf{}",
        b"1e400",
        b"1 2",
        b"[]]",
    ],
)
def test_what_is_no_json_is_refused(text: bytes) -> None:
    # For the quick reader, and for the slow one that takes over for tiny numbers and deep nesting.
    for wrapped in (text, b"[1e-310," + text + b"]", b"[" * 3000 + b"0," + text + b"]" * 3000):
        with pytest.raises(BadRequest, match="invalid UTF-8 JSON"):
            json.decode(wrapped)


def test_nesting_has_no_limit() -> None:
    deep = b'{"a":' + b"[" * 50_000 + b"1.0" + b"]" * 50_000 + b"}"
    assert json.encode(json.decode(deep)) == deep


def test_integers_may_be_long_but_not_endless() -> None:
    long = b"-" + b"1234567890" * 2_000
    assert json.encode(json.decode(long)) == long
    assert json.encode({"n": 10**5_000}) == b'{"n":1' + b"0" * 5_000 + b"}"
    with pytest.raises(BadRequest):
        json.decode(b"1" * 100_001)


def test_members_are_an_object_without_its_braces() -> None:
    assert json.members({}) == b""
    assert json.members({"a": 1, "b": [1e16]}) == b'"a":1,"b":[10000000000000000.0]'


def test_quote() -> None:
    assert json.quote('a"\x1fé') == '"a\\"\\u001Fé"'.encode()


def test_no_numbers() -> None:
    assert json.encode([float("nan"), float("inf")]) == b"[null,null]"


# Numbers below the normal ones are read as 0.0, as CouchDB does.
floats = st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False)
scalars = st.none() | st.booleans() | st.integers() | floats
texts = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    scalars | texts, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=20
)


@settings(max_examples=300, deadline=None)
@given(values)
def test_values_survive_both_writers_and_readers(value: Any) -> None:
    text = json.encode(value)
    assert json.decode(text) == value
    assert exactjson.decode(text.decode()) == value
    assert json.decode(exactjson.encode(value)) == value
    assert _kinds(json.decode(text)) == _kinds(value)


def _kinds(value: Any) -> Any:
    if isinstance(value, dict):
        return [(name, _kinds(inner)) for name, inner in value.items()]
    if isinstance(value, list):
        return [_kinds(inner) for inner in value]
    return type(value)


@settings(max_examples=300, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_are_spelt_alike_wherever_they_stand(value: float) -> None:
    """The quick look for odd floats overlooks none; the slow writer has its second opinion."""
    for around in (value, [value], [[value, 1]], {"a": value}, {"a": {"b": [value], "c": "e16,"}}):
        assert json.encode(around) == exactjson.encode(around)


@pytest.mark.parametrize("value", [{}, {"a": 1, "b": [1.0, {"c": None}]}, {"_a": "ö"}])
def test_members_and_back(value: dict[str, Any]) -> None:
    assert json.body(json.members(value)) == value


def test_nothing_has_no_members() -> None:
    assert json.body(None) == {}


def test_numbers_that_take_long_are_told_from_hashes() -> None:
    for text in (b"[1.7e308]", b'{"a":1E+0299 }', b"[1e-290,2]", b"[0e0\n,5e-324\n]"):
        assert json.takes_long(text)
        assert json.decode_slowly(text) == json.decode(text)
    assert not json.takes_long(b"[1e-" + b"0" * 1_000_000 + b"1,2]")  # in time that grows with its length
    assert not json.takes_long(b'{"hash":"3e3089","b":[1e24,1e-24,12.5],"c":"e300"}')


@pytest.mark.parametrize("name", ["ä", "人以鱼", "😀x", "a"])
def test_members_of_any_name_are_read_apart(name: str) -> None:
    names = frozenset(json.decode(f'{{"{name}":0}}'))  # whose UTF-8 nobody has asked for
    assert json.reader(names)(f'{{"other":1,"{name}":2}}'.encode()) == {name: 2}


def test_control_characters_are_spelt_as_couchdb_does_and_texts_that_look_like_it_are_left() -> None:
    for text, spelt in (
        ("\x1f\x0b\x00", b'"\\u001F\\u000B\\u0000"'),
        ("\\u001f", b'"\\\\u001f"'),
        ("\\\x1f", b'"\\\\\\u001F"'),
        ("\\\\u000b", b'"\\\\\\\\u000b"'),
        ('"\x0e', b'"\\"\\u000E"'),
    ):
        assert json.quote(text) == spelt
        assert json.encode({"a": text}) == b'{"a":' + spelt + b"}"
        assert json.decode(spelt) == text


def test_how_deep_a_text_is() -> None:
    text = b'{"a":[[["]]]][[[\\"[["]],{"b":[1]}]}'
    assert [json.is_deeper(text, most) for most in range(6)] == [True, True, True, True, False, False]
    assert not json.is_deeper(b'"[[[[[["', 0)


def test_digits_of_long_numbers_are_counted_outside_of_strings() -> None:
    assert json.count_long_digits(b'[1,"' + b"1" * 400 + b'",2.5]') == 0
    assert json.count_long_digits(b"[" + b"1" * 299 + b"," + b"2" * 299 + b"]") == 0
    assert json.count_long_digits(b'{"a":-' + b"1" * 300 + b',"b":[0.' + b"5" * 500 + b"e9]}") == 800


def test_bytes_outside_of_strings_are_counted_without_spaces() -> None:
    assert json.count_bare(b'{"abc" : [1, 2 ,\n"\\"x" ]}') == len("{:[1,2,]}")
    assert json.count_bare(b" " * 1_000_000) == 0

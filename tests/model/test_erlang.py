"""Values as Erlang prints them."""

import pytest

from couchreg.model.erlang import LONGEST, pretty, show

VALUE = {"a": [1, "b\n", None, True, 1.5, {}, [], 1e22], "": "ü"}


def test_terms_are_those_that_couchdb_keeps() -> None:
    assert show(VALUE) == "{[{<<97>>,[1,<<98,10>>,null,true,1.5,{[]},[],1.0e22]},{<<>>,<<195,188>>}]}"
    assert pretty(VALUE) == '{[{<<"a">>,[1,<<"b\\n">>,null,true,1.5,{[]},[],1.0e22]},{<<>>,<<195,188>>}]}'


@pytest.mark.parametrize("digits", ["9" * 5_000, "-" + "9" * 5_000])
def test_a_number_has_all_its_digits(digits: str) -> None:
    number = -(10**5_000 - 1) if digits[0] == "-" else 10**5_000 - 1
    assert show([number]) == f"[{digits}]"


def test_any_depth_is_printed_and_of_what_is_long_the_beginning() -> None:
    value: list[object] = []
    for _ in range(10_000):
        value = [value]
    assert show(value) == "[" * 10_001 + "]" * 10_001
    assert len(pretty(["x" * 100] * 10_000)) < LONGEST + 1_000
    assert pretty([1] * LONGEST).endswith("...")
    assert show("x" * (LONGEST + 1)).endswith(",...>>")

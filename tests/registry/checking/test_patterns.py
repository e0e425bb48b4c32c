"""Patterns of XML Schema."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from couchreg.registry.checking.automata import Automaton, TooManyStates
from couchreg.registry.checking.patterns import MAX_LENGTH, BadPattern, compiled, pieces_of

EXAMPLES = [
    (r"\p{L}+", ["été", "Ω"], ["a1", ""]),
    (r"\p{Lu}\p{Ll}*", ["Été"], ["été"]),
    (r"\P{L}+", ["12"], ["a"]),
    (r"\i\c*", ["abc1", "_x", "a:b-c.d"], ["1abc", "-a"]),
    (r"\I+", ["1-"], ["a"]),
    (r"\C+", [" ;"], ["a"]),
    (r"[\i-[:]][\c-[:]]*", ["a-b"], ["a:b", ":a"]),
    ("[a-z-[aeiou]]+", ["bcd"], ["bad"]),
    ("[a-z-[a-y-[b]]]", ["b", "z"], ["c"]),
    ("[^a-z-[0-9]]", ["A"], ["5", "a"]),
    (r"\p{IsBasicLatin}+", ["abc"], ["é"]),
    (r"\p{IsGreek}+", ["αβγ"], ["abc"]),
    (r"\P{IsBasicLatin}", ["é"], ["e"]),
    (r"[\p{Lu}\d-]+", ["A-1"], ["a"]),
    (r"\d{4}", ["2020", "٠١٢٣"], ["20", "20201"]),
    (r"\w+", ["a1", "é"], ["a-b", "a b"]),
    (r"\W", ["-"], ["a"]),
    (r"\s*", ["", " \t\n"], ["\u00a0"]),
    (r"\S+", ["\u00a0"], ["a b"]),
    (".", ["a", "\u2028"], ["\n", "\r", "ab"]),
    ("a|b", ["a", "b"], ["ab"]),
    ("^a|b$", ["a", "b"], ["ab"]),
    ("^[A-Z]{3}$", ["ABC"], ["ABCD", "AB", "ABC\n"]),
    (r"\^\$\-\.\?\*\+\{\}\(\)\[\]\|\\", [r"^$-.?*+{}()[]|\\"[:-1]], ["x"]),
    ("[-a]+", ["-a"], ["b"]),
    ("[a-]+", ["a-"], ["b"]),
    (r"[\[\]\^\-\\]+", [r"[]^-\\"], ["a"]),
    ("[&|~#]+", ["&|~#"], ["a"]),
    ("x{2,}", ["xx", "xxxx"], ["x"]),
    ("x{2,3}", ["xx"], ["x", "xxxx"]),
    ("", [""], ["a"]),
    ("(ab)+c?", ["abab", "abc"], ["abcc"]),
    (r"US$ \d+", ["US$ 5"], ["US 5"]),
    ("a^b|^c$|(^d|e$)", ["a^b", "c", "d", "e"], ["ab", "^c", "e$"]),
    # none of XML Schema, but understood
    (r"(?=.*\d)[a-z\d]+", ["a1"], ["ab"]),
    (r"(?:a|b)+?", ["ab"], ["c"]),
    (r"(?i)abc", ["ABC"], ["abd"]),
    (r"\bfoo\b", ["foo"], ["foos"]),
    ("x{,2}", ["x", "xx"], ["xxx"]),
]


@pytest.mark.parametrize(("pattern", "right", "wrong"), EXAMPLES)
def test_what_a_pattern_matches(pattern: str, right: list[str], wrong: list[str]) -> None:
    matches = compiled(pattern)
    assert [text for text in right if not matches(text)] == []
    assert [text for text in wrong if matches(text)] == []


@pytest.mark.parametrize(("pattern", "right", "wrong"), EXAMPLES[:-5])
def test_an_automaton_matches_the_same(pattern: str, right: list[str], wrong: list[str]) -> None:
    matches = Automaton(pieces_of(pattern)).matches
    assert [text for text in right if not matches(text)] == []
    assert [text for text in wrong if matches(text)] == []


PARTS = st.recursive(
    st.sampled_from(["a", "b", "[ab]", ".", "", "^", "$"]),
    lambda part: st.one_of(
        st.tuples(part, st.sampled_from(["?", "*", "+", "{2}", "{1,2}", "{2,}", "{0}"])).map(
            lambda pair: f"({pair[0]}){pair[1]}"
        ),
        st.tuples(part, part).map("|".join),
        st.tuples(part, part).map("".join),
        part.map(lambda inner: f"({inner})"),
    ),
    max_leaves=8,
)


@settings(max_examples=500, deadline=None)
@given(PARTS, st.lists(st.text("ab", max_size=6), min_size=1, max_size=8))
def test_random_expressions(pattern: str, values: list[str]) -> None:
    automaton = Automaton(pieces_of(pattern))
    for value in values:
        found = re.fullmatch("".join(pieces_of(pattern)), value)
        assert automaton.matches(value) == (found is not None)


@pytest.mark.parametrize(
    ("pattern", "right", "wrong"),
    [
        (r"(a|aa)+", "a" * 4000, "a" * 4000 + "b"),
        (r"([A-Za-z]+\s?)*", "Aus aller Welt " * 10, "Ausallerherrenlaendernundzurueck" * 3 + "!"),
        (r"^(([a-z])+.)+[A-Z]([a-z])+$", "a" * 90 + "Zz", "a" * 90),
        (r"(.*,){8}.*", "a," * 20, "a" * 3000),
        (r"(\w+\.?)+@[a-z]+", "a.b" * 30 + "@c", "a" * 60),
    ],
)
def test_no_value_takes_long(pattern: str, right: str, wrong: str) -> None:
    start = time.process_time()
    matches = compiled(pattern)
    assert (matches(right), matches(wrong), matches(wrong), matches(right)) == (True, False, False, True)
    assert time.process_time() - start < 5


def test_expressions_with_too_many_states_are_left_to_the_engine() -> None:
    with pytest.raises(TooManyStates):
        Automaton(pieces_of("((a{100}){100}){100}"))


@pytest.mark.parametrize("pattern", ["[", "(", "a)", "a**", "*a", r"\p{Foo}", r"\p{IsNope}", "[z-a]", "\\"])
def test_what_is_no_pattern(pattern: str) -> None:
    with pytest.raises(BadPattern, match="character"):
        compiled(pattern)


def test_patterns_are_bounded() -> None:
    with pytest.raises(BadPattern, match="longer"):
        compiled("a" * (MAX_LENGTH + 1))
    with pytest.raises(BadPattern, match="deep"):
        compiled("(" * 4000)

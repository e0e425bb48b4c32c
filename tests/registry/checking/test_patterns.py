"""Patterns of XML Schema."""

import pytest

from couchreg.registry.checking.patterns import MAX_LENGTH, BadPattern, compiled


@pytest.mark.parametrize(
    ("pattern", "right", "wrong"),
    [
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
        # none of XML Schema, but understood
        (r"(?=.*\d)[a-z\d]+", ["a1"], ["ab"]),
        (r"(?:a|b)+?", ["ab"], ["c"]),
        (r"(?i)abc", ["ABC"], ["abd"]),
        (r"\bfoo\b", ["foo"], ["foos"]),
        ("x{,2}", ["x", "xx"], ["xxx"]),
    ],
)
def test_what_a_pattern_matches(pattern: str, right: list[str], wrong: list[str]) -> None:
    matches = compiled(pattern)
    assert [text for text in right if not matches(text)] == []
    assert [text for text in wrong if matches(text)] == []


@pytest.mark.parametrize("pattern", ["[", "(", "a)", "a**", "*a", r"\p{Foo}", r"\p{IsNope}", "[z-a]", "\\"])
def test_what_is_no_pattern(pattern: str) -> None:
    with pytest.raises(BadPattern, match="character"):
        compiled(pattern)


def test_patterns_are_bounded() -> None:
    with pytest.raises(BadPattern, match="longer"):
        compiled("a" * (MAX_LENGTH + 1))
    with pytest.raises(BadPattern, match="deep"):
        compiled("(" * 4000)

"""The delimiter is guessed exactly as `csv.Sniffer` guesses it."""

import csv
import random

import pytest
from frictionless.formats import CsvControl

from couchreg.registry.checking.sniffing import has_blanks_before_quotes, sniffed

DELIMITERS = ",\t;|"
ALPHABETS = ("a,", "a,;", "ab ,;", "a|;\t", "1;, |\t", "a,'", 'a;"', "a;|", "x: ,", "é,\u2028;\r")


def guessed(sample: str) -> str | None:
    try:
        return csv.Sniffer().sniff(sample, DELIMITERS).delimiter
    except csv.Error:
        return None


@pytest.mark.parametrize(
    "sample",
    [
        "",
        "\n",
        "a",
        "a\n\n",
        "a,b\n1,2\n",
        "a;b,c\n",
        "a, b\n1, 2\n",
        "a|b;c\n1|2;3\n",
        "a b:c\n",
        "'a';'b'\n",
    ],
)
def test_of_a_few(sample: str) -> None:
    assert sniffed(sample, DELIMITERS) == guessed(sample)


def test_of_many() -> None:
    chance = random.Random(11)
    found = set()
    for _ in range(1500):
        alphabet = chance.choice(ALPHABETS)
        lines = chance.choice([1, 2, 9, 10, 11, 25, 100])
        row = "".join(chance.choices(alphabet, k=chance.randint(0, 12)))
        odd = chance.choice([0, 0, 0.05, 0.1, 0.5])
        sample = "\n".join(
            "".join(chance.choices(alphabet, k=chance.randint(0, 12))) if chance.random() < odd else row
            for _ in range(lines)
        ) + chance.choice(["", "\n"])
        expected = guessed(sample)
        assert sniffed(sample, DELIMITERS) == expected, sample
        found.add(expected)
    assert len(found) == 5  # of each kind


@pytest.mark.parametrize(
    ("sample", "marks", "found"),
    [
        ('a,b\n1, "x"\n', {}, True),
        ('a,b\n"1",  "x, y"\n', {}, True),
        ('a,b,c\n1, "x",2\n', {}, True),
        ('a;b\n1; "x" \n', {"delimiter": ";"}, True),
        ("a,b\n1, 'x'\n", {"quote_char": "'"}, True),
        ('a,b\n1, "say ""so"""\n', {}, True),
        ("a, b\n1, x\n", {}, False),
        ('a,b\n"{""x"": 1, ""y"": 2}", a\n', {}, False),
        ('a,b\n"x, ""y"", z",1\n', {}, False),
        ('a,b\n"x\n, ""y""\n",1\n', {}, False),
        ('a,b\n1, "x\n', {}, False),  # a quote that nothing closes
        ('a,b\n"x, "', {}, False),
        ('a,b\n1, 5" wide\n', {}, False),
        ('a,b\n1, "x" and more\n', {}, False),
        ('a,b\n"x\\", ""y"", z",1\n', {"escape_char": "\\"}, False),
        ('a;b\n1, "x";2\n', {"delimiter": ";"}, False),
        ("", {}, False),
    ],
)
def test_blanks_before_quotes(sample: str, marks: dict[str, str], found: bool) -> None:
    assert has_blanks_before_quotes(sample, CsvControl(**marks)) is found

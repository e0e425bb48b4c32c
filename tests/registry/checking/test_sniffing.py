"""The delimiter is guessed exactly as `csv.Sniffer` guesses it."""

import csv
import random

import pytest

from couchreg.registry.checking.sniffing import sniffed

DELIMITERS = ",\t;|"
ALPHABETS = ("a,", "a,;", "ab ,;", "a|;\t", "1;, |\t", "a,'", 'a;"', "a;|", "x: ,", "é,\u2028;\r")


def guessed(sample: str) -> tuple[str, bool] | None:
    try:
        found = csv.Sniffer().sniff(sample, DELIMITERS)
    except csv.Error:
        return None
    return found.delimiter, bool(found.skipinitialspace)


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
    assert len(found) >= 8  # of each kind

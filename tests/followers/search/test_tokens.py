"""How texts become terms."""

import pytest

from couchreg.followers.search.query import Query, keys_query, parse
from couchreg.followers.search.tokens import GAP, fold, stem, streams, tokens


def parts(text: str) -> list[str]:
    return [part for token in tokens(text) for part in token.parts]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Gross Domestic-Product", ["gross", "domestic", "product"]),
        ("countryCode HTMLParser", ["country", "code", "html", "parser"]),
        ("snake_case_name", ["snake", "case", "name"]),
        ("ISO3166-1-Alpha-3", ["iso", "3166", "1", "alpha", "3"]),
        ("CO₂, ½ Straße", ["co", "2", "12", "strasse"]),
        ("États Łódź Ørsted", ["etats", "lodz", "orsted"]),
        ("e\u0301tat", ["etat"]),
        ("Население России", ["население", "россии"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("كِتَاب", ["كتاب"]),
        ("人口统计", ["人口", "口统", "统计", "计"]),
        ("日本の人口2020年", ["日本", "本の", "の人", "人口", "口", "2020", "年"]),
        ("서울", ["서울", "울"]),
        ("", []),
        ("— ␟ \0 \ud800 🎈", []),
    ],
)
def test_texts_are_cut_and_folded(text: str, found: list[str]) -> None:
    assert parts(text) == found


def test_what_was_cut_is_a_term_as_a_whole_too() -> None:
    assert [token.whole for token in tokens("ISO3166 countryCode plain")] == ["iso3166", "countrycode", None]
    assert streams(["country_code"], names=True).words == f"country code {GAP} countrycode"


def test_phrases_do_not_reach_from_one_text_to_the_next() -> None:
    assert streams(["gross products", "of us"]).stems == f"gross product {GAP} of us"


def test_terms_are_of_letters_marks_and_digits_only() -> None:
    everything = "".join(map(chr, range(0x3000))) + "".join(map(chr, range(0xF900, 0x10000)))
    for token in tokens(everything):
        for term in (*token.parts, token.whole or "a"):
            assert term
            assert fold(term) == term
            assert not set(term) & set("\"'*(){}:^-+ \0")


def test_endings_are_those_of_english() -> None:
    assert stem("populations") == stem("population")
    assert (stem("gas"), stem("население"), stem("co2")) == ("gas", "население", "co2")


def test_a_query_has_terms_and_never_the_text() -> None:
    asked = parse('title:"gross product" -secret license:CC0-1.0 -format:pdf http://x/y co2*')
    assert asked.tags == (("license:cc0-1.0",),)
    assert asked.barred == ("format:pdf",)
    assert [clause.negative for clause in asked.clauses] == [False, True, False, False, False, False]
    assert asked.clauses[0].column == "title"
    assert asked.clauses[0].any[0].terms == ("gross", "product")


def test_words_that_say_nothing_count_where_there_are_no_others() -> None:
    assert [clause.word for clause in parse("the population of france").clauses] == ["population", "france"]
    assert [clause.word for clause in parse("who is who").clauses] == ["who", "is"]
    assert len(keys_query(["the", "population"]).clauses) == 2


@pytest.mark.parametrize("text", ["", "  ", '"', '""', "-", '-"', ":", '"" -""'])
def test_texts_without_words(text: str) -> None:
    found = parse(text)
    assert isinstance(found, Query)
    assert not found.has_words or found.is_nothing

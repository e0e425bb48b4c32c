"""A guess of an encoding from a few words says that it may be another, with both readings."""

from pathlib import Path

import pytest

from tests.registry.checking.judging import table

TOWNS = {
    "german": "Straße,Müller,Köln,Österreich",
    "french": "Besançon,Orléans,Nîmes",
    "spanish": "España,Málaga,Coruña",
    "danish": "Ærø,Københavns,Århus",
    "symbols": "5 °C,10 µg,3 m²,5 €,2010–2012",
    "polish": "Gdańsk,Krakow",
    "russian": "Москва,Тула",
    "greek": "Αθήνα,Πάτρα",
    "lithuanian": "Šiauliai,Panevėžys",
    "koln": "Köln,Berlin",
}


def text_of(words: str, encoding: str) -> bytes:
    rows = [f"{number},{word}" for number, word in enumerate(TOWNS[words].split(","), 1)]
    return "\n".join(["id,word", *rows, ""]).encode(encoding)


@pytest.mark.parametrize(
    ("words", "encoding", "found"),
    [
        ("german", "cp1252", "windows-1252"),
        ("koln", "cp1252", "windows-1252"),
        ("french", "cp1252", "windows-1252"),
        ("spanish", "cp1252", "windows-1252"),
        ("danish", "cp1252", "windows-1252"),
        ("symbols", "cp1252", "windows-1252"),
        ("russian", "cp1251", "cp1251"),
        ("russian", "koi8-r", "koi8-r"),
        ("greek", "cp1253", "cp1253"),
        ("lithuanian", "cp1257", "cp1257"),
    ],
)
def test_words_that_tell_their_encoding(tmp_path: Path, words: str, encoding: str, found: str) -> None:
    report = table(tmp_path, text_of(words, encoding))
    assert (report["problems"], report["unchecked"]) == ([], [])
    assert [item["value"] for item in report["recorded"]] == [found]


@pytest.mark.parametrize(
    ("words", "encoding", "one", "other"),
    [
        ("polish", "cp1250", "'1,Gdañsk'", "'1,Gdańsk' in cp1250"),
        ("russian", "cp866", "'1,Œ®áª¢", "'1,Москва' in cp866"),
        ("koln", "mac_roman", "'1,Kšln'", "'1,Köln' in mac_roman"),
    ],
)
def test_words_that_do_not(tmp_path: Path, words: str, encoding: str, one: str, other: str) -> None:
    report = table(tmp_path, text_of(words, encoding))
    assert report["problems"] == []
    [told] = report["unchecked"]
    assert (told["resource"], told["member"]) == ("t", "encoding")
    assert f"windows-1252 is a guess from few characters: line 2 is read as {one}" in told["reason"]
    assert f"and would be {other}; state the “encoding” that is right" in told["reason"]


@pytest.mark.parametrize(("words", "encoding"), [("german", "mac_roman"), ("french", "cp850")])
def test_words_that_would_be_none(tmp_path: Path, words: str, encoding: str) -> None:
    [found] = table(tmp_path, text_of(words, encoding))["problems"]
    assert (found["type"], found["line"]) == ("encoding-error", 2)
    assert "state “encoding”" in found["message"]


def test_a_long_text_tells_its_encoding_by_itself(tmp_path: Path) -> None:
    rows = "".join(f"{number},Gdańsk i Łódź\n" for number in range(100))
    report = table(tmp_path, f"id,word\n{rows}".encode("cp1250"))
    assert (report["unchecked"], report["recorded"][0]["value"]) == ([], "cp1250")


def test_an_encoding_that_is_stated_is_no_guess(tmp_path: Path) -> None:
    report = table(tmp_path, text_of("polish", "cp1250"), encoding="cp1250")
    assert (report["problems"], report["unchecked"]) == ([], [])


def test_a_few_words_of_japanese_may_be_taken_for_chinese(tmp_path: Path) -> None:
    report = table(tmp_path, "id,word\n1,東京都\n2,大阪府\n".encode("euc_jp"))
    assert [item["value"] for item in report["recorded"]] == ["gb18030"]
    [told] = report["unchecked"]
    assert "and would be '1,東京都' in euc_jp; state the “encoding” that is right" in told["reason"]
    report = table(tmp_path, "id,word\n1,北京市朝阳区建国路\n2,上海市浦东新区\n".encode("gbk"))
    assert (report["recorded"][0]["value"], report["unchecked"]) == ("gb18030", [])

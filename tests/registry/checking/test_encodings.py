"""Encodings of tables: what is guessed, and where a text leaves the one that is stated."""

import gzip
import io
from pathlib import Path
from typing import Any

import pytest

from couchreg.registry.checking.encodings import Fault, detected, first_fault
from tests.registry.checking.judging import kinds, table

# frictionless leaves compressed files open.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

LONG = "id,word\n" + "".join(f"{number},tree{number}\n" for number in range(100_000))


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("", "utf-8"),
        ("id,word\n1,tree\n", "utf-8"),
        ("id,word\n1,Müller\n2,café\n", "utf-8"),
        ("id,word\n1,Müller\n2,café\n", "windows-1252"),
        ("id;Größe\n1;5\n", "windows-1252"),
        ("id,word\n1,“quoted” – 5 €\n", "windows-1252"),
        ("id,word\n1,well—that is all…or not\n2,Zürich–Genève\n", "windows-1252"),
        ("id,word\n1,L’Haÿ-les-Roses\n2,5 µg/m³, 25°C±1 ½™\n", "windows-1252"),
        ("id,word\n1,CAFÉ McÉwan\n2,José ÁLVAREZ\n", "windows-1252"),
        ("id,word\n1,José Muñoz\n2,Zoë\n3,Ålesund\n", "windows-1252"),
        (LONG + "5,café\n", "windows-1252"),
        ("město;počet\nŽďár nad Sázavou;3\nČeské Budějovice;4\n", "cp1250"),
        ("имя,город\nИван,Москва\nПётр,Казань\n" * 5, "cp1251"),
        ("名前,市\n太郎,東京都千代田区\n" * 5, "cp932"),
        ("id,word\n1,ä\n", "utf-16"),
        ("id,name\n1,café – “x”\n", "windows-1252"),
        ("id,name\n1,déjà – “x”\n", "windows-1252"),
        ("Straße;Betrag\nMüllerstr;1,5\n", "windows-1252"),
        ("name;ville\n1;Besançon\n2;Orléans\n", "windows-1252"),
        ("id,x\n1,à\n2,é\n3,ô\n", "windows-1252"),
        ("id,x\n1,à – “é”\n", "windows-1252"),
        ("país;valor\nMéxico;“sí”\n¿Qué?;1º\n", "windows-1252"),
        ("nafn;staður\nÞórður;Ísafjörður\n", "windows-1252"),
        ("kunta;väkiluku\nJyväskylä;140\nÄhtäri;5\n", "windows-1252"),
        ("STRASSE;STÄDTE\nKÖLN;MÜNCHEN\n", "windows-1252"),
        ("id,q\n1,“hello” – it’s 5 m³ at 20 °C\n", "windows-1252"),
        ("id,x\n1,Curaçao\n2,Réunion\n3,Côte d’Ivoire\n4,São Tomé\n5,Åland\n", "windows-1252"),
        ("id,name\n1,Москва\n", "cp1251"),
        ("id,название\n1,Ёлка – «да»\n2,Нет “x”\n", "cp1251"),
        ("град,население\nСофия,1300\nПловдив,340\n", "cp1251"),
        ("код;товар\n1;Молоко 3,2%\n2;Хлеб “Бородинский”\nABC;тест\n", "cp1251"),
        ("id,name\n1,Αθήνα\n2,Πάτρα\n", "cp1253"),
        ("περιοχή;τιμή\nΚρήτη;5\nΉπειρος – «ναι»;6\n", "cp1253"),
        ("שם,עיר\nדוד,ירושלים\nשרה,חיפה\n", "cp1255"),
        ("اسم,مدينة\nمحمد,القاهرة\nفاطمة,دمشق\n", "cp1256"),
        ("miasto;liczba\nŁódź;5\nKraków;6\nGdańsk;7\n", "cp1250"),
        ("name;miasto\nWałęsa;Gdańsk\n", "cp1250"),
        ("város;lakos\nSzékesfehérvár;5\nHódmezővásárhely;6\nGyőr;7\nKőszeg;3\n", "cp1250"),
        ("grad;broj\nŠibenik;4\nČakovec;5\nĐakovo;6\n", "cp1250"),
        ("mesto;okres\nKošice;5\nŽilina;6\nTrenčín;7\nĽubotín;8\n", "cp1250"),
        ("id,x\n1,žluťoučký kůň úpěl ďábelské ódy\n", "cp1250"),
        ("şehir;nüfus\nİstanbul;15\nIğdır;1\nŞanlıurfa;2\n", "cp1254"),
        ("ad;soyad\nAyşe;Yılmaz\nÖzgür;Çağlar\n", "cp1254"),
        ("miestas;kiekis\nŠiauliai;5\nPanevėžys;6\nKaunas;7\n", "cp1257"),
        ("姓名,城市\n王小明,北京市\n李华,上海市\n", "gb18030"),
        ("이름,도시\n김철수,서울특별시\n이영희,부산\n", "cp949"),
    ],
)
def test_what_is_guessed(text: str, encoding: str) -> None:
    data = text.encode(encoding)
    found = detected(lambda: io.BytesIO(data))
    assert found is not None
    assert (found, data.decode(found)) == (found, text)
    assert encoding != "windows-1252" or found == encoding


@pytest.mark.parametrize("count", [1, 2, 20])
def test_lines_of_two_encodings_are_of_none(tmp_path: Path, count: int) -> None:
    """As where rows were pasted together: each reader would garble one half."""
    data = b"id,word\n" + "1,Zoé\n".encode() * count + "2,Zoé\n".encode("cp1252") * count
    assert detected(lambda: io.BytesIO(data)) is None
    [found] = table(tmp_path, data)["problems"]
    assert (found["type"], found["row"]) == ("encoding-error", count + 2)


@pytest.mark.parametrize("size", [1, 3, 1 << 20])
def test_where_a_text_leaves_its_encoding(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("couchreg.registry.checking.encodings._STEP", size)
    data = "a\nÄÖ\n".encode() + b"b\n12\xe9\n"
    assert first_fault(lambda: io.BytesIO(data), "utf-8") == Fault(0xE9, 11, 4)
    assert first_fault(lambda: io.BytesIO(data[:-1]), "utf-8") == Fault(0xE9, 11, 4)  # the file ends in it
    assert first_fault(lambda: io.BytesIO(data[:9]), "utf-8") is None
    with pytest.raises(LookupError):
        first_fault(lambda: io.BytesIO(data), "utf-9")


@pytest.mark.parametrize("encoding", ["windows-1252", "utf-16"])
@pytest.mark.parametrize("path", ["t.csv", "t.csv.gz"])
def test_a_guess_is_recorded(tmp_path: Path, encoding: str, path: str) -> None:
    data = "id,word\n1,Größe\n".encode(encoding)
    report = table(tmp_path, gzip.compress(data) if path.endswith("gz") else data, path)
    assert report["problems"] == []
    assert report["recorded"] == [{"resource": "t", "member": "encoding", "value": encoding}]


@pytest.mark.parametrize("stated", ["windows-1252", "ISO-8859-1"])
def test_what_is_stated_is_no_guess(tmp_path: Path, stated: str) -> None:
    report = table(tmp_path, "id,word\n1,Größe\n".encode(stated), encoding=stated)
    assert (report["problems"], report["recorded"]) == ([], [])


def test_a_mark_before_utf8_is_no_part_of_the_data(tmp_path: Path) -> None:
    report = table(tmp_path, "\ufeffid,word\n1,Größe\n")
    assert (report["problems"], report["recorded"]) == ([], [])


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"encoding": "utf-9"}, "'utf-9' is not known"),
        ({"encoding": "ascii"}, "not valid ascii"),
        ({"encoding": "utf-8"}, "may be windows-1252"),
    ],
)
def test_an_encoding_that_is_not_the_datas(tmp_path: Path, members: dict[str, str], words: str) -> None:
    report = table(tmp_path, "id,word\n1,Größe\n".encode("windows-1252"), **members)
    assert kinds(report) == ["encoding-error"]
    assert words in report["problems"][0]["message"]


def test_the_place_in_the_part_that_has_the_fault(tmp_path: Path) -> None:
    parts = {"a.csv": b"id,word\n1,one\n", "b.csv": b"2,two\n3,caf\xe9\n"}
    report = table(tmp_path, b"", path=list(parts), encoding="utf-8", files=parts)
    [found] = report["problems"]
    assert (found["file"], found["line"], found["row"]) == ("b.csv", 2, 4)
    assert "byte 0xe9 (the 12th of the file, in line 2)" in found["message"]


def test_the_place_in_a_part_with_other_line_breaks(tmp_path: Path) -> None:
    parts = {"a.csv": b"id,word\r1,one\r", "b.csv": b"\xe92,two\r"}
    [found] = table(tmp_path, b"", path=list(parts), encoding="utf-8", files=parts)["problems"]
    assert (found["file"], found["line"], found["row"]) == ("b.csv", 1, 3)
    assert "(the 1st of the file, in line 1)" in found["message"]


@pytest.mark.parametrize(("path", "packed"), [("t.csv", False), ("t.csv.gz", True), ("t.json", False)])
def test_a_mark_that_an_encoding_asks_for_and_is_not_there(tmp_path: Path, path: str, packed: bool) -> None:
    text = b'[{"id": 1, "word": "one"}]' if path == "t.json" else b"id,word\n1,one\n"
    [found] = table(tmp_path, gzip.compress(text) if packed else text, path, encoding="utf-16")["problems"]
    assert (found["type"], found["file"], found["line"]) == ("encoding-error", path, 1)
    assert "does not begin with a byte order mark, as utf-16 does" in found["message"]
    assert "which may be utf-8" in found["message"]


LINES = '{"id": 1, "word": "é"}\n{"id": 2, "word": "è"}\n'


@pytest.mark.parametrize(
    ("text", "encoding"),
    [(LINES, "windows-1252"), ('{"id": 1, "word": "Москва"}\n', "cp1251"), (LINES, "utf-16")],
)
@pytest.mark.parametrize("path", ["t.jsonl", "t.ndjson", "t.jsonl.gz"])
def test_lines_of_json_have_an_encoding(tmp_path: Path, text: str, encoding: str, path: str) -> None:
    data = text.encode(encoding)
    data = gzip.compress(data) if path.endswith("gz") else data
    report = table(tmp_path, data, path)
    assert report["problems"] == []
    assert report["recorded"] == [{"resource": "t", "member": "encoding", "value": encoding}]
    report = table(tmp_path, data, path, encoding=encoding)
    assert (report["problems"], report["recorded"]) == ([], [])
    assert kinds(table(tmp_path, data, path, encoding="utf-8")) == ["encoding-error"]


@pytest.mark.parametrize("encoding", ["latin-1", "cp1251", "utf-16", "utf-16-le"])
def test_json_is_read_by_the_encoding_that_it_states(tmp_path: Path, encoding: str) -> None:
    word = "Москва" if encoding == "cp1251" else "é"
    right, wrong = f'[{{"id": 1, "word": "{word}"}}]', f'[{{"id": "x", "word": "{word}"}}]'
    assert table(tmp_path, right.encode(encoding), "t.json", encoding=encoding)["problems"] == []
    assert kinds(table(tmp_path, wrong.encode(encoding), "t.json", encoding=encoding)) == ["type-error"]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_json_that_does_not_state_its_encoding_is_utf_8(tmp_path: Path, encoding: str) -> None:
    [found] = table(tmp_path, '[\n{"id": 1, "word": "é"}]'.encode(encoding), "t.json")["problems"]
    assert (found["type"], found["file"]) == ("encoding-error", "t.json")
    assert "as JSON should be: save the file as UTF-8, or state the “encoding”" in found["message"]


@pytest.mark.parametrize("members", [{}, {"encoding": "utf-8"}])
def test_a_mark_before_json_is_no_part_of_it(tmp_path: Path, members: dict[str, str]) -> None:
    text = '\ufeff[{"id": 1, "word": "é"}]'
    report = table(tmp_path, text, "t.json", **members)
    assert (report["problems"], report["recorded"]) == ([], [])
    assert kinds(table(tmp_path, text.replace("1", '"x"'), "t.json", **members)) == ["type-error"]
    lines = '\ufeff{"id": 1, "word": "é"}\n'
    assert table(tmp_path, lines, "t.jsonl", **members)["problems"] == []


FRENCH = "1,Besançon à côté de la forêt, où naît le fleuve\n2,Évêché, hôtel, château, garçon\n"
CZECH = "3,Příliš kůň úpěl ďábelské ódy\n4,Řeka, třešně, účet, něžný\n"


def parts(folder: Path, first: bytes, second: bytes, **members: Any) -> dict[str, Any]:
    return table(folder, b"id,word\n" + first, path=["t.csv", "u.csv"], files={"u.csv": second}, **members)


def test_parts_of_two_encodings_are_not_read_by_one(tmp_path: Path) -> None:
    text = (FRENCH * 20).replace(", ", " "), (CZECH * 20).replace(", ", " ")
    french, czech = text[0].encode("cp1252"), text[1].encode("cp1250")
    [found] = parts(tmp_path, french, czech)["problems"]
    assert found["type"] == "encoding-error"
    assert "have one encoding" in found["message"]
    assert parts(tmp_path, french, czech, encoding="cp1250")["problems"] == []  # who states it knows it
    assert parts(tmp_path, french, text[0].encode("utf-8"))["problems"] != []
    assert parts(tmp_path, french, b"3,na\xefve\n")["problems"] == []  # the same by any that it may be


@pytest.mark.parametrize(
    ("first", "second", "encoding"),
    [
        ("1,İstanbul\n2,Iğdır\n", "3,Şişli\n4,Çağlayan\n", "cp1254"),
        ("1,Łódź\n2,Kraków\n", "3,Gdańsk\n4,Wrocław\n", "cp1250"),
        ("1,Москва\n2,Казань\n", "3,Уфа\n", "cp1251"),
    ],
)
def test_a_short_part_says_nothing_against_the_whole(
    tmp_path: Path, first: str, second: str, encoding: str
) -> None:
    report = parts(tmp_path, first.encode(encoding), second.encode(encoding))
    assert (report["problems"], report["recorded"][0]["value"]) == ([], encoding)


GERMAN = "stadt;fluss\nMünchen;Isar\nKöln;Rhein\nDüsseldorf;Rhein\nLübeck;Trave\n"
SPANISH = "país;café\nEspaña;sí\nMéxico;mañana\nPanamá;canción\n"


@pytest.mark.parametrize("encoding", ["cp437", "cp850", "mac_roman"])
@pytest.mark.parametrize("text", [GERMAN, SPANISH])
def test_what_would_be_garbled_is_not_guessed(tmp_path: Path, text: str, encoding: str) -> None:
    assert detected(lambda: io.BytesIO(text.encode(encoding))) is None
    assert detected(lambda: io.BytesIO(text.encode("cp1252"))) == "windows-1252"
    [found] = table(tmp_path, text.encode(encoding), schema=None)["problems"]
    assert (found["type"], "state “encoding”" in found["message"]) == ("encoding-error", True)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"PK\x03\x04" + bytes(range(256)), "is a zip file"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "is a picture"),
        (gzip.compress(b"id,word\n1,a\n", mtime=0), "compressed with gzip"),
        (b"id,word\n1,\0\0a\n", "is binary"),
    ],
)
def test_what_is_no_text(tmp_path: Path, data: bytes, words: str) -> None:
    [found] = table(tmp_path, data, schema=None)["problems"]
    assert (found["type"], found["file"]) == ("format-error", "t.csv")
    assert words in found["message"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_that_does_not_say_so(tmp_path: Path, encoding: str) -> None:
    report = table(tmp_path, "id,word\n1,tree\n2,Ä\n".encode(encoding))
    assert (report["problems"], report["recorded"][0]["value"]) == ([], encoding)

"""What is copied from a page is right wherever it is put."""

import ast
import itertools
import shlex
from urllib.parse import parse_qs, urlsplit

import yaml

from couchreg.web.snippets import Cited, bibtex, citation_cff, fetching, publishing, ris, uses

BASE = "http://localhost:1"
TABLE = 'a "b"; import os'


def test_python_is_python_and_a_shell_sees_plain_words() -> None:
    found = {
        one.label: one.text
        for one in uses(BASE, "gdp", "2026", [(TABLE, f"{BASE}/gdp/2026/x", f"{BASE}/-/parquet/x.parquet")])
    }
    for label in ("Python", "pandas", "polars"):
        assert len(ast.parse(found[label]).body) == 2
    assert shlex.split(found["couchreg"]) == ["couchreg", "install", "gdp@2026", "--registry", BASE]
    asked = urlsplit(found["R"].removeprefix('table <- read.csv("').removesuffix('")'))
    assert parse_qs(asked.query)["q"] == ['SELECT * FROM "gdp@2026"."a ""b""; import os"']
    assert found["SQL on this registry"] == 'SELECT * FROM "gdp@2026"."a ""b""; import os" LIMIT 10'


def test_without_parquet_the_data_is_read() -> None:
    found = uses(BASE, "gdp", "2026", [("gdp", f"{BASE}/gdp/2026/gdp", "")])
    assert found[-1].text.endswith(f'read_csv("{BASE}/gdp/2026/gdp")')


def test_a_download_that_goes_on_has_a_place_of_its_own() -> None:
    """Where it did not, the rest of one file would be put behind the beginning of another."""
    places = []
    for name, version, path in itertools.product(
        ("a", "a-1"), ("1", "1-1"), ("x.csv", "d/x.csv", "d-x 'y'.csv")
    ):
        words = shlex.split(fetching(BASE, name, version, "r", [path])[-1].text)
        assert words[:4] == ["curl", "-fL", "-C", "-"]
        places.append(words[words.index("-o") + 1])
        assert places[-1].endswith(f"/{path}")
    assert len(set(places)) == len(places)


CITED = Cited(
    "gdp", "2026", "Costs of R&D_x {100%}\n\\input{x}", ["Ann\nTY  - BOOK"], "2026", f"{BASE}/gdp/2026"
)


def test_who_publishes_with_the_command_is_named_as_a_word_of_the_shell() -> None:
    assert publishing("http://a", "o'brien; ls").endswith("--user 'o'\"'\"'brien; ls'")
    assert publishing("http://a").splitlines()[-1] == 'couchreg publish . --registry http://a --user "$USER"'
    assert (
        publishing("http://a", is_new=True).splitlines()[0] == 'couchreg adduser "$USER" --registry http://a'
    )


def test_tex_sees_no_command_of_a_title() -> None:
    entry = bibtex(CITED)
    assert r"title = {Costs of R\&D\_x \{100\%\} \textbackslash input\{x\}}," in entry
    assert entry.count("\n") == 6


def test_no_text_begins_a_line_of_ris() -> None:
    assert [line[:6] for line in ris(CITED).splitlines()] == [
        "TY  - ",
        "TI  - ",
        "AU  - ",
        "PY  - ",
        "ET  - ",
        "UR  - ",
        "ER  - ",
    ]


def test_a_citation_file_is_yaml_with_texts_that_are_texts() -> None:
    found = yaml.safe_load(citation_cff(CITED))
    assert found["title"] == "Costs of R&D_x {100%} \\input{x}"
    assert found["authors"] == [{"name": "Ann TY - BOOK"}]
    assert found["version"] == "2026"
    assert "authors" not in yaml.safe_load(citation_cff(CITED._replace(authors=[], title='"]: x')))


def test_what_is_large_is_fetched_by_plain_words() -> None:
    name = "$(x) 'y'.csv"
    found = [one.text for one in fetching(BASE, "gdp", "2026", "a b", [f"data/{name}"])]
    assert shlex.split(found[1])[:3] == ["couchreg", "cat", "gdp@2026/a b"]
    assert shlex.split(found[2])[5:] == [
        "-o",
        f"gdp@2026/data/{name}",
        f"{BASE}/gdp/2026/data/%24%28x%29%20%27y%27.csv",
    ]

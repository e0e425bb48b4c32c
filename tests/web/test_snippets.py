"""What is copied from a page is right wherever it is put."""

import ast
import shlex

from couchreg.web.snippets import Cited, bibtex, ris, uses

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
    assert found["SQL on this registry"] == 'SELECT * FROM "gdp@2026"."a ""b""; import os" LIMIT 10'


def test_without_parquet_the_data_is_read() -> None:
    found = uses(BASE, "gdp", "2026", [("gdp", f"{BASE}/gdp/2026/gdp", "")])
    assert found[-1].text.endswith(f'read_csv("{BASE}/gdp/2026/gdp")')


CITED = Cited(
    "gdp", "2026", "Costs of R&D_x {100%}\n\\input{x}", ["Ann\nTY  - BOOK"], "2026", f"{BASE}/gdp/2026"
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

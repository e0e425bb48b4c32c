"""What a reader copies: how to use a version, and how to cite it."""

import json
import re
import shlex
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import quote


class Snippet(NamedTuple):
    label: str
    text: str


class Cited(NamedTuple):
    """What a citation says."""

    name: str
    version: str
    title: str
    authors: Sequence[str]
    year: str
    url: str


def uses(base: str, name: str, version: str, tables: Sequence[tuple[str, str, str]]) -> list[Snippet]:
    """For a version. `tables` are its resources with the addresses of their data and of their Parquet files,
    empty where there are none. Names of packages and versions need no quotes in a shell."""
    package = _text(f"{base}/{name}/{version}")
    found = [
        Snippet("couchreg", f"couchreg install {name}@{version} --registry {base}"),
        Snippet("curl", f"curl -L {base}/{name}/{version} -o datapackage.json"),
        Snippet("Python", f"from frictionless import Package\n\npackage = Package({package})"),
        Snippet(
            "JavaScript", f"const answer = await fetch({package});\nconst descriptor = await answer.json();"
        ),
        Snippet("PouchDB, with its files", _pouchdb(base, name, version)),
    ]
    for resource, data, parquet in tables[:1]:
        if parquet:
            found += _of_table(base, f'"{name}@{version}".{_quoted(resource)}', _text(parquet))
        elif data:
            found.append(Snippet("R", f"table <- read.csv({_text(data)})"))
            found.append(Snippet("pandas", f"import pandas as pd\n\ntable = pd.read_csv({_text(data)})"))
    return found


def _pouchdb(base: str, name: str, version: str) -> str:
    ids = json.dumps([name, f"{name}@{version}"])
    return (
        'import PouchDB from "pouchdb";\n\nconst mirror = new PouchDB("mirror");\n'
        f"await mirror.replicate.from({_text(f'{base}/_couch/registry')}, {{ doc_ids: {ids} }});"
    )


def publishing(base: str, user: str = "", *, is_new: bool = False) -> str:
    """How the folder that one is in is published with the command, which asks for the password; with
    `is_new`, an account is made before. Who is no `user` yet is called as at their own computer."""
    name = shlex.quote(user) if user else '"$USER"'
    account = [f"couchreg adduser {name} --registry {base}"] if is_new else []
    return "\n".join([*account, "couchreg init .", f"couchreg publish . --registry {base} --user {name}"])


def fetching(base: str, name: str, version: str, resource: str, paths: Sequence[str]) -> list[Snippet]:
    """How a large resource is had: whole, with a download that goes on where it broke off, or piece by
    piece. `paths` are its files, of which the first is shown. It gets a place that no other version and no
    other file has: what goes on where another file ended makes one of both, and nothing tells. Errors are
    not written (`-f`), for the same reason."""
    address = shlex.quote(f"{name}@{version}/{resource}")
    found = [
        Snippet(
            "couchreg, into a folder, going on where it was interrupted",
            f"couchreg install {name}@{version} --registry {base}",
        ),
        Snippet("couchreg, as it comes", f"couchreg cat {address} --registry {base} | head"),
    ]
    for path in paths[:1]:
        url, file = f"{base}/{name}/{version}/{quote(path)}", shlex.quote(f"{name}@{version}/{path}")
        found.append(
            Snippet(
                "curl, going on where it was interrupted",
                f"curl -fL -C - --create-dirs -o {file} {url}",
            )
        )
    return found


def _of_table(base: str, table: str, address: str) -> list[Snippet]:
    remote = "'" + address.strip('"').replace("'", "''") + "'"
    rows = "SELECT * FROM {}"  # is text to be copied, and runs nowhere here
    asked = "SELECT * FROM {} LIMIT 10"
    # R reads no Parquet by itself, and data may be Excel or have other delimiters: it gets CSV of the table.
    table_of_r = _text(f"{base}/-/sql?q={quote(rows.format(table), safe='')}&format=csv")
    return [
        Snippet("pandas", f"import pandas as pd\n\ntable = pd.read_parquet({address})"),
        Snippet("polars", f"import polars as pl\n\ntable = pl.read_parquet({address})"),
        Snippet("R", f"table <- read.csv({table_of_r})"),
        Snippet("DuckDB", asked.format(f"read_parquet({remote})")),
        Snippet("SQL on this registry", asked.format(table)),
    ]


def _text(address: str) -> str:
    return '"' + address.replace("\\", "%5C").replace('"', "%22") + '"'


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def bibtex(cited: Cited) -> str:
    """An entry of BibTeX's type `misc`, which every style knows."""
    key = re.sub(r"[^A-Za-z0-9]+", "-", f"{cited.name}-{cited.version}").strip("-")
    members = {
        "title": cited.title or cited.name,
        "author": " and ".join(cited.authors),
        "year": cited.year,
        "version": cited.version,
        "howpublished": f"\\url{{{cited.url}}}",
    }
    lines = [
        f"  {name} = {{{value if name == 'howpublished' else _tex(value)}}},"
        for name, value in members.items()
        if value
    ]
    return "\n".join([f"@misc{{{key},", *lines, "}"])


def ris(cited: Cited) -> str:
    """An entry of RIS, of its type for data files."""
    lines = [("TY", "DATA"), ("TI", cited.title or cited.name), *(("AU", one) for one in cited.authors)]
    lines += [("PY", cited.year), ("ET", cited.version), ("UR", cited.url)]
    return "\n".join(f"{tag}  - {_line(value)}" for tag, value in lines if value) + "\nER  - "


def citation_cff(cited: Cited) -> str:
    """A file CITATION.cff. Each text stands in quotes as JSON has them, which YAML reads alike."""
    lines = [("cff-version", "1.2.0"), ("message", "Please cite this data package."), ("type", "dataset")]
    lines += [("title", cited.title or cited.name), ("version", cited.version), ("url", cited.url)]
    found = [f"{name}: {json.dumps(_line(value))}" for name, value in lines]
    authors = [f"  - name: {json.dumps(_line(one))}" for one in cited.authors]
    return "\n".join([*found, *(["authors:", *authors] if authors else [])])


def _line(text: str) -> str:
    return " ".join(text.split())


def _tex(text: str) -> str:
    """A text in which TeX sees no command and no end of the member."""
    signs = {"\\": r"\textbackslash ", "{": r"\{", "}": r"\}", **{sign: f"\\{sign}" for sign in "&%$#_"}}
    return "".join(signs.get(sign, sign) for sign in _line(text))

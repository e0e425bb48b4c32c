"""Each room and each wing has a sign at its door, the docstring of its `__init__`: what it owns, what it does
not, and who comes in. Who comes in is what the imports say."""

import ast
import re
from itertools import takewhile
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[2] / "couchreg"
PACKAGES = sorted(path.parent.relative_to(ROOT).as_posix() for path in ROOT.rglob("__init__.py"))
ROOMS = [package for package in PACKAGES if package != "."]
NAME = re.compile(r"`([\w/]+)`")


def sign_of(package: str) -> str:
    doc = ast.get_docstring(ast.parse((ROOT / package / "__init__.py").read_text("utf-8")))
    return " ".join((doc or "").split())


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("couchreg", cache_dir=None)


def named(importer: list[str], package: list[str]) -> str:
    """How a sign calls a module: by its room or its door, and in its own room by where the ways part."""
    depth = 2 if importer[0] == "http" and len(importer) > 1 else 1
    if importer[:depth] != package[:depth]:
        return "/".join(importer[:depth])
    pairs = zip(importer, package[:-1], strict=False)
    return importer[sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))]


def who_comes_in(graph: grimp.ImportGraph, package: str) -> set[str]:
    below = f"couchreg.{package.replace('/', '.')}"
    inside = {below, *graph.find_descendants(below)}
    importers = set().union(*(graph.find_modules_that_directly_import(module) for module in inside)) - inside
    return {named(one.split(".")[1:], package.split("/")) for one in importers - {"couchreg"}}


@pytest.mark.parametrize("package", ROOMS)
def test_a_sign_tells_what_its_room_owns_and_what_not(package: str) -> None:
    sign = sign_of(package)
    assert re.search(r"\b[Oo]wns\b", sign)
    assert re.search(r"\bnot own\b|\bKnows\b|\bknows (nothing|no)\b|Owns no", sign)
    assert sign.count("Comes in: ") == 1


@pytest.mark.parametrize("package", ROOMS)
def test_a_sign_tells_who_comes_in(graph: grimp.ImportGraph, package: str) -> None:
    told = sign_of(package).partition("Comes in: ")[2].partition(".")[0]
    if told != "everybody":
        assert set(NAME.findall(told)) == who_comes_in(graph, package)

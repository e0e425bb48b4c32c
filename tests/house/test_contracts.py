"""Each import contract of pyproject.toml holds, and fails as soon as an arrow that it forbids is drawn."""

import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from itertools import combinations, permutations
from pathlib import Path
from typing import Any

import grimp
import pytest
from importlinter.application.use_cases import read_user_options
from importlinter.configuration import configure
from importlinter.contracts.forbidden import ForbiddenContract
from importlinter.contracts.independence import IndependenceContract
from importlinter.contracts.layers import LayersContract
from importlinter.contracts.protected import ProtectedContract
from importlinter.domain.contract import Contract

CONFIG = Path(__file__).parents[2] / "pyproject.toml"
TYPES: dict[str, type[Contract]] = {
    "layers": LayersContract,
    "forbidden": ForbiddenContract,
    "independence": IndependenceContract,
    "protected": ProtectedContract,
}

configure()
OPTIONS = read_user_options(str(CONFIG))
CONTRACTS = {options["id"]: options for options in OPTIONS.contracts_options}


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("couchreg", include_external_packages=True, cache_dir=None)


def kept(graph: grimp.ImportGraph, options: dict[str, Any]) -> bool:
    contract = TYPES[options["type"]](options["name"], OPTIONS.session_options, options)
    return bool(contract.check(deepcopy(graph), verbose=False).kept)


@contextmanager
def drawn(graph: grimp.ImportGraph, importer: str, imported: str) -> Iterator[None]:
    """A graph with one arrow more, and then as it was: a copy for each takes longer than to check it."""
    modules = graph.modules
    assert not {importer, imported} <= modules or not graph.direct_import_exists(
        importer=importer, imported=imported
    )
    graph.add_import(importer=importer, imported=imported)
    yield
    graph.remove_import(importer=importer, imported=imported)
    for module in graph.modules - modules:
        graph.remove_module(module)


def forbidden_arrows(options: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(importer, imported), as many as the words of a contract forbid by themselves."""
    match options["type"]:
        case "layers":
            layers = [re.split(r"\s*[|:]\s*", layer) for layer in options["layers"]]
            [container] = options["containers"]
            for upper, lower in combinations(layers, 2):
                yield from ((f"{container}.{low}", f"{container}.{up}") for low in lower for up in upper)
            for layer in (text for text in options["layers"] if "|" in text):
                siblings = [f"{container}.{one}" for one in re.split(r"\s*\|\s*", layer)]
                yield from permutations(siblings, 2)
        case "forbidden":
            for source in options["source_modules"]:
                yield from ((source, module) for module in options["forbidden_modules"])
        case "independence":
            yield from permutations(options["modules"], 2)
        case "protected":
            yield from (("couchreg.errors", module) for module in options["protected_modules"])


@pytest.mark.parametrize("name", CONTRACTS)
def test_a_contract_holds_until_a_forbidden_arrow_is_drawn(graph: grimp.ImportGraph, name: str) -> None:
    options = CONTRACTS[name]
    assert kept(graph, options)
    arrows = list(forbidden_arrows(options))
    assert arrows
    unnoticed = []
    for importer, imported in arrows:
        with drawn(graph, importer, imported):
            if kept(graph, options):
                unnoticed.append((importer, imported))
    assert unnoticed == []


def test_every_contract_is_tried() -> None:
    written = tomllib.loads(CONFIG.read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    assert [contract["id"] for contract in written] == list(CONTRACTS)


def test_the_picture_of_the_wings_is_that_of_the_contracts() -> None:
    design = (CONFIG.parent / "couchreg" / "DESIGN.md").read_text("utf-8")
    picture = design.partition("imports point down:")[2].split("```")[1].replace("\n ", " ")
    drawn = {}
    for line in picture.strip().splitlines():
        container, chain = re.sub(r"\(.*?\)", "", line).split(maxsplit=1)
        drawn[container] = [set(re.findall(r"\w+", layer)) for layer in chain.split(">")]
    layers = [options for options in CONTRACTS.values() if options["type"] == "layers"]
    told = {
        options["containers"][0].partition(".")[2].replace(".", "/"): [
            set(re.findall(r"\w+", layer)) for layer in options["layers"]
        ]
        for options in layers
    }
    del told[""]  # the rooms, which are drawn by themselves
    assert drawn == told

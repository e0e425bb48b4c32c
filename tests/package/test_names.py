"""Names of packages and versions, and the ids made of them."""

import pytest

from couchreg.errors import BadRequest
from couchreg.http.registry.frame.schemas import PATHS
from couchreg.package import names
from couchreg.package.layout import package_key

LONGEST = "x" * names.MAX_NAME


def test_package_names() -> None:
    for name in ("gdp", "co2-ppm", "a.b_c", "0", "x" * 150):
        names.check_package_name(name)
    for name in ("", "A", "-a", ".a", "_a", "a/b", "a b", "é", "a@b", "x" * 151, "a\n"):
        with pytest.raises(BadRequest, match="cannot be called"):
            names.check_package_name(name)
    for name in ("search", "adduser", "owner", "api", "latest"):
        assert not names.is_package_name(name)
        with pytest.raises(BadRequest, match="reserved"):
            names.check_package_name(name)


def test_version_names() -> None:
    for version in ("1.0.0", "2026", "2023-03-30", "v2.1-beta+build_7", "draft"):
        names.check_version(version)
    for version in ("", "-1", "1/2", "1 2", ".1", "é", "1" * 151, "1\n"):
        with pytest.raises(BadRequest, match="cannot be"):
            names.check_version(version)
    with pytest.raises(BadRequest, match="reserved"):
        names.check_version("latest")


@pytest.mark.parametrize(
    ("doc_id", "pair"),
    [
        ("gdp@2026", ("gdp", "2026")),
        (f"{LONGEST}@{LONGEST}", (LONGEST, LONGEST)),
        (f"{LONGEST}x@1", None),
        (f"gdp@{LONGEST}1", None),
        ("gdp", None),
        ("gdp@", None),
        ("@1", None),
        ("gdp@1@2", None),
        ("search@1", None),
        ("gdp@latest", None),
        ("Gdp@1", None),
    ],
)
def test_ids_of_versions(doc_id: str, pair: tuple[str, str] | None) -> None:
    """One rule says which documents are versions, wherever that is asked."""
    assert names.split_version_id(doc_id) == pair
    assert (package_key(doc_id, "a.csv") is not None) == (pair is not None)
    if pair:
        assert names.version_id(*pair) == doc_id


def test_the_package_a_document_is_about() -> None:
    assert names.split_wanted("gdp@1") == ("gdp", "1")
    assert names.split_wanted("gdp") == ("gdp", "latest")
    assert names.split_wanted("gdp@") == ("gdp", "")
    assert names.package_of("gdp@2026") == names.package_of("gdp") == "gdp"
    for other in ("_design/x", "gdp@", "latest", "Gdp"):
        assert names.package_of(other) is None


def test_the_description_of_the_door_says_the_same() -> None:
    for parameter in ("name", "version", "old", "new"):
        assert PATHS[parameter]["maxLength"] == names.MAX_NAME
    assert PATHS["name"]["pattern"] == f"^{names.NAME_PATTERN}$"


@pytest.mark.parametrize(
    "name",
    [
        "gdp.",
        "con",
        "con.csv",
        "aux",
        "nul.2020.zip",
        "prn",
        "com1",
        "lpt9.txt",
        "robots.txt",
        "favicon.ico",
        "sitemap.xml",
        "apple-touch-icon-120x120.png",
        "index.html",
        "sw.js",
    ],
)
def test_names_that_others_ask_for_or_that_no_folder_can_have(name: str) -> None:
    assert not names.is_package_name(name)
    with pytest.raises(BadRequest, match=repr(name)):
        names.check_package_name(name)


@pytest.mark.parametrize("version", ["1.0.", "CON", "nul", "Aux.1", "lpt1"])
def test_versions_that_no_folder_can_have(version: str) -> None:
    assert not names.is_version(version)
    with pytest.raises(BadRequest, match=repr(version)):
        names.check_version(version)


@pytest.mark.parametrize("name", ["con-artists", "com10", "conference", "robots", "auxiliary.data", "a.con"])
def test_names_that_only_look_like_these(name: str) -> None:
    names.check_package_name(name)

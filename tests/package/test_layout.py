"""Where bytes lie: published packages as folders that a person can use, and nothing outside them."""

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchreg.blobstore.keys import is_valid
from couchreg.package.layout import (
    content_key,
    descriptor_key,
    is_descriptor,
    package_key,
    registry_layout,
)


@pytest.mark.parametrize(
    ("doc_id", "path", "key"),
    [
        ("gdp@2026", "data/gdp.csv", "gdp/2026/data/gdp.csv"),
        ("co2-ppm@1.0.0+build.5", "a b.csv", "co2-ppm/1.0.0+build.5/a b.csv"),
        ("a.b_c@2023-03-30", "\u00e9/\u4e2d.csv", "a.b_c/2023-03-30/\u00e9/\u4e2d.csv"),
    ],
)
def test_files_of_a_version_lie_in_its_folder(doc_id: str, path: str, key: str) -> None:
    assert registry_layout("registry")("registry", doc_id, path) == key
    assert registry_layout("registry")("other", doc_id, path) is None


@pytest.mark.parametrize(
    "doc_id",
    [
        "gdp",
        "@1",
        "gdp@",
        "Gdp@1",
        "gdp@../x",
        "gdp@1@2",
        "_design/x@1",
        "g/d@1",
        "gdp@1/2",
        "a" * 151 + "@1",
    ],
)
def test_other_documents_have_no_folder(doc_id: str) -> None:
    assert package_key(doc_id, "gdp.csv") is None


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/etc/passwd",
        "..",
        "../x",
        "a/../../x",
        "a//b",
        "a/",
        "./a",
        ".git/config",
        "a/.b",
        "a\\b",
        "a\0b",
        "a\nb",
        "C:x",
        "a?",
        "a*",
        'a"',
        "a|b",
        "a<b",
        "b>",
        " a",
        "a ",
        "a./b",
        "datapackage.json",
        "DataPackage.JSON",
        "datapackage.json/x",
        "x" * 201,
        "x/" * 500 + "x",
    ],
)
def test_unsafe_paths_have_no_place_in_a_folder(path: str) -> None:
    assert package_key("gdp@2026", path) is None


@given(st.text(max_size=30) | st.lists(st.sampled_from(["..", ".", "a", "", "~", "\\", "/"])).map("/".join))
def test_no_path_leaves_its_folder(path: str) -> None:
    key = package_key("gdp@2026", path)
    if key is not None:
        assert is_valid(key)
        assert PurePosixPath(key).parts[:2] == ("gdp", "2026")
        assert ".." not in PurePosixPath(key).parts
        assert not is_descriptor(key)


def test_descriptors_and_content_addresses() -> None:
    assert is_descriptor(descriptor_key("gdp", "2026"))
    assert not is_descriptor("gdp/2026/data/datapackage.json")
    assert content_key("ab" * 32) == "_blobs/ab/" + "ab" * 32
    assert is_valid(content_key("ab" * 32))
    assert is_valid(descriptor_key("a" * 150, "b" * 150))

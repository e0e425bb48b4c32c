"""Which version stands for a package, and what is said of the others."""

from typing import Any

import pytest

from couchreg.package.standing import Standing

VERSIONS = ["1.0.0", "1.1.0", "2.0.0-rc.1"]


@pytest.mark.parametrize(
    ("document", "current"),
    [
        ({}, "1.1.0"),
        ({"dist-tags": {"latest": "1.0.0"}}, "1.0.0"),
        ({"dist-tags": {"latest": "2.0.0-rc.1"}}, "2.0.0-rc.1"),
        ({"dist-tags": {"latest": "9"}}, "1.1.0"),
        ({"dist-tags": {"latest": ["1.0.0"]}}, "1.1.0"),
        ({"dist-tags": "1.0.0"}, "1.1.0"),
    ],
)
def test_the_current_version(document: dict[str, Any], current: str) -> None:
    assert Standing(document).current(VERSIONS) == current
    assert Standing(document).tags(VERSIONS)["latest"] == current


def test_what_is_yanked_is_not_offered() -> None:
    standing = Standing({"yanked": {"1.1.0": "wrong", "*": "no version"}, "dist-tags": {"a": "1.1.0"}})
    assert standing.tags(VERSIONS) == {"latest": "1.0.0"}
    assert standing.said("1.1.0") == {"yanked": "wrong"}
    assert (standing.warning("1.1.0"), standing.warning("1.0.0")) == ("yanked: wrong", None)
    assert Standing({"yanked": {"1": "x"}}).tags(["1"]) == {"latest": "1"}


def test_a_package_without_versions_has_none() -> None:
    assert Standing({"dist-tags": {"a": "1"}}).tags([]) == {}
    with pytest.raises(ValueError, match="empty"):
        Standing().current([])


def test_a_message_for_one_version_goes_before_the_one_for_all() -> None:
    standing = Standing({"deprecated": {"*": "old", "1.0.0": "wrong", "1.1.0": 7}})
    assert [standing.deprecated(version) for version in ("1.0.0", "1.1.0", "3")] == ["wrong", "old", "old"]

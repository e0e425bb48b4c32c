"""Which versions go together, found without a registry."""

from collections.abc import Collection, Mapping
from typing import Any

import pytest

from couchreg.client.errors import Missing, UsageError
from couchreg.client.resolving import Offer, Resolver, Versions

Packages = Mapping[str, Mapping[str, Mapping[str, str]]]  # name -> version -> dependencies

DIAMOND: Packages = {
    "top": {"1.0.0": {"left": "^1", "right": "*"}},
    "left": {"1.0.0": {"bottom": "^1"}, "1.1.0": {"bottom": "~1.2"}, "2.0.0": {}},
    "right": {"1.0.0": {"bottom": "<1.3"}},
    "bottom": {"1.0.0": {}, "1.2.0": {}, "1.2.5": {}, "1.3.0": {}, "2.0.0": {}},
}


class Offering:
    """A registry that only says what there is; the last version is the latest, unless tags say otherwise."""

    def __init__(
        self,
        packages: Packages,
        tags: Mapping[str, Mapping[str, str]] | None = None,
        yanked: Collection[tuple[str, str]] = (),
    ) -> None:
        self.packages, self.tags, self.yanked = packages, tags or {}, yanked
        self.asked: list[str] = []

    async def offered(self, name: str) -> Versions:
        self.asked.append(name)
        if name not in self.packages:
            raise Missing(f"There is no package {name}.")
        versions = list(self.packages[name])
        tags = self.tags.get(name, {"latest": versions[-1]})
        return {
            version: Offer(
                tuple(tag for tag, to in tags.items() if to == version),
                "not this one" if (name, version) in self.yanked else None,
            )
            for version in versions
        }

    async def descriptor(self, name: str, version: str) -> dict[str, Any]:
        return {"name": name, "version": version, "dataDependencies": dict(self.packages[name][version])}


async def resolved(
    packages: Packages,
    roots: Mapping[str, str],
    kept: Mapping[str, str] | None = None,
    tags: Mapping[str, Mapping[str, str]] | None = None,
    yanked: Collection[tuple[str, str]] = (),
) -> dict[str, str]:
    found = await Resolver(Offering(packages, tags, yanked), kept or {}).resolve(roots)
    return {name: descriptor["version"] for name, descriptor in found.items()}


async def test_one_version_of_each_satisfies_all_who_ask_for_it() -> None:
    assert await resolved(DIAMOND, {"top": "*"}) == {
        "top": "1.0.0",
        "left": "1.1.0",
        "right": "1.0.0",
        "bottom": "1.2.5",
    }


@pytest.mark.parametrize(
    ("wanted", "version"),
    [
        ("*", "2.0.0"),
        ("latest", "2.0.0"),
        ("1.2.0", "1.2.0"),
        ("^1", "1.3.0"),
        (">=1.2 <1.3", "1.2.5"),
        ("2.0.0 || 1.0.0", "2.0.0"),
    ],
)
async def test_a_version_a_tag_or_a_range(wanted: str, version: str) -> None:
    assert await resolved(DIAMOND, {"bottom": wanted}) == {"bottom": version}


async def test_the_tag_latest_wins_over_the_highest_version_where_nothing_else_is_said() -> None:
    tags = {"bottom": {"latest": "1.2.0", "next": "2.0.0"}}
    assert await resolved(DIAMOND, {"bottom": "*"}, tags=tags) == {"bottom": "1.2.0"}
    assert await resolved(DIAMOND, {"bottom": "next"}, tags=tags) == {"bottom": "2.0.0"}
    assert await resolved(DIAMOND, {"bottom": ">=1"}, tags=tags) == {"bottom": "2.0.0"}


async def test_what_was_installed_stays_while_it_fits() -> None:
    kept = {"bottom": "1.2.0", "left": "2.0.0"}
    found = await resolved(DIAMOND, {"top": "*"}, kept)
    assert (found["bottom"], found["left"]) == ("1.2.0", "1.1.0")


async def test_packages_may_depend_on_each_other() -> None:
    circle = {"a": {"1": {"b": "*"}}, "b": {"1": {"a": "*"}}}
    assert await resolved(circle, {"a": "*"}) == {"a": "1", "b": "1"}


async def test_contradicting_ranges_name_who_asks() -> None:
    packages = {
        "a": {"1": {"c": "^1"}},
        "b": {"1": {"c": "^2"}},
        "c": {"1.0.0": {}, "2.0.0": {}},
    }
    with pytest.raises(UsageError) as refused:
        await resolved(packages, {"a": "*", "b": "*"})
    assert "No version of c satisfies" in refused.value.reason
    assert "^1 for a@1" in refused.value.reason
    assert "^2 for b@1" in refused.value.reason
    assert "there are 1.0.0, 2.0.0" in refused.value.reason


async def test_a_range_without_a_version_names_those_there_are() -> None:
    with pytest.raises(Missing, match=r"No version of bottom satisfies \^7; there are 1\.0\.0, 1\.2\.0"):
        await resolved(DIAMOND, {"bottom": "^7"})


async def test_what_is_missing_names_who_needs_it() -> None:
    with pytest.raises(Missing, match=r"There is no package b\. a@1 needs it\."):
        await resolved({"a": {"1": {"b": "*"}}}, {"a": "*"})


async def test_choices_that_exclude_each_other_in_turns_end() -> None:
    """Each version of b makes a choose the other one."""
    packages = {
        "a": {"1.0.0": {"b": "2.0.0"}, "2.0.0": {"b": "1.0.0"}},
        "b": {"1.0.0": {"a": "1.0.0"}, "2.0.0": {"a": "2.0.0"}},
    }
    with pytest.raises(UsageError, match="No combination of versions was found"):
        await resolved(packages, {"b": "*"})


async def test_each_package_is_asked_for_once() -> None:
    offer = Offering(DIAMOND)
    await Resolver(offer, {}).resolve({"top": "*"})
    assert sorted(offer.asked) == ["bottom", "left", "right", "top"]


async def test_a_yanked_version_is_for_those_who_name_or_have_it() -> None:
    yanked = [("bottom", "1.2.5")]
    assert (await resolved(DIAMOND, {"top": "*"}, yanked=yanked))["bottom"] == "1.2.0"
    assert (await resolved(DIAMOND, {"top": "*"}, {"bottom": "1.2.5"}, yanked=yanked))["bottom"] == "1.2.5"
    assert await resolved(DIAMOND, {"bottom": "1.2.5"}, yanked=yanked) == {"bottom": "1.2.5"}
    pinned = {"top": "*", "bottom": "1.2.5"}
    assert (await resolved(DIAMOND, pinned, yanked=yanked))["bottom"] == "1.2.5"
    every = [("bottom", version) for version in DIAMOND["bottom"]]
    with pytest.raises(Missing, match=r"yanked \(2\.0\.0: not this one\).*ask for bottom@2\.0\.0"):
        await resolved(DIAMOND, {"bottom": "*"}, yanked=every)

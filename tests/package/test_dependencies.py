"""Dependencies as a descriptor states them."""

from couchreg.package.dependencies import LONGEST, stated_dependencies


def test_what_has_another_shape_is_none() -> None:
    long = "x" * (LONGEST + 1)
    members = {"dataDependencies": {"gdp": "^1", "a": 1, "b": None, long: "1", "c": long}}
    assert stated_dependencies(members) == {"gdp": "^1"}
    for other in ([], "gdp", None, 7):
        assert stated_dependencies({"dataDependencies": other}) == {}

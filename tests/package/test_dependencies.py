"""Dependencies as a descriptor states them."""

from couchreg.package.dependencies import LONGEST, MOST, dependency_faults, stated_dependencies


def test_what_has_another_shape_is_none() -> None:
    long = "x" * (LONGEST + 1)
    members = {"dataDependencies": {"gdp": "^1", "a": 1, "b": None, long: "1", "c": long}}
    assert stated_dependencies(members) == {"gdp": "^1"}
    for other in ([], "gdp", None, 7):
        assert stated_dependencies({"dataDependencies": other}) == {}


def test_what_is_stated_wrongly_is_named() -> None:
    assert dependency_faults({}) == []
    assert dependency_faults({"dataDependencies": {"gdp": "^1"}}) == []
    for other in ([], "gdp", 7, ["gdp"]):
        [fault] = dependency_faults({"dataDependencies": other})
        assert "has to be an object of packages and ranges" in fault
    many = dependency_faults({"dataDependencies": {f"p{number}": number for number in range(100)}})
    assert (len(many), many[0].partition(":")[0]) == (MOST, "p0")

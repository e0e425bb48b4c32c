"""Which rule of `rewrites` a request meets, and where it leads."""

from typing import Any

import pytest

from couchreg.designdocs import rewrites
from couchreg.errors import Failure, NotFound


def sent(
    rule: dict[str, Any], path: str, query: dict[str, Any] | None = None, method: str = "GET"
) -> tuple[str, str]:
    rules = rewrites.rules_of([rule], secure=True)
    return rewrites.target_of(
        rules, method, [part for part in path.split("/") if part], list((query or {}).items())
    )


@pytest.mark.parametrize(
    ("rule", "path", "target"),
    [
        ({"from": "/a", "to": "_show/a"}, "a", "_show/a"),
        ({"from": "/a/:id", "to": "_show/a/:id"}, "a/x y", "_show/a/x+y"),
        ({"from": "/a/*", "to": "../../*"}, "a/b/c", "../../b/c"),
        ({"from": "/a/*", "to": "_show/*/more"}, "a", "_show"),
        ({"to": "x"}, "whatever/it/is", "x"),
        ({"from": "/", "to": "x"}, "", "x"),
        ({"from": "/a", "to": "_show/:nobody"}, "a", "_show/undefined"),
        ({"from": "/:a/:a", "to": "_show/:a"}, "x/y", "_show/y"),
    ],
)
def test_paths(rule: dict[str, Any], path: str, target: str) -> None:
    assert sent(rule, path)[0] == target


@pytest.mark.parametrize("path", ["", "a/b", "b"])
def test_a_path_that_no_rule_has_is_missing(path: str) -> None:
    with pytest.raises(NotFound):
        sent({"from": "/a", "to": "x"}, path)


def test_rules_are_for_methods() -> None:
    rule = {"from": "a", "to": "x", "method": "PUT"}
    assert sent(rule, "a", method="PUT")[0] == "x"
    with pytest.raises(NotFound):
        sent(rule, "a")


@pytest.mark.parametrize(
    ("query", "given", "found"),
    [
        ({"key": [":k", 1]}, {}, "key=%5B%22v%22%2C1%5D&k=v"),
        ({"startkey": ":k"}, {}, "startkey=%22v%22&k=v"),
        ({"limit": 5, "descending": True}, {}, "limit=5&descending=true&k=v"),
        ({"name": ":other"}, {"other": "o"}, "name=o&other=o&k=v"),
        ({"name": "fixed"}, {"name": "mine"}, "name=fixed&k=v"),
        ({"name": "*"}, {}, "name=%2A&k=v"),
    ],
)
def test_queries(query: dict[str, Any], given: dict[str, Any], found: str) -> None:
    assert sent({"from": "/:k", "to": "x", "query": query}, "v", given)[1] == found


def test_formats() -> None:
    rule = {"from": "/:a/:b/:c", "to": "x", "query": {"key": [":a", ":b", ":c"]}}
    rule["formats"] = {"a": "int", "b": "bool", "c": "int"}
    assert sent(rule, "5/TRUE/6x")[1].startswith("key=%5B5%2Ctrue%2C%226x%22%5D")


def test_rules_that_are_none() -> None:
    with pytest.raises(Failure, match="invalid_rewrite_target"):
        rewrites.rules_of([{"from": "x"}], secure=True)
    far = [{"to": "../../../_users"}]
    with pytest.raises(Failure, match="too many"):
        rewrites.rules_of(far, secure=True)
    assert len(rewrites.rules_of(far, secure=False)) == 1


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("_show/x", "/a%2Fb/_design/d/_show/x"),
        ("../../x//./y", "/a%2Fb/x/y"),
        ("../../../../../_up", "/../../_up"),
        ("%2e%2e/x", "/a%2Fb/_design/d/%2e%2e/x"),
    ],
)
def test_paths_are_those_of_the_server(path: str, found: str) -> None:
    assert rewrites.joined("a/b", "d", path) == found


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (5, "bad rewrite"),
        ([], "bad rewrite"),
        ({"path": 5}, "bad path"),
        ({"path": "x", "method": 5}, "bad method"),
        ({"path": "x", "body": {}}, "bad body"),
        ({"path": "x", "headers": []}, "bad headers"),
        ({"path": "x", "query": {"a": 1}}, 'object key/value must be strings <<"a">>=1'),
        ({"code": 199}, "bad code"),
        ({"code": True}, "bad code"),
        ({"method": "GET"}, "Rewrite result must produce a new path."),
    ],
)
def test_answers_of_functions(answer: Any, reason: str) -> None:
    with pytest.raises(Failure) as caught:
        rewrites.check_answer(answer)
    assert (caught.value.error, caught.value.reason) == ("rewrite_error", reason)

"""What can be asked for, and what is wrong about what cannot."""

from typing import Any

import pytest

from couchreg.replication.endpoints import Wrong, parse_endpoint
from couchreg.replication.options import Cancel, parse, parse_request

ENDS = {"source": "http://x.org/a", "target": "http://x.org/b"}


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"source": None}, "Missing replicator database"),
        ({"source": "a"}, "local_endpoints_not_supported"),
        ({"source": {"url": 5}}, "endpoint has an invalid url"),
        ({"source": {"url": "ftp://x/y"}}, "endpoint has an invalid url"),
        ({"source": "http://x:99999/y"}, "endpoint has an invalid url"),
        ({"source": "http://x/y\r\nz"}, "endpoint has an invalid url"),
        ({"source": {"url": "http://x/y", "headers": {"a\r\nb": "c"}}}, "A header of an endpoint has a name"),
        (
            {"source": {"url": "http://x/y", "headers": {"a": "b\r\nc"}}},
            "A header of an endpoint has a value",
        ),
        ({"source": {"url": "http://x/y", "headers": {"Host": "z"}}}, "The header Host is not the user's"),
        ({"continuous": 1}, "parameter `continuous` must be a boolean"),
        ({"doc_ids": 5}, "parameter `doc_ids` must be an array"),
        ({"doc_ids": ["a"], "selector": {}}, "`doc_ids`,`filter`,`selector` are mutually exclusive"),
        ({"filter": "x"}, "Invalid filter. Must match `ddocname/filtername`."),
        ({"filter": "_view", "query_params": {"view": "q"}}, "Invalid `view` parameter."),
        ({"selector": {"$bad": 1}}, "Invalid operator: $bad"),
        ({"worker_processes": "x"}, "parameter `worker_processes` must be an integer"),
        ({"proxy": "socks5://x:1"}, "Proxies are reached by http and https here"),
        (
            {"proxy": "http://x", "source_proxy": "http://y"},
            "`proxy` is mutually exclusive with `source_proxy`",
        ),
    ],
)
def test_what_is_wrong_is_said(wrong: dict[str, Any], reason: str) -> None:
    with pytest.raises(Wrong) as caught:
        parse(ENDS | wrong)
    assert caught.value.reason.startswith(reason)


def test_ids_of_documents_are_unescaped_sorted_and_each_but_once() -> None:
    assert parse({**ENDS, "doc_ids": ["b", "a%20c", "b"]}).filter.doc_ids == ("a c", "b")


def test_numbers_may_be_texts_and_are_bounded() -> None:
    wanted = parse({**ENDS, "worker_batch_size": "7", "http_connections": 10**9})
    assert (wanted.batch_size, wanted.connections) == (7, 50)


def test_a_cancel_names_an_id_or_what_was_asked() -> None:
    assert parse_request({"cancel": True, "id": "abc continuous"}) == Cancel("abc+continuous", None)
    found = parse_request({**ENDS, "cancel": True})
    assert isinstance(found, Cancel)
    assert found.replication is not None


def test_nothing_secret_is_shown() -> None:
    end = parse_endpoint(
        {"url": "http://user:pa%40ss@x.org/a", "headers": {"X-Key": "topsecret"}},
        proxy="http://u:hidden@p.org",
    )
    assert end.credentials is not None
    assert (end.credentials.password, end.shown, end.shown_proxy) == (
        "pa@ss",
        "http://x.org/a/",
        "http://p.org",
    )
    assert not [word for word in ("pa@ss", "pa%40ss", "topsecret", "hidden") if word in repr(end)]

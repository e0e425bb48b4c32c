"""Heads that clients send with one header twice."""

from couchreg.http.couch.frame.listener import once

LINES = ["POST /db HTTP/1.1", "Host: h", "User-Agent: x", "Content-Length: 5", "User-Agent: x"]


def test_what_was_sent_twice_with_one_value_stands_once() -> None:
    head = "\r\n".join([*LINES, "", "hello"]).encode()
    assert once(head) == "\r\n".join([*LINES[:-1], "", "hello"]).encode()
    other = head.replace(b"User-Agent: x\r\n\r\n", b"User-Agent: y\r\n\r\n")
    assert once(other) == other


def test_a_head_that_goes_on_is_left_as_it_is() -> None:
    """Its last line may say something else in the end, and what comes is put behind the line before."""
    whole = "\r\n".join([*LINES, "", ""]).encode()
    for end in range(len(whole)):
        assert once(whole[:end]) == whole[:end]

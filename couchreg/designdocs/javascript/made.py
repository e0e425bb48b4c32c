"""What functions of design documents make, on its way from the process that runs them.

What is short comes as JSON in a line, and behind it what may be long, as it is: the JSON of a text may be six
times as long, and reading that keeps everybody waiting. `packed`, `packed_part` and `shortened` belong to the
child, `Made.read` and `read_part` to the server.
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from couchreg.designdocs.javascript.failures import BROKEN, said
from couchreg.errors import BadRequest
from couchreg.model import json

LONGEST: Final = 1 << 20  # bytes of a line: more than a command may log
OF_A_TEXT: Final = 64 << 10  # characters that are kept of one in a line that is too long
NO_BASE64: Final = "the function gave broken base64"
TOO_LONG: Final = f"the function gave more than {LONGEST >> 10} KB beside the body"
KEPT: Final = (
    "code",
    "headers",
    "method",
    "path",
    "query",
    "body",
)  # of a response; what else it has is not heeded
_KINDS: Final = ("json", "base64", "body")


class _Misshapen(Exception):
    """What came out of the engine is not what the project's own JavaScript makes."""


@dataclass(frozen=True, slots=True)
class Made:
    """What a show, update or rewrite function made.

    `response` is an object without its content, None where there is none, True for what is no object. `kind`
    is the name under which the content stood, "json", "base64" (it is decoded) or "body", or empty. `doc` is
    the JSON of the document to write, None without one.
    """

    response: Any
    kind: str = ""
    content: bytes = b""
    type: str | None = None  # what a show was made for
    doc: bytes | None = None

    @classmethod
    def read(cls, data: bytes) -> dict[str, Any]:
        """What `packed` has made, as `failures.said` reads the answers to other commands. Raises Failure."""
        line, _, rest = _lines(data)
        found = said(line)
        if "ok" in found:
            ok = found["ok"]
            size = ok["size"]
            doc = rest[:size] if "doc" in ok else None
            found["ok"] = cls(ok["response"], ok["kind"], rest[size:], ok.get("type"), doc)
        return found


def read_part(data: bytes) -> tuple[dict[str, Any], bytes]:
    """What `packed_part` has made: ``{head?}`` and the text. Raises Failure."""
    line, _, rest = _lines(data)
    return said(line), rest


def _lines(data: bytes) -> tuple[bytes, bytes, bytes]:
    return data.partition(b"\n")


# -- in the child


def packed(text: bytes) -> bytes:
    """The engine's answer to a show, an update or a rewrite, ``{response, type?, doc?}``, with document and
    content behind it."""
    return _tried(_packed, text)


def packed_part(text: bytes) -> bytes:
    """What a list hands over, `{text, head?}`, with the text behind it."""
    return _tried(_packed_part, text)


def shortened(text: bytes) -> bytes:
    """An answer of which nothing but what was thrown can be long: without the ends of its texts, if it is."""
    return text if len(text) <= LONGEST else _tried(_shortened, text)


def gave_up(why: str, word: str = "unknown_error") -> bytes:
    return json.encode({"error": [word, why]})


def _tried(make: Callable[[Any], bytes], text: bytes) -> bytes:
    try:
        made = make(json.decode_printed(text))
    except (_Misshapen, BadRequest):
        return gave_up(BROKEN)
    except ValueError:  # `binascii.Error` is one
        return gave_up(NO_BASE64, "render_error")
    return (
        made
        if made.find(b"\n", 0, LONGEST + 1) >= 0 or len(made) <= LONGEST
        else gave_up(TOO_LONG, "render_error")
    )


def _packed(answer: Any) -> bytes:
    if not isinstance(answer, dict):
        raise _Misshapen
    if "ok" not in answer:
        return _shortened(answer)
    ok = answer["ok"]
    if not isinstance(ok, dict) or "response" not in ok:
        raise _Misshapen
    kind, content, response = _parted(ok["response"])
    doc = b"" if ok.get("doc") is None else json.encode(ok["doc"])
    told = {"response": response, "kind": kind, "size": len(doc)}
    if doc:
        told["doc"] = True
    if isinstance(ok.get("type"), str):
        told["type"] = ok["type"]
    line = json.encode({"ok": told, "logs": answer["logs"]} if "logs" in answer else {"ok": told})
    return b"".join((line, b"\n", doc, content))


def _parted(response: Any) -> tuple[str, bytes, Any]:
    """Kind and bytes of the content of a response, and the rest of it."""
    if not isinstance(response, Mapping):
        return "", b"", None if response is None else True
    kind = next((name for name in _KINDS if name in response), "")
    rest = {name: value for name, value in response.items() if name in KEPT and name != kind}
    value = response.get(kind)
    if kind == "json":
        return kind, json.encode(value), rest
    if kind == "base64":
        return kind, base64.b64decode(str(value), validate=True), rest
    if kind == "body" and isinstance(value, str):
        return kind, value.encode("utf-8", "replace"), rest
    return "", b"", {**rest, kind: value} if kind else rest


def _packed_part(found: Any) -> bytes:
    if not isinstance(found, dict):
        raise _Misshapen
    text = found.get("text")
    line = json.encode({"head": found["head"]} if "head" in found else {})
    return b"".join((line, b"\n", text.encode("utf-8", "replace") if isinstance(text, str) else b""))


def _shortened(answer: Any) -> bytes:
    """Raises _Misshapen where that is not enough."""
    if not isinstance(answer, dict):
        raise _Misshapen
    made = json.encode(answer)
    if len(made) <= LONGEST:
        return made
    told = answer.get("error", answer.get("ok"))
    if not isinstance(told, list):
        raise _Misshapen
    most = OF_A_TEXT
    while len(made) > LONGEST and most:  # their escapes may be several times as long
        most //= 4
        made = json.encode(
            {**answer, "error" if "error" in answer else "ok": [_short(one, most) for one in told]}
        )
    if len(made) > LONGEST:
        raise _Misshapen
    return made


def _short(value: Any, most: int) -> Any:
    """A text, what else was thrown, or the refusal of a document."""
    if isinstance(value, dict) and "word" in value and set(value) <= {"word", "reason"}:
        return {name: _short(one, most) for name, one in value.items()}
    text = value if isinstance(value, str) else json.encode(value).decode()
    return value if len(text) <= most else text[:most] + "…"

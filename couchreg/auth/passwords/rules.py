"""What new passwords have to be like: `[chttpd_auth] password_regexp`, a list in Erlang's notation. Pure.

`[{".{10,}", "Ten characters at least."}, "\\\\d+"]`: every expression has to be found in the password.

Source: https://docs.couchdb.org/en/stable/config/auth.html#chttpd_auth/password_regexp
"""

import logging
from typing import NamedTuple

import regex

from couchreg.errors import BadRequest, Forbidden

log = logging.getLogger(__name__)

NOT_MET = "Password does not conform to requirements."
BROKEN = "Server cannot hash passwords at this time."
SECONDS = 0.5  # that one expression may take

_TEXT = r'"((?:[^"\\]|\\.)*)"'
_ITEM = regex.compile(rf"\s*(?:{_TEXT}|\{{\s*{_TEXT}\s*(?:,\s*{_TEXT}\s*)?\}})\s*", regex.DOTALL)
_ESCAPE = regex.compile(r"\\(.)", regex.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "s": " ", "e": "\x1b", "d": "\x7f"}


class PasswordRule(NamedTuple):
    expression: str
    reason: str  # what is said of a password in which it is not found


def check_password_rules(written: str, password: str) -> None:
    """Raises BadRequest for a password that a rule refuses, Forbidden for rules that cannot be read."""
    if written.strip() in ("", "[]"):
        return
    for rule in _parse(written):
        try:
            found = regex.search(rule.expression, password, timeout=SECONDS)
        except (regex.error, TimeoutError):
            raise _broken() from None
        if found is None:
            raise BadRequest(f"{NOT_MET} {rule.reason}".strip())


def _parse(written: str) -> list[PasswordRule]:
    text = written.strip()
    if text[:1] != "[" or text[-1:] != "]":
        raise _broken()
    rules, position, end = [], 1, len(text) - 1
    while position < end:
        item = _ITEM.match(text, position, end)
        if item is None or text[item.end()] not in ",]":
            raise _broken()
        plain, expression, reason = item.groups()
        rules.append(
            PasswordRule(_unescaped(plain if plain is not None else expression), _unescaped(reason or ""))
        )
        position = item.end() + 1
    return rules


def _unescaped(text: str) -> str:
    return str(_ESCAPE.sub(lambda found: _ESCAPED.get(found[1], found[1]), text))


def _broken() -> Forbidden:
    log.error("chttpd_auth/password_regexp is not a list of regular expressions")
    return Forbidden(BROKEN)

"""How values of settings are read, as text or as TOML has them: each raises ValueError for a wrong one."""

from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

Read = Callable[[Any], Any]


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a string")
    return value


def whole(least: int, most: int) -> Read:
    """A whole number from `least` to `most`, as a number or as its digits."""

    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ValueError(f"{value!r} is not a whole number")
        try:
            number = int(value)
        except ValueError:
            raise ValueError(f"{value!r} is not a whole number") from None
        if not least <= number <= most:
            raise ValueError(f"{number} is not between {least} and {most}")
        return number

    return read


def one_of(*choices: str) -> Read:
    def read(value: Any) -> str:
        if value not in choices:
            raise ValueError(f"{value!r} is not one of {', '.join(choices)}")
        return str(value)

    return read


def path(value: Any) -> Path:
    if isinstance(value, Path):
        return value
    if not text(value):
        raise ValueError("it is empty")
    return Path(value).expanduser()


def credentials(value: Any) -> str:
    """`name:password`; the sentence about a wrong one never repeats the password."""
    name, colon, password = value.partition(":") if isinstance(value, str) else ("", "", "")
    if not (name and colon and password):
        raise ValueError("it must be name:password")
    return str(value)


def http_url(value: Any) -> str:
    parts = urlsplit(text(value))
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise ValueError(f"{value!r} is not an http:// or https:// address")
    return text(value).rstrip("/")


def source(value: Any) -> str:
    """The address of a registry, with a login or without; the sentence about a wrong one never repeats it."""
    try:
        return http_url(value)
    except ValueError:
        raise ValueError("it is not an http:// or https:// address") from None


def doc_store(value: Any) -> str:
    """`sqlite`, or the address of a CouchDB; the sentence about a wrong one never repeats its login."""
    if value == "sqlite":
        return "sqlite"
    try:
        return http_url(value)
    except ValueError:
        raise ValueError("it is neither “sqlite” nor http(s)://user:password@host:port") from None


def blob_store(value: Any) -> str:
    """`directory`, or `s3://bucket` with an optional prefix behind it."""
    parts = urlsplit(text(value))
    if value == "directory" or (parts.scheme == "s3" and parts.netloc and not parts.query + parts.fragment):
        return text(value)
    raise ValueError(f"{value!r} is neither “directory” nor s3://bucket")


def s3_endpoint(value: Any) -> str:
    """A host, for https, or a whole address."""
    return http_url(value if "://" in text(value) else f"https://{value}")


def networks(value: Any) -> str:
    """Addresses and networks, as `127.0.0.1, 10.0.0.0/8, ::1`."""
    given = ",".join(value) if isinstance(value, list) else text(value)
    for part in filter(None, map(str.strip, given.split(","))):
        try:
            ip_network(part)
        except ValueError:
            raise ValueError(f"{part!r} is neither an address nor a network") from None
    return given


def origins(value: Any) -> str:
    """Origins of pages, as `https://app.example.org, http://localhost:3000`, or `*` for all."""
    given = ",".join(map(text, value)) if isinstance(value, list) else text(value)
    parts = [part.strip() for part in given.split(",") if part.strip()]
    for part in parts:
        found = urlsplit(part)
        bare = f"{found.scheme}://{found.netloc}" == part and "@" not in part
        if part != "*" and not (found.scheme in ("http", "https") and found.hostname and bare):
            raise ValueError(f"{part!r} is no origin: write http(s)://host or http(s)://host:port, or *")
    return ", ".join(parts)


def issuers(value: Any) -> str:
    """Addresses of issuers, as `https://token.actions.githubusercontent.com, https://gitlab.com`; on this
    machine http:// will do."""
    given = ",".join(map(text, value)) if isinstance(value, list) else text(value)
    parts = [part.strip() for part in given.split(",") if part.strip()]
    for part in parts:
        found = urlsplit(part)
        is_safe = found.scheme == "https" or found.hostname in ("localhost", "127.0.0.1", "::1")
        if not (found.scheme in ("http", "https") and found.hostname and is_safe) or "@" in found.netloc:
            raise ValueError(f"{part!r} is no https:// address")
        if found.query or found.fragment:
            raise ValueError(f"{part!r} is no issuer: it has neither a query nor a fragment")
    return ", ".join(parts)


def patterns(value: Any) -> str:
    """Patterns of names, as `gdp*, co2-ppm`."""
    given = ",".join(map(text, value)) if isinstance(value, list) else text(value)
    if len(given) > 10_000:
        raise ValueError("it is too long")
    return given

"""Templates into pages. Every value is escaped; a template that asks for what it was not given fails."""

import hashlib
import json
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from couchreg.web.showing import number, size

STYLE: Final = "style.css"
WORKER: Final = "offline-worker.js"  # answers for the registry where there is no network
SCRIPT: Final = "text/javascript; charset=utf-8"
STATIC: Final = {  # files, and their types
    STYLE: "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
    "publish.js": SCRIPT,
    "rest.js": SCRIPT,
    "sha256.js": SCRIPT,
    "offline.js": SCRIPT,
    "shelf.js": SCRIPT,
    WORKER: SCRIPT,
    "offline-pages.js": SCRIPT,
    "pouchdb.min.js": SCRIPT,
    "pouchdb.LICENSE.txt": "text/plain; charset=utf-8",
}


def render(template: str, /, **values: Any) -> bytes:
    """A page, of a template in `templates/`. `base` is the registry's address without a slash at its end.
    Half a character that no UTF-8 can hold becomes a question mark."""
    return _environment().get_template(template).render(values).encode("utf-8", "replace")


def prepare() -> None:
    """Read and compile all templates, for the first who asks. Blocking, a tenth of a second."""
    environment = _environment()
    for name in environment.list_templates(extensions=["html"]):
        environment.get_template(name)
    for name in STATIC:
        static_tag(name)


def static(name: str) -> bytes:
    """One of `STATIC`. Raises KeyError for any other name."""
    STATIC[name]
    return (files("couchreg.web") / "static" / name).read_bytes()


@lru_cache
def static_tag(name: str) -> str:
    """What changes when the file does: part of its address, so that a browser may keep it for good."""
    return hashlib.sha256(static(name)).hexdigest()[:16]


def data_block(value: Any) -> Markup:
    """JSON for a `<script>` that holds data: no text of it can end the element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)  # noqa: S704 - nothing in it is markup any more


@lru_cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("couchreg.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {"size": size, "number": number}
    environment.globals |= {"static_tag": static_tag, "style": STYLE}
    return environment

"""A README as HTML: Markdown (CommonMark with tables), in which HTML is text like any other.

Addresses may be those of the web, of mail, and of files beside the README; the library leaves out any other
scheme. Images of other hosts are links, since a page asks no other host for anything.

Source: https://spec.commonmark.org/.
"""

from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote, urlsplit

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markupsafe import Markup, escape

LONGEST: Final = 16_000  # characters: some shapes take the parser time that grows with their square
_DEEPEST: Final = 20


def readme_html(text: str, folder: str, name: str) -> Markup:
    """The HTML of a README called `name`; a long one ends with a link to the rest. `folder` is the address
    that file names are relative to, with a slash at its end."""
    shown = text[:LONGEST]
    if len(text) > LONGEST:
        shown = shown.rpartition("\n")[0] or shown
    html = _markdown().render(shown, {"folder": folder})
    if len(text) > LONGEST:
        html += f'<p><a href="{escape(folder + quote(name))}">The rest of it</a></p>'
    return Markup(html)  # noqa: S704 - the renderer has escaped what is written there


class _Renderer(RendererHTML):
    """Headings begin below those of the page; images of other hosts are links."""

    def heading_open(self, tokens: Any, idx: int, options: Any, env: Any) -> str:
        return f"<h{_level(tokens[idx])}>"

    def heading_close(self, tokens: Any, idx: int, options: Any, env: Any) -> str:
        return f"</h{_level(tokens[idx])}>"

    def image(self, tokens: Any, idx: int, options: Any, env: Any) -> str:
        token = tokens[idx]
        address = _address(str(token.attrs.get("src", "")), env["folder"])
        words = self.renderInlineAsText(token.children or [], options, env) or "image"
        if urlsplit(address).netloc and not address.startswith(env["folder"]):
            return f'<a href="{escape(address)}" rel="nofollow ugc">{escape(words)}</a>'
        return f'<img src="{escape(address)}" alt="{escape(words)}" loading="lazy">'

    def link_open(self, tokens: Any, idx: int, options: Any, env: Any) -> str:
        address = _address(str(tokens[idx].attrs.get("href", "")), env["folder"])
        return f'<a href="{escape(address)}" rel="nofollow ugc">'


def _level(token: Token) -> int:
    return min(6, int(token.tag[1:]) + 2)


def _address(written: str, folder: str) -> str:
    """Where an address leads from the page: names of files are those beside the README."""
    parts = urlsplit(written)
    if parts.scheme or parts.netloc or written.startswith(("#", "/")):
        return written
    return folder + quote(written, safe="/%#?=&.~-_")


@lru_cache
def _markdown() -> MarkdownIt:
    options = {"html": False, "linkify": False, "typographer": False, "maxNesting": _DEEPEST}
    found = MarkdownIt("commonmark", options, renderer_cls=_Renderer)
    return found.enable(["table", "strikethrough"])

"""How long an answer may be kept, and by whom.

A version never changes, so what an exact address gives may be kept for good: by anybody where anybody may
read it. What a dist-tag or a range leads to may be another version in a while. Where only some may read, they
are asked for their right each time.

Source: https://www.rfc-editor.org/rfc/rfc9111#name-cache-control, https://www.rfc-editor.org/rfc/rfc8246.
"""

from typing import Final

from couchreg.http.registry.frame.call import Call

YEAR: Final = 31_536_000  # seconds, and as good as for ever
SHORT: Final = 60  # seconds that a moving address may be behind


def cache_control(call: Call, *, pinned: bool) -> str:
    """The Cache-Control of an answer; `pinned`: its address names what never changes."""
    if not call.audience.is_everyone:
        return "private, no-cache"
    return f"public, max-age={YEAR}, immutable" if pinned else f"public, max-age={SHORT}"

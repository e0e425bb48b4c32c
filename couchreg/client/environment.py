"""The environment as the client and its commands know it. Nothing else of them reads it.

(A server reads its settings from the environment in `couchreg/config.py`, which knows these names only to
leave them alone.)
"""

import os
import sys
from pathlib import Path

REGISTRY, USER, PASSWORD, TOKEN = (
    "COUCHREG_REGISTRY",
    "COUCHREG_USER",
    "COUCHREG_PASSWORD",
    "COUCHREG_TOKEN",
)
CONFIG = "COUCHREG_CONFIG"  # the file that `couchreg login` writes
CACHE = "COUCHREG_CACHE"  # the folder in which installed files are kept
CACHE_LIMIT = "COUCHREG_CACHE_LIMIT"  # MiB
ID_TOKEN = "COUCHREG_ID_TOKEN"  # noqa: S105 — of the job in which this runs, from its provider
GITHUB_URL, GITHUB_TOKEN = "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
VARIABLES = (REGISTRY, USER, PASSWORD, TOKEN, CONFIG, CACHE, CACHE_LIMIT, ID_TOKEN)


def value(name: str) -> str | None:
    """What a variable is set to; None also for an empty one, as compose files write them."""
    return os.environ.get(name) or None


def cache_folder() -> Path:
    """`COUCHREG_CACHE`, else `couchreg` where this platform keeps caches."""
    named, home = value(CACHE), Path.home()
    if named:
        return Path(named).expanduser()
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "couchreg"
    if os.name == "nt":
        return Path(value("LOCALAPPDATA") or home / "AppData" / "Local") / "couchreg" / "cache"
    return Path(value("XDG_CACHE_HOME") or home / ".cache") / "couchreg"

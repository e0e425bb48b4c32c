"""No pattern takes a time that grows with the square of the text that it is held to, or faster.

Held to work and not to time: what a core does in some 0.1 s, measured here; the square of LENGTH takes more.
"""

import importlib
import pkgutil
import re
import time
from collections.abc import Iterator

import couchreg

LENGTH = 50_000
ALLOWED = 1_000_000  # rounds of a plain loop
BEGINNINGS = ("", "a", '"', "1.0")
UNITS = (
    *' a0\\"(<e+,/{]9;é',
    *("a@", "a.", "a-", "1.", "-1", "\t ", "%2", "a b", "ab:", "a;", "=,", "x-"),
)
END = "\x00"
SHORT = {  # those whose callers bound the text, and how long it may be
    "couchreg.package.versions._LOOSE": 256,
    "couchreg.package.versions._COMPARATOR": 256,
}


def patterns() -> Iterator[tuple[str, re.Pattern[str] | re.Pattern[bytes]]]:
    """All patterns that modules of the product hold, once each."""
    seen = set()
    for module in pkgutil.walk_packages(couchreg.__path__, "couchreg."):
        if module.name.endswith("__main__"):
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            for each in value if type(value) in (tuple, list) else (value,):
                if type(each).__name__ == "Pattern" and id(each) not in seen:
                    seen.add(id(each))
                    yield f"{module.name}.{name}", each


def texts(length: int) -> Iterator[str]:
    for unit in UNITS:
        for beginning in BEGINNINGS:
            yield beginning + unit * (length // len(unit)) + END


def work(pattern: re.Pattern[str] | re.Pattern[bytes], text: str) -> float:
    began = time.thread_time()
    if isinstance(pattern.pattern, bytes):
        pattern.fullmatch(text.encode())  # type: ignore[arg-type]
    else:
        pattern.fullmatch(text)  # type: ignore[call-overload]
    return time.thread_time() - began


def allowed() -> float:
    began = time.thread_time()
    found = {}
    for number in range(ALLOWED):
        found[number % 1000] = str(number)
    return time.thread_time() - began


def test_no_pattern_grows_with_the_square_of_its_text() -> None:
    found, most = [], allowed()
    for name, pattern in patterns():
        for text in texts(SHORT.get(name, LENGTH)):
            if work(pattern, text) > most and work(pattern, text) > allowed():
                found.append((name, text[:10]))
                break
    assert found == []

"""Texts by their meaning, where the optional extra `meaning` is installed.

The package `wordllama` brings a table of 32,000 pieces of words, each as a vector of 256 numbers, and how
texts are cut into them. A text is the mean of its pieces: no order of words, and no network of neurons, so
that a description takes a fraction of a millisecond. Only those two files are read: the package's own loader
looks for one of them in a folder that is not there, and then asks the network. English, mostly.
"""

import json
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

DIMENSIONS: Final = 256
NEAR: Final = 0.2  # cosine from which on a text counts as found
LONGEST: Final = 2_000  # characters that are read
MOST_PIECES: Final = 512
TOGETHER: Final = 8_192  # vectors that are compared at once
_WEIGHTS: Final = Path("weights/l2_supercat_256.safetensors")
_PIECES: Final = Path("tokenizers/l2_supercat_tokenizer_config.json")


@cache
def folder() -> Path | None:
    """Where the vectors are; None where the extra is not installed."""
    if any(find_spec(name) is None for name in ("numpy", "tokenizers", "wordllama")):
        return None
    found = find_spec("wordllama")
    for place in (found.submodule_search_locations or ()) if found else ():
        if all((Path(place) / name).is_file() for name in (_WEIGHTS, _PIECES)):
            return Path(place)
    return None


@cache
def _model() -> tuple[Any, Any]:
    """How texts are cut, and the table. Imported here, for the libraries are optional and start threads."""
    import numpy as np
    from tokenizers import Tokenizer

    place = folder()
    if place is None:
        raise FileNotFoundError("the extra “meaning” is not installed")
    pieces = Tokenizer.from_file(str(place / _PIECES))
    pieces.no_padding()
    pieces.no_truncation()
    with open(place / _WEIGHTS, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        told = json.loads(file.read(length))["embedding.weight"]
    if told["dtype"] != "F16" or told["shape"][1] != DIMENSIONS:
        raise ValueError("the vectors of wordllama are of another kind than this program knows")
    start = 8 + length + told["data_offsets"][0]
    table = np.memmap(place / _WEIGHTS, dtype="<f2", mode="r", offset=start, shape=tuple(told["shape"]))
    return pieces, np.asarray(table)  # what a `memmap` gives is one again, made at some cost


def vector(text: str) -> bytes:
    """What a text means, a byte for each dimension; nothing at all for one without words. Blocking."""
    import numpy as np

    pieces, table = _model()
    written = text[:LONGEST].encode("utf-8", "replace").decode()
    places = pieces.encode(written, add_special_tokens=False).ids[:MOST_PIECES]
    if not places:
        return b""
    mean = table[places].astype(np.float32).mean(axis=0)
    largest = float(abs(mean).max())
    return (mean * (127 / largest)).round().astype(np.int8).tobytes() if largest else b""


def nearest(wanted: bytes, given: Iterable[tuple[int, bytes]]) -> list[tuple[int, float]]:
    """Of these numbered vectors those that are near, the nearest first, with their cosines. Blocking."""
    found: list[tuple[int, float]] = []
    batch: list[tuple[int, bytes]] = []
    for one in given if wanted else ():
        batch.append(one)
        if len(batch) >= TOGETHER:
            found += _near(wanted, batch)
            batch.clear()
    found += _near(wanted, batch) if batch else []
    return sorted(found, key=lambda pair: (-pair[1], pair[0]))


def _near(wanted: bytes, given: Sequence[tuple[int, bytes]]) -> list[tuple[int, float]]:
    import numpy as np

    one = np.frombuffer(wanted, np.int8).astype(np.float32)
    all_of_them = np.frombuffer(b"".join(text for _, text in given), np.int8)
    table = all_of_them.reshape(-1, DIMENSIONS).astype(np.float32)
    cosines = (table @ one) / (np.linalg.norm(table, axis=1) * np.linalg.norm(one))
    return [(given[place][0], float(cosines[place])) for place in np.flatnonzero(cosines >= NEAR).tolist()]

"""Sort keys for `collation: raw`: the order of Erlang's terms, in which CouchDB keeps the JSON of keys. Pure.

Numbers < false < null < true < objects < arrays < strings; strings compare by their bytes.
"""

from typing import Any

from couchreg.model.collation import sort_key

_END, _ITEM = b"\x00", b"\x01"
_ATOMS = {False: b"\x11", None: b"\x12", True: b"\x13"}
_NUMBER, _OBJECT, _ARRAY, _STRING = b"\x10", b"\x20", b"\x30", b"\x40"


def raw_sort_key(value: Any) -> bytes:
    """Bytes that compare as Erlang compares the terms of two JSON values."""
    out: list[bytes] = []
    todo: list[Any] = [value]
    while todo:
        item = todo.pop()
        kind = type(item)
        if kind is bytes:
            out.append(item)
        elif kind is str:
            out += (_STRING, item.encode("utf-8", "surrogatepass").replace(b"\x00", b"\x00\x01"), b"\x00\x00")
        elif kind is dict:
            out.append(_OBJECT)
            todo.append(_END)
            for name, inner in reversed(item.items()):
                todo += (inner, name, _ITEM)
        elif kind in (list, tuple):
            out.append(_ARRAY)
            todo.append(_END)
            for inner in reversed(item):
                todo += (inner, _ITEM)
        elif kind is int or kind is float:
            out += (_NUMBER, sort_key(item))
        else:
            out.append(_ATOMS[item])
    return b"".join(out)

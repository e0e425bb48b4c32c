"""How files stand in the write-ahead log of a directory store: read up to the first that is not whole."""

import os
import struct
import zlib
from typing import NamedTuple

_MAGIC = b"couchreg.ahead.1"
_HEAD = struct.Struct("<16sQI")  # magic, generation, CRC of both
_RECORD = struct.Struct("<IHiI")  # a mark, lengths of key and data (-1: removed), CRC of these, key and data
_MARK = 0x6F636177


class LogRecord(NamedTuple):
    """The bytes under a key, or that there are none any more."""

    key: str
    data: bytes | None


def head(generation: int) -> bytes:
    """What a part of the log begins with: the later of two has the higher number."""
    return _HEAD.pack(_MAGIC, generation, _crc_of_head(generation))


def encoded(record: LogRecord) -> bytes:
    key, data = record.key.encode(), record.data or b""
    length = -1 if record.data is None else len(data)
    return b"".join((_RECORD.pack(_MARK, len(key), length, _crc(key, length, data)), key, data))


def read(descriptor: int) -> tuple[int, list[LogRecord]]:
    """The generation of a part, and what is in it."""
    size, at = os.fstat(descriptor).st_size, 0
    data = bytearray()
    while at < size and (chunk := os.pread(descriptor, 1 << 20, at)):
        data += chunk
        at += len(chunk)
    return decoded(bytes(data))


def decoded(data: bytes) -> tuple[int, list[LogRecord]]:
    """0 and nothing where there is no beginning."""
    if len(data) < _HEAD.size:
        return 0, []
    magic, generation, crc = _HEAD.unpack_from(data)
    if magic != _MAGIC or crc != _crc_of_head(generation):
        return 0, []
    records: list[LogRecord] = []
    at = _HEAD.size
    while at + _RECORD.size <= len(data):
        mark, key_length, length, crc = _RECORD.unpack_from(data, at)
        begin = at + _RECORD.size
        middle = begin + key_length
        end = middle + max(length, 0)
        key, content = data[begin:middle], data[middle:end]
        if mark != _MARK or length < -1 or end > len(data) or crc != _crc(key, length, content):
            break
        records.append(LogRecord(key.decode(), None if length < 0 else content))
        at = end
    return generation, records


def _crc(key: bytes, length: int, data: bytes) -> int:
    return zlib.crc32(data, zlib.crc32(key, length & 0xFFFFFFFF))


def _crc_of_head(generation: int) -> int:
    return zlib.crc32(generation.to_bytes(8, "little"), zlib.crc32(_MAGIC))

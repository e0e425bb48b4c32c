"""Which keys every blob store takes: relative paths that any file system and any S3 can hold.

Pure rules on text. What a key means (package, version, content address) is not known here.
"""

MAX_KEY_BYTES = 900  # S3 stops at 1024 bytes; some room is left for a bucket's own prefix
MAX_SEGMENT_BYTES = 200  # file systems stop at 255 bytes; temporary names must fit as well
_SPECIAL = frozenset(("", ".", ".."))


def is_valid(key: str) -> bool:
    """Whether `key` is a safe relative path: no empty, `.` or `..` segment, no leading slash,
    nothing unprintable, no backslash, and nothing hidden at the top, where stores keep their own."""
    try:
        encoded = key.encode()
    except UnicodeEncodeError:
        return False
    if not key.isprintable() or "\\" in key or key.startswith(".") or len(encoded) > MAX_KEY_BYTES:
        return False
    return all(
        part not in _SPECIAL and len(part.encode()) <= MAX_SEGMENT_BYTES and not part.isspace()
        for part in key.split("/")
    )

"""What `csv.Sniffer` guesses of delimiters, at once where a text has no quotes: it counts 127 characters in
each line, of which only those that may be delimiters are looked at afterwards. And what it guesses wrongly:
whether blanks behind delimiters belong to the cells.
"""

import csv
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

_CHUNK = 10  # lines that are looked at before others are
_PREFERRED = (",", "\t", ";", " ", ":")

_Mode = tuple[int, int]  # how often a character is in a line, and in how many more lines than not


def sniffed(sample: str, delimiters: str) -> str | None:
    """The delimiter; None where `csv.Sniffer` would raise csv.Error."""
    if '"' in sample or "'" in sample:
        try:
            return csv.Sniffer().sniff(sample, delimiters).delimiter
        except csv.Error:
            return None
    return _delimiter([line for line in sample.split("\n") if line], delimiters)


def has_blanks_before_quotes(sample: str, control: Any) -> bool:
    """Whether blanks stand between a delimiter and a cell in quotes, by the marks of a CSV control, so that
    the quotes are some only without the blanks."""
    delimiter, mark = str(control.delimiter or ""), str(control.quote_char or "")
    if not delimiter or not mark:
        return False
    quote, escape = re.escape(mark), re.escape(str(control.get_defined("escape_char", default="") or ""))
    escaped = rf"|{escape}." if escape else ""
    inside = f"{quote}(?:[^{quote}{escape}]|{quote}{quote}{escaped})*+{quote}"
    quoted = re.compile(inside, re.DOTALL)
    plain = re.compile(rf"(?:(?!{re.escape(delimiter)})[^\r\n])*+")
    behind = re.compile(rf" +{inside} *(?:{re.escape(delimiter)}|[\r\n]|\Z)", re.DOTALL)
    at = 0
    while at < len(sample):
        if sample.startswith(mark, at):
            found = quoted.match(sample, at)
            if found is None:
                return False
            at = found.end()
        found = plain.match(sample, at)
        at = found.end() if found else at
        if not sample.startswith(delimiter, at):
            at += 1  # the end of a row
            continue
        at += len(delimiter)
        if behind.match(sample, at):
            return True
    return False


def _delimiter(lines: Sequence[str], delimiters: str) -> str | None:
    """What most lines have equally often; all of them, if that can be."""
    counted: dict[str, Counter[int]] = {character: Counter() for character in delimiters}
    found: dict[str, _Mode] = {}
    for start in range(0, len(lines), _CHUNK):
        chunk = lines[start : start + _CHUNK]
        for character, counts in counted.items():
            counts.update([line.count(character) for line in chunk])
        found = found or _consistent(counted, min(start + _CHUNK, len(lines)))
        if len(found) == 1:
            return next(iter(found))
    if not found:
        return None
    preferred = [character for character in _PREFERRED if character in found]
    return preferred[0] if preferred else max((mode, character) for character, mode in found.items())[1]


def _consistent(counted: Mapping[str, Counter[int]], total: int) -> dict[str, _Mode]:
    modes = {character: _mode(counts) for character, counts in counted.items()}
    consistency = 1.0
    while consistency >= 0.9:
        found = {
            character: mode
            for character, mode in modes.items()
            if mode[0] > 0 and mode[1] > 0 and mode[1] / total >= consistency
        }
        if found:
            return found
        consistency -= 0.01
    return {}


def _mode(counts: Counter[int]) -> _Mode:
    often, lines = max(counts.items(), key=lambda item: item[1])
    return often, lines - (sum(counts.values()) - lines)

"""What is wrong with a package, grouped so that a person can read and act on it. Pure.

A problem is ``{resource, row, field, type, message}``: `resource` is a resource's name or None for
the package, `row` counts the rows of the table with the header as 1 (None where there is none), `field`
names a column (None likewise), and `type` is Frictionless's word for the kind of error where it has one.
Of every kind in a resource the first few are kept; the last of these carries `more`, the number of
those left out.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from couchreg.errors import InvalidPackage
from couchreg.model import json

KEPT = 5  # of each kind and resource
MAX_PROBLEMS = 1000
MAX_MESSAGE = 2000  # characters
MAX_SHOWN = 600  # characters of a value in a message: every legal path and name is shown whole
STOPPED = "check-stopped"  # the type of the problem that nothing is known

Problem = dict[str, Any]


def problem(
    kind: str,
    message: str,
    *,
    resource: str | None = None,
    row: int | None = None,
    field: str | None = None,
    file: str | None = None,
    line: int | None = None,
    column: int | None = None,
) -> Problem:
    """One problem. A long message is cut at its end, between two words.

    `file` (a path in the package), `line` and `column` are there where it has such a place, counted from 1.
    """
    text = message if len(message) <= MAX_MESSAGE else message[:MAX_MESSAGE].rpartition(" ")[0] + " …"
    place = {"file": file, "line": line, "column": column}
    found = {"resource": resource, "row": row, "field": field, "type": kind, "message": text}
    return found | {key: value for key, value in place.items() if value is not None}


def shown(value: Any) -> str:
    """A value as a message quotes it: whole, unless it is longer than anything legal."""
    text = _quoted(value) if isinstance(value, str) else json.brief(value, MAX_SHOWN + 1)
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…"


def _quoted(text: str) -> str:
    """Between quotation marks, and with escapes only where there is what cannot be seen."""
    found = repr(text)
    return f"{found[0]}{text}{found[0]}" if "\\" in text and text.isprintable() and "'" not in text else found


class Report:
    """Problems as they are found, counted all and kept in part."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.counts: Counter[tuple[str | None, str]] = Counter()
        self.complete = True
        self._last: dict[tuple[str | None, str], Problem] = {}

    @property
    def valid(self) -> bool:
        return not self.counts

    def add(self, found: Problem) -> None:
        group = (found["resource"], found["type"])
        self.counts[group] += 1
        if self.counts[group] <= KEPT and len(self.problems) < MAX_PROBLEMS:
            self.problems.append(found)
            self._last[group] = found
        elif group in self._last:
            last = self._last[group]
            last["more"] = last.get("more", 0) + 1

    def to_json(self) -> dict[str, Any]:
        """``{valid, complete, errors, counts: [{resource, type, count}], problems}``.

        `complete` is False when checking stopped before the end, so that there may be more errors.
        """
        counts = [{"resource": res, "type": kind, "count": n} for (res, kind), n in self.counts.items()]
        return {
            "valid": self.valid,
            "complete": self.complete,
            "errors": self.counts.total(),
            "counts": counts[:MAX_PROBLEMS],
            "problems": self.problems,
        }


def refusal(report: Mapping[str, Any]) -> InvalidPackage:
    """The error that refuses a package with this report (as `to_json` gives it)."""
    return InvalidPackage(sentence(report), report)


def sentence(report: Mapping[str, Any]) -> str:
    """The report in one sentence, for `reason`: how many errors of which kinds, and where."""
    if report["counts"] and all(row["type"] == STOPPED for row in report["counts"]):
        return str(report["problems"][0]["message"])
    groups = [f"{row['count']} {row['type']}" + _place(row["resource"]) for row in report["counts"][:6]]
    left = len(report["counts"]) - len(groups)
    more = f" and {left} more kinds" if left > 0 else ""
    least = "" if report["complete"] else "at least "
    noun = "error" if report["errors"] == 1 else "errors"
    return f"The package has {least}{report['errors']} {noun}: {', '.join(groups)}{more}."


def _place(resource: str | None) -> str:
    return f" in “{resource}”" if resource else ""

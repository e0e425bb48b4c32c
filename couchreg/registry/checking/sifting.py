"""The quick half of a check: which rows of a table frictionless would find something in.

frictionless stays the judge, but it takes some 20 µs for each row. Here the cells of some thousand rows are
looked at column by column: of values that repeat each is read once, by frictionless's own reader of the
field; columns of plain numbers and texts are matched as a whole. Rows that are clean beyond doubt are
left out of what frictionless then reads. Every other row it gets itself, with its number, so its verdict
and its words are the same as if it had read all.

Keys are remembered as 64-bit hashes, partly on disk: rows of equal hashes are handed to frictionless, which
compares the values. Runs only in the child process of a worker.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from frictionless import Dialect, FrictionlessException, Parser, errors
from frictionless.resources import TableResource
from frictionless.resources import table as tables
from frictionless.table.lookup import Lookup

from couchreg.registry.checking.blanks import BlankRow, StandardRow
from couchreg.registry.checking.columns import CHUNK, Cells, CheckedColumn
from couchreg.registry.checking.keys import ForeignKey, Key, Targets, Values
from couchreg.registry.checking.naming import ABOUT_LABELS
from couchreg.registry.checking.telling import Telling

KNOWN = 1_000_000  # distinct values of all columns of a table that are remembered as clean

Rows = Iterable[tuple[int, list[Any]]]
Look = Callable[[Values], Sequence[int]]


@dataclass
class Suspects:
    """The rows that frictionless has to see: those of `rows`, and all after `until` (None: no more)."""

    rows: "array[int]" = field(default_factory=lambda: array("q"))
    until: int | None = None

    def of(self, stream: Rows) -> Iterator[tuple[int, list[Any]]]:
        """These rows of a table's rows, which come in order."""
        wanted = iter(self.rows)
        following = next(wanted, None)
        while following is not None or self.until is not None:
            number, cells = next(iter(stream), (None, []))
            if number is None:
                return
            while following is not None and following < number:
                following = next(wanted, None)
            if number == following or (self.until is not None and number > self.until):
                yield number, cells


@dataclass
class Demands:
    """What is asked of a table beyond what frictionless reads in its schema: see `declared`."""

    unique_keys: Sequence[tuple[str, ...]] = ()
    allowed: Mapping[str, frozenset[Any]] = field(default_factory=dict)


class Sifter:
    """Sifts the tables of one package, and remembers what their foreign keys refer to."""

    def __init__(self, most: int, telling: Telling) -> None:
        self._telling = telling
        self._most = most  # rows that are wrong; a table is not looked through further
        self._targets: dict[tuple[str, tuple[str, ...]], Targets] = {}

    def suspects(self, resource: Any, wanted: Demands) -> Suspects | None:
        """The rows of this table that frictionless has to see; None where it has to see all."""
        try:
            with _without_references(resource) as opened:
                if not _is_plain(opened):
                    return None
                table = SiftedTable(opened, wanted.allowed)
                keys = list(_keys(table, opened.schema, wanted))
                found = self._sift(table, [*keys, *self._references(resource, table)], resource.name)
            repeating = [key for key in keys if key.has_repeats(2 * self._most)]
            if repeating:
                with _without_references(resource) as opened:
                    _add_repeats(found, SiftedTable(opened, wanted.allowed), repeating)
        except FrictionlessException:
            return None  # it cannot be opened, or refers to what is not there: frictionless says it
        return found

    def targets(self, resource: Any, key: Mapping[str, Any]) -> Targets:
        """The values that a foreign key of `resource` may have. Raises FrictionlessException."""
        name, names = key["reference"]["resource"], tuple(key["reference"]["fields"])
        other = resource if not name or name == resource.name else resource.package.get_resource(name)
        place = (other.name, names)
        if place not in self._targets:
            with _without_references(other) as opened:
                self._targets[place] = SiftedTable(opened, {}).tuples(names)
        return self._targets[place]

    def _sift(self, table: "SiftedTable", looks: Sequence[Key | ForeignKey], name: str) -> Suspects:
        suspects = Suspects()
        last = 0
        try:
            for last, rows in table.walk([(item.places, item.look) for item in looks], cells_too=True):
                suspects.rows.extend(rows)
                self._telling.look(name, last, table.opened)
                if len(suspects.rows) >= self._most:
                    suspects.until = last
                    break
        except FrictionlessException:
            suspects.until = last  # what broke after it is frictionless's to say
        return suspects

    def _references(self, resource: Any, table: "SiftedTable") -> Iterator[ForeignKey]:
        for key in resource.schema.foreign_keys if resource.schema else ():
            places = table.places(key["fields"])
            if places is not None:
                yield ForeignKey(places, self.targets(resource, key))


class SiftedTable:
    """An open table, with a column for each field that its header lets expect."""

    def __init__(self, opened: Any, allowed: Mapping[str, frozenset[Any]]) -> None:
        self.opened = opened
        self.fields = opened.header.get_expected_fields()
        self._names = [declared.name for declared in self.fields]
        share = KNOWN // max(len(self.fields), 1)
        self._columns = [CheckedColumn(item, allowed.get(item.name), share) for item in self.fields]

    def places(self, names: Iterable[str]) -> tuple[int, ...] | None:
        """Where the fields of these names are; None unless all are there."""
        wanted = tuple(names)
        known = bool(wanted) and set(wanted) <= set(self._names)
        return tuple(self._names.index(name) for name in wanted) if known else None

    def walk(
        self, looks: Sequence[tuple[tuple[int, ...], Look]], *, cells_too: bool
    ) -> Iterator[tuple[int, list[int]]]:
        """For each chunk the number of its last row, and the numbers of those in which something is found."""
        needed = sorted({place for places, _ in looks for place in places})
        for numbers, rows in self.chunks():
            cells, odd = turned(rows, len(self._columns))
            found = set(odd)
            if cells_too:
                found.update(place for place, row in enumerate(rows) if type(row) is BlankRow)
                for column, own in zip(self._columns, cells, strict=True):
                    found.update(column.faults(own))
            values = {place: self._columns[place].values(cells[place]) for place in needed}
            for _, look in looks:
                found.update(look(values))
            yield numbers[-1], sorted(numbers[place] for place in found)

    def tuples(self, names: Sequence[str]) -> Targets:
        """The values of these fields in all rows that have any; a field that is not there has none."""
        found = Targets()
        places = [self._names.index(name) if name in self._names else None for name in names]
        for numbers, rows in self.chunks():
            cells, _ = turned(rows, len(self._columns))
            nothing = [None] * len(numbers)
            values = [nothing if at is None else self._columns[at].values(cells[at]) for at in places]
            found.update(zip(*values, strict=True))
        found.discard((None,) * len(names))
        return found

    def chunks(self) -> Iterator[tuple[Sequence[int], list[list[Any]]]]:
        """The rows that hold data, and their numbers."""
        dialect, stream = self.opened.dialect, self.opened.cell_stream
        if dialect.create_comment_filter() or dialect.create_blank_filter():
            numbered = dialect.read_enumerated_content_stream(stream)
            while chunk := list(islice(numbered, CHUNK)):
                yield [number for number, _ in chunk], [cells for _, cells in chunk]
            return
        first: int = dialect.create_first_content_row()
        stream = islice(stream, first - 1, None)
        while rows := list(islice(stream, CHUNK)):
            yield range(first, first + len(rows)), rows
            first += len(rows)


def turned(rows: list[list[Any]], width: int) -> tuple[list[Cells], list[int]]:
    """The cells column by column, and the places of rows that are longer or shorter than they should be."""
    odd: list[int] = []
    if set(map(len, rows)) != {width}:
        odd = [place for place, cells in enumerate(rows) if len(cells) != width]
        for place in odd:
            rows[place] = [*rows[place], *[None] * width][:width]
    return list(zip(*rows, strict=True)), odd


def without_references(resource: Any) -> Any:
    """A copy as it is to be opened for itself: its foreign keys would have other tables read."""
    copy = resource.to_copy()
    if copy.schema:
        copy.schema.foreign_keys = []
    return copy


def _without_references(resource: Any) -> Any:
    return opened(without_references(resource))


@contextmanager
def opened(table: Any) -> Iterator[Any]:
    """The table, open. frictionless wraps each step to the next row to give errors their names: here they
    get them where they leave the stream, which costs nothing."""
    with _replaced(Parser, "read_cell_stream_handle_errors", lambda _, stream: _named_errors(stream)), table:
        yield table


def _named_errors(stream: Iterable[Any]) -> Iterator[Any]:
    try:
        yield from stream
    except (FrictionlessException, MemoryError):
        raise
    except Exception as error:
        raise FrictionlessException(errors.SourceError(note=str(error))) from error


def _is_plain(opened: Any) -> bool:
    """Whether frictionless reads each row as its cells alone, one for each field by its name."""
    names = [declared.name for declared in opened.header.get_expected_fields()]
    named = bool(names) and len(set(names)) == len(names)
    # What is said of labels is said once: they have fields, whatever they are.
    return named and _has_fields(opened.header) and not (opened.rows or opened.fields)


def _has_fields(header: Any) -> bool:
    return all(error.type in ABOUT_LABELS for error in header.errors)


def _keys(table: SiftedTable, schema: Any, wanted: Demands) -> Iterator[Key]:
    primary = table.places(schema.primary_key)
    if primary is not None:
        yield Key(primary, whole=False, blank_is_wrong=True)
    for place, declared in enumerate(table.fields):
        if declared.constraints.get("unique"):
            yield Key((place,), whole=True)
    for names in wanted.unique_keys:
        places = table.places(names)
        if places is not None:
            yield Key(places, whole=True)


def _add_repeats(found: Suspects, table: SiftedTable, keys: Sequence[Key]) -> None:
    rows = set(found.rows)
    for last, repeating in table.walk([(key.places, key.repeating) for key in keys], cells_too=False):
        rows.update(repeating)
        if found.until is not None and last >= found.until:
            break
    found.rows = array("q", sorted(rows))


@contextmanager
def sifted(sifter: Sifter, plans: Mapping[str, Suspects | None]) -> Iterator[None]:
    """While it lasts frictionless reads of the tables named in `plans` only their suspects, and takes what
    foreign keys refer to from `sifter`."""
    open_lookup, open_rows = "_TableResource__open_lookup", "_TableResource__open_row_stream"
    read = Dialect.read_enumerated_content_stream
    stream_rows = getattr(TableResource, open_rows)
    current: list[Suspects] = []

    def lookup(table: Any) -> None:
        found = Lookup()
        for key in table.schema.foreign_keys:
            name, names = key["reference"]["resource"], tuple(key["reference"]["fields"])
            found.setdefault(name, {})[names] = sifter.targets(table, key)
        table._TableResource__lookup = found

    def rows(table: Any) -> None:
        plan = plans.get(table.name)
        current.extend([plan] if plan is not None else [])
        try:
            stream_rows(table)
        finally:
            current.clear()

    def content(dialect: Any, cell_stream: Any) -> Any:
        stream = read(dialect, cell_stream)
        return current[0].of(stream) if current else stream

    with (
        _replaced(TableResource, open_lookup, lookup),
        _replaced(TableResource, open_rows, rows),
        _replaced(tables, "Row", StandardRow),
        _replaced(Dialect, "read_enumerated_content_stream", content),
    ):
        yield


@contextmanager
def _replaced(owner: object, name: str, function: Any) -> Iterator[None]:
    original = getattr(owner, name)
    setattr(owner, name, function)
    try:
        yield
    finally:
        setattr(owner, name, original)

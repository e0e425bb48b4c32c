"""A page of rows by their place in a Parquet file, without DuckDB.

A job is that of `pages`, with one table, whose `rows` are ``{offset, length}``; the answer is the same.
Imported in child processes only.
"""

import json

import pyarrow as pa
import pyarrow.parquet as pq

from couchreg.analytics.inside.connecting import unopened
from couchreg.analytics.inside.pages import Rows, send
from couchreg.analytics.inside.sending import AnswerParts
from couchreg.analytics.inside.writing import rows_of
from couchreg.sandbox.inside.channel import Reply

_BATCH = 4096  # rows that are read at once


def answer(job: bytes, reply: Reply) -> bytes:
    asked = json.loads(job)
    page, parts = asked["page"], AnswerParts(reply)
    try:
        file = pq.ParquetFile(asked["tables"][0]["path"])
    except (pa.ArrowException, OSError):
        return unopened()
    rows = placed(file, page["rows"]["offset"], page["rows"]["length"])
    send(page, list(file.schema_arrow.names), rows, {}, parts)
    return parts.rest()


def placed(file: pq.ParquetFile, offset: int, length: int) -> Rows:
    """So many rows from a place on, each behind its place. Only their row groups are read, and those no
    further than they are needed."""
    first, stop = 0, offset + length
    for number in range(file.num_row_groups):
        count = file.metadata.row_group(number).num_rows
        if max(offset, first) < min(stop, first + count):
            at = first
            for batch in file.iter_batches(_BATCH, row_groups=[number], use_threads=False):
                after = at + batch.num_rows
                if after > offset:
                    start = max(offset, at)
                    part = batch.slice(start - at, min(stop, after) - start)
                    for place, row in enumerate(rows_of(part), start):
                        yield (place, *row)
                at = after
                if at >= stop:
                    break
        first += count

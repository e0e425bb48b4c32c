"""Changes of `server.sqlite` while the server runs: one at a time, each a transaction, in a thread."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

import apsw

from couchreg.docstore.sqlite.aio import unbroken
from couchreg.docstore.sqlite.failures import foreseen
from couchreg.docstore.sqlite.sql import query
from couchreg.errors import Unsure

T = TypeVar("T")


class ServerFile:
    """The one way to change the file behind `conn`, which is its own from here on."""

    def __init__(self, conn: apsw.Connection, pool: Executor) -> None:
        self._conn = conn
        self._pool = pool
        self._lock = asyncio.Lock()

    async def change(self, work: Callable[[apsw.Connection], T]) -> T:
        """Do `work` in a transaction; its result, once that is on disk.

        Raises Failure when it is certain that nothing was written, and Unsure when it is not.
        """
        async with self._lock:
            loop = asyncio.get_running_loop()
            return await unbroken(loop.run_in_executor(self._pool, _transact, self._conn, work))

    async def read(self, work: Callable[[apsw.Connection], T]) -> T:
        """Do `work`, which changes nothing, between two changes."""
        async with self._lock:
            return await unbroken(asyncio.get_running_loop().run_in_executor(self._pool, work, self._conn))

    async def close(self) -> None:
        async with self._lock:
            self._conn.close()


def _transact(conn: apsw.Connection, work: Callable[[apsw.Connection], T]) -> T:
    query(conn, "BEGIN IMMEDIATE")
    try:
        result = work(conn)
    except BaseException:
        _roll_back(conn)
        raise
    try:
        query(conn, "COMMIT")
    except BaseException:
        _roll_back(conn)
        _overwrite(conn)
        raise
    return result


def _overwrite(conn: apsw.Connection) -> None:
    """A COMMIT that failed may still lie whole in the log, and a crash would bring it to life."""
    try:
        query(conn, "BEGIN IMMEDIATE")
        query(conn, "UPDATE identity SET one = one")
        query(conn, "COMMIT")
    except Exception as error:
        _roll_back(conn)
        raise Unsure("Whether this was done is not known: the disk failed. Look again later.") from error


def _roll_back(conn: apsw.Connection) -> None:
    if conn.in_transaction:
        try:
            conn.execute("ROLLBACK")
        except apsw.Error as error:
            raise foreseen(error) from error

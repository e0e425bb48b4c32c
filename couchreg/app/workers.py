"""Several processes over one data directory: this one answers everything, others some reads (`reading.py`).

Owns the reading processes (their start, their end, their beginning anew) and which process a connection goes
to. Connections are accepted here and given away whole, so those of an address are counted in one place, and
a process that dies takes only those with it that it has begun to read.
"""

import asyncio
import logging
import os
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from itertools import count
from pathlib import Path
from typing import Final, cast

import msgspec
from aiohttp import web

from couchreg.app.channel import HandleChannel
from couchreg.app.messages import Board, Hello, Message, ToldFigures, Topic
from couchreg.config import CannotStart, Settings
from couchreg.http.connections import Connections
from couchreg.model.addresses import origin

log = logging.getLogger(__name__)

ROOT: Final = str(Path(__file__).absolute().parents[2])
PROGRAM: Final = (
    "import sys; sys.path.insert(0, sys.argv.pop()); from couchreg.cli.reading import main; main()"
)
STARTING: Final = 60.0  # seconds that a start waits for the reading processes
ENDING: Final = 5.0  # seconds that one may take over its end
LOOK: Final = 5.0  # seconds between two looks at them
MOST_UNREAD: Final = 256  # connections that one is given and has not taken yet
SILENT: Final = 60.0  # seconds after which one that says nothing is ended
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds before one that has died begins anew
STEADY: Final = 60.0  # seconds after which one counts as having begun well


def refuse(settings: Settings) -> None:
    """Raises CannotStart where several processes cannot work."""
    if settings.workers == 1:
        return
    if sys.platform != "linux":
        raise CannotStart("--workers needs Linux, where processes can give connections to each other.")
    if settings.docstore != "sqlite":
        raise CannotStart(
            "--workers is for documents in the data directory. Over a CouchDB (--docstore) start several "
            "couchreg, with a balancer in front."
        )
    if settings.tls_cert is not None:
        raise CannotStart(
            "--workers cannot be had with --tls-cert: an encrypted connection cannot be given to another "
            "process. Let a proxy in front speak HTTPS."
        )
    for flag, most in (("requests", settings.guest_requests), ("bytes", settings.guest_bytes)):
        if most and not part_of_limit(most, settings.workers):
            raise CannotStart(f"--guest-{flag} is too little to be divided among {settings.workers} workers.")


def part_of_limit(most: int, workers: int) -> int:
    """What each reading process allows of a limit for guests, of which they have half together."""
    return most // (2 * (workers - 1)) if workers > 1 else 0


@dataclass(slots=True)
class _Lent:
    """A connection that a reading process has; the socket until that has said so."""

    door: str
    address: str
    socket: socket.socket | None


@dataclass(slots=True, eq=False)
class _Reader:
    """A reading process."""

    process: Process
    began: float
    channel: HandleChannel | None = None
    lent: dict[int, _Lent] = field(default_factory=dict)
    coming: dict[int, tuple[socket.socket, list[bytes]]] = field(default_factory=dict)  # back, in pieces
    up: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    heard: float = 0.0
    unread: int = 0  # connections that it has not taken yet

    @property
    def takes(self) -> bool:
        """Whether it can be given one more."""
        open_ = self.channel is not None and self.channel.is_open and not self.channel.is_full
        return open_ and self.up.is_set() and self.unread < MOST_UNREAD

    def has_taken(self, lent: _Lent) -> None:
        """From now on the connection is its alone."""
        if lent.socket is not None:
            lent.socket.close()
            lent.socket = None
            self.unread -= 1


class Workers:
    """Whoever makes them calls `begin`, gives it connections with `share`, and calls `stop` before the doors
    are closed."""

    def __init__(
        self,
        settings: Settings,
        hello: Callable[[int], Hello],
        told: Callable[[ToldFigures], None],
    ) -> None:
        """`hello` says what the reading process of a number starts with; `told` is given what it counts."""
        self._settings = settings
        self._hello, self._told = hello, told
        self.runners: Mapping[str, web.BaseRunner] = {}  # of the doors here; set before there are connections
        self._board = Board.make()
        self._readers: dict[int, _Reader] = {}
        self._numbers = count(1)
        self._keeping: list[asyncio.Task[None]] = []
        self._adopting: set[asyncio.Task[None]] = set()
        self._looking: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        self.answered = 0  # requests, by them, as far as they have told
        self._all_read = asyncio.Event()
        self._stops = False

    # -- their life
    async def begin(self) -> None:
        """Returns when they answer, or have had their time."""
        self._board.set(is_open=True)
        for number in range(1, self._settings.workers):
            self._keeping.append(self._loop.create_task(self._keep(number), name=f"reading process {number}"))
        self._looking = self._loop.create_task(self._look(), name="reading processes")
        with suppress(TimeoutError):
            async with asyncio.timeout(STARTING):
                await self._all_read.wait()

    @property
    def reading(self) -> int:
        """How many reading processes answer."""
        return sum(one.up.is_set() for one in self._readers.values())

    @property
    def wanted(self) -> int:
        """How many there are to be."""
        return self._settings.workers - 1

    @property
    def processes(self) -> list[int]:
        """Their ids, as the system has them."""
        return [one.process.pid for one in self._readers.values()]

    def hold(self, held: bool) -> None:
        """While there is something that this process alone knows, it answers everything."""
        self._board.set(is_open=not held)

    def reopen(self) -> None:
        self._tell(Message(Topic.REOPEN))

    async def stop(self) -> None:
        """End them: what they answer just now goes out, for a while; what they hand on is answered here."""
        self._stops = True
        for one in self._readers.values():
            one.up.clear()  # it is given nothing any more
        self._tell(Message(Topic.END))
        ending = [one.gone.wait() for one in self._readers.values()]
        with suppress(TimeoutError):
            async with asyncio.timeout(ENDING):
                await asyncio.gather(*ending)
        tasks = [*self._keeping, *([self._looking] if self._looking else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._adopting:
            await asyncio.wait(self._adopting)
        self._board.close()

    def _tell(self, message: Message) -> None:
        for one in self._readers.values():
            if one.channel is not None:
                one.channel.send(message.encode())

    async def _keep(self, number: int) -> None:
        """See to it that there is one of this number."""
        pause = FIRST_PAUSE
        while not self._stops:
            began = self._loop.time()
            try:
                await self._run(number)
            except Exception:
                log.exception("A reading process could not be started.")
            if self._stops:
                return
            if self._loop.time() - began > STEADY:
                pause = FIRST_PAUSE
            log.warning("Reading process %d has ended: another one is started in %.1f s.", number, pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _run(self, number: int) -> None:
        """One life of a reading process."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            handles = (theirs.fileno(), self._board.handle)
            command = [sys.executable, "-P", "-c", PROGRAM, *map(str, (*handles, os.getpid())), ROOT]
            try:
                process = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, pass_fds=handles)
            except BaseException:
                ours.close()
                raise
        reader = _Reader(process, self._loop.time(), heard=self._loop.time())
        reader.channel = HandleChannel(
            ours, lambda data, handle: self._received(reader, data, handle), lambda: self._ended(reader)
        )
        self._readers[number] = reader
        reader.channel.send(Message(Topic.SETTINGS, data=msgspec.json.encode(self._hello(number))).encode())
        try:
            await reader.gone.wait()
            async with asyncio.timeout(ENDING):
                await process.wait()
        except TimeoutError:
            log.error("Reading process %d does not end: it is killed.", number)
        finally:
            self._readers.pop(number, None)
            reader.channel.close()
            self._ended(reader)
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    def _ended(self, reader: _Reader) -> None:
        """Its end of the channel is closed: what it has not begun to read is another's to answer."""
        if reader.gone.is_set():
            return
        reader.gone.set()
        reader.up.clear()
        for connection, _ in reader.coming.values():
            connection.close()
        lent, reader.lent = reader.lent, {}
        for one in lent.values():
            self._server(one.door).leave(origin(one.address))
            if one.socket is not None:
                self._here(one.door, one.socket)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK)
            self.look()

    def look(self) -> None:
        """End those that say nothing."""
        self._tell(Message(Topic.ARE_YOU_THERE))
        for one in self._readers.values():
            if self._loop.time() - one.heard > SILENT:
                log.error("A reading process says nothing: it is killed.")
                with suppress(ProcessLookupError):
                    one.process.kill()

    # -- connections
    def share(self, door: str, connection: socket.socket, address: str) -> None:
        """Give a new connection to the process that has the fewest."""
        readers = [one for one in self._readers.values() if one.takes]
        chosen = min(readers, key=lambda one: len(one.lent), default=None)
        server = self._server(door)
        own = sum(self._server(one).inside for one in self.runners) + len(self._adopting)
        own -= sum(len(one.lent) for one in self._readers.values())
        if chosen is None or chosen.channel is None or server.is_full(address):
            self._here(door, connection)
            return
        if self.keeps(own, len(chosen.lent)):
            self._here(door, connection)
            return
        try:
            handle = os.dup(connection.fileno())
        except OSError:  # there are no more
            self._here(door, connection)
            return
        server.enter(address)
        number = next(self._numbers)
        chosen.lent[number] = _Lent(door, address, connection)
        chosen.unread += 1
        chosen.channel.send(Message(Topic.CONNECTION, door, number).encode(), handle)

    @staticmethod
    def keeps(own: int, others: int) -> bool:
        """Whether a new connection stays here, beside so many, or goes to a process that has so many."""
        return own < others

    def _server(self, door: str) -> Connections:
        return cast(Connections, self.runners[door].server)

    def _here(self, door: str, connection: socket.socket, first: bytes = b"") -> None:
        """Answer a connection in this process; `first` has been read of it."""
        task = self._loop.create_task(_adopt(self._server(door), connection, first))
        self._adopting.add(task)
        task.add_done_callback(self._adopted)

    def _adopted(self, task: "asyncio.Task[None]") -> None:
        self._adopting.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.debug("A connection was gone before it was answered: %r", error)

    def _received(self, reader: _Reader, data: bytes, handle: int | None) -> None:
        message = Message.decode(data)
        reader.heard = self._loop.time()
        kind, number = message.kind, message.connection
        if kind == Topic.UP and not self._stops:
            reader.up.set()
            if self.reading == len(self._keeping):
                self._all_read.set()
        elif kind == Topic.TAKEN and number in reader.lent:
            reader.has_taken(reader.lent[number])
        elif kind == Topic.CLOSED:
            self._returned(reader, number)
        elif kind == Topic.HANDED_ON:
            self._returned(reader, number)
            if handle is not None:  # else there are no more, and the connection is lost
                reader.coming[number] = (socket.socket(fileno=handle), [message.data])
        elif kind in (Topic.MORE, Topic.LAST) and number in reader.coming:
            connection, pieces = reader.coming[number]
            pieces.append(message.data)
            if kind == Topic.LAST:
                del reader.coming[number]
                self._here(message.door, connection, b"".join(pieces))
        elif kind == Topic.FIGURES:
            told = msgspec.json.decode(message.data, type=ToldFigures)
            self.answered += sum(one[-1] for one in told.requests.answers)
            self._told(told)

    def _returned(self, reader: _Reader, number: int) -> None:
        """A reading process has a connection no more, or could not take it."""
        lent = reader.lent.pop(number, None)
        if lent is not None:
            self._server(lent.door).leave(origin(lent.address))
            if lent.socket is not None:
                self._here(lent.door, lent.socket)
                reader.unread -= 1


async def _adopt(server: Connections, connection: socket.socket, first: bytes) -> None:
    def made() -> web.RequestHandler:
        protocol = server()
        protocol.first = first  # type: ignore[attr-defined]
        return protocol

    try:
        await asyncio.get_running_loop().connect_accepted_socket(made, connection)
    except BaseException:
        connection.close()
        raise


def as_texts(settings: Settings) -> dict[str, str | int | None]:
    """Settings as a message has them."""
    values = {spec.name: getattr(settings, spec.name) for spec in fields(Settings)}
    return {name: str(value) if isinstance(value, Path) else value for name, value in values.items()}

"""A server, and the `couchreg` command as a person runs it."""

import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.forking import Forked, Streams
from tests.processes import Server, environment, running


@dataclass(frozen=True)
class Ran:
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Couchreg = Callable[..., Ran]


def run(*arguments: str, cwd: Path, stdin: str = "", uid: int | None = None, **variables: str) -> Ran:
    """`couchreg ARGUMENTS` with nothing in the environment but the variables `COUCHREG_<NAME>`; with `uid` as
    this user."""
    own = {"COUCHREG_CONFIG": str(cwd / "no-config.toml"), "COUCHREG_CACHE": str(cwd / "cache")}
    env = environment(**own)
    env |= {f"COUCHREG_{name.upper()}": value for name, value in variables.items()}
    with tempfile.TemporaryDirectory() as folder:
        given, out, err = (Path(folder, name) for name in ("in", "out", "err"))
        given.write_text(stdin)
        done = Forked(arguments, Streams(str(given), str(out), str(err)), env, cwd, uid=uid)
        try:
            return Ran(done.wait(120), out.read_text(), err.read_text())
        finally:
            done.kill()


@pytest.fixture(scope="package")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("cli") / "data", "--analytics", "on") as started:
        yield started


@pytest.fixture
def couchreg(live: Server, tmp_path: Path) -> Couchreg:
    """Runs a command against the server as its admin, in `tmp_path`; variables replace those."""

    def command(*arguments: str, **variables: str) -> Ran:
        usual = {"registry": live.registry_url, "user": live.admin[0], "password": live.admin[1]}
        return run(*arguments, cwd=tmp_path, **(usual | variables))

    return command

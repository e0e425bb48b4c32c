"""What tests of every room may use: a whole server in this process; `processes.py` has one of its own."""

import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from couchreg.app import App, build
from couchreg.config import load
from couchreg.docstore.remote import calls
from couchreg.sandbox.forks import ForkServer
from tests import blob_stores, document_stores, remote_differences
from tests.blob_stores import blob_settings
from tests.docstore import couchdbs
from tests.document_stores import document_settings
from tests.s3_servers import S3Server, moto, ours, rclone
from tests.warm_forks import nursery, warm_forks

ADMIN = ("admin", "secret")
NURSERY = "nursery"  # what workers are told of by the process that has started them
_shared: dict[str, str] = {}
_ending = ExitStack()

ServerFactory = Callable[..., Awaitable[App]]


@pytest.fixture(scope="session", autouse=True)
def children_on_demand(request: pytest.FixtureRequest) -> Iterator[None]:
    """A server starts the processes that check packages before anybody asks for them, more work than most
    tests of a server do, so here they start with the first package, and with their imports done."""

    async def wait(self: ForkServer) -> None: ...

    with ExitStack() as stack:
        given = getattr(request.config, "workerinput", {}).get(NURSERY)
        stack.enter_context(warm_forks(given or stack.enter_context(nursery())))
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(ForkServer, "start", wait)
        yield


@pytest.fixture(scope="session", autouse=True)
def words_alone() -> Iterator[None]:
    """Vectors of everything that is published would only take time where they are not the matter."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("couchreg.app.searching.has_meaning", bool)
        yield


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ServerFactory]:
    """`app = await server(validation="off")`: a running server on free ports of this machine, with the
    admin `admin:secret` and its data in `tmp_path/"data"`. Settings are given by field name.

    Stop it early with `await app.stop()`; a second call with the same `data_dir` is then a restart.
    """
    async with AsyncExitStack() as stack:

        async def start(**given: Any) -> App:
            settings = {
                "port": 0,
                "couch_port": 0,
                "data_dir": tmp_path / "data",
                "admin": ":".join(ADMIN),
                "password_iterations": 1000,
                "password_length": 1,
                "publish_wait": 3600,  # as long as a busy machine takes
                "analytics": "off",  # where it is not the matter, it would only take time
            }
            settings |= given
            data_dir = Path(settings["data_dir"])
            settings = await blob_settings(data_dir) | dict(document_settings(data_dir)) | settings
            app = build(load(settings, environ={}))
            await app.start()
            stack.push_async_callback(app.stop)
            return app

        yield start


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--blobstore",
        choices=("directory", "moto"),
        default="directory",
        help="Where the servers of the tests keep files.",
    )
    parser.addoption(
        "--docstore",
        choices=("sqlite", "remote"),
        default="sqlite",
        help="Where the servers of the tests keep documents.",
    )
    parser.addoption("--no-skips", action="store_true", help="Let a test that is skipped fail.")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """One nursery for all workers: each has imports of its own to do as it is."""
    if NURSERY not in _shared:
        _shared[NURSERY] = _ending.enter_context(nursery())
    node.workerinput[NURSERY] = _shared[NURSERY]


def pytest_unconfigure() -> None:
    _ending.close()


def pytest_collection_finish() -> None:
    """What was collected stays, so the garbage collector need not look at it again with each test."""
    gc.collect()
    gc.freeze()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "directory_only: looks at files of the directory store")
    config.addinivalue_line("markers", "long: takes long by itself, so it is begun first where several run")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where files go to a bucket, tests that look for them on disk are no tests of anything."""
    if config.getoption("--blobstore") != "directory":
        on_disk = [item for item in items if item.get_closest_marker("directory_only")]
        items[:] = [item for item in items if item not in on_disk]
        config.hook.pytest_deselected(items=on_disk)
    if config.getoption("--docstore") == "remote":
        remote_differences.mark(config, items)
    items[:] = begun_first(items)


def begun_first(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """The modules with long tests before the others: what is long and begins last is waited for by all."""
    long = {module_of(item.nodeid) for item in items if item.get_closest_marker("long") is not None}
    return sorted(items, key=lambda item: module_of(item.nodeid) not in long)


def module_of(nodeid: str) -> str:
    return nodeid.partition("::")[0]


class ByModule(LoadScopeScheduling):  # type: ignore[misc]
    """A worker is given whole modules, in their order: what a module's tests share is made once."""

    def _split_scope(self, nodeid: str) -> str:
        return module_of(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    config.option.loadscopereorder = False
    return ByModule(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With `--no-skips` a test that found something missing has failed: nobody reads what was skipped."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and item.config.getoption("--no-skips"):
        report.outcome, report.longrepr = "failed", f"skipped: {report.longreprtext}"
    return report


@pytest.fixture(scope="session", autouse=True)
def _blob_stores(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--blobstore") == "moto":
        blob_stores.server = request.getfixturevalue("moto_server")


@pytest.fixture(scope="session", autouse=True)
def _document_stores(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    if request.config.getoption("--docstore") != "remote":
        yield
        return
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(calls, "FIRST_DOUBT", 0.0)  # no server before these has sent anything
        folder = tmp_path_factory.mktemp("couchdb")
        patch.setattr(
            document_stores, "server", couchdbs.REAL or stack.enter_context(couchdbs.couch_door(folder))
        )
        yield


@pytest.fixture(scope="session")
def moto_server() -> Iterator[S3Server]:
    with moto() as server:
        yield server


@pytest.fixture(scope="session")
def own_s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with ours(tmp_path_factory.mktemp("s3")) as server:
        yield server.server


@pytest.fixture(scope="session")
def rclone_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with rclone(tmp_path_factory.mktemp("rclone")) as server:
        yield server


@pytest.fixture
async def app(server: ServerFactory) -> App:
    """A running server with the settings that `server` starts from."""
    return await server()

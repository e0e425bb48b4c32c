"""The server that the corpus is replayed against."""

from collections.abc import Iterator

import pytest

from tests.processes import Server, running


@pytest.fixture(scope="package")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("conformance") / "data") as started:
        yield started

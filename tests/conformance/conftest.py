"""The server that the corpus is replayed against. COUCHREG_TEST_SERVE gives it more flags."""

import os
from collections.abc import Iterator

import pytest

from tests.document_stores import document_environment
from tests.processes import Server, running

FLAGS = os.environ.get("COUCHREG_TEST_SERVE", "").split()  # more flags of that server


@pytest.fixture(scope="package")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data_dir = tmp_path_factory.mktemp("conformance") / "data"
    with running(data_dir, *FLAGS, env=document_environment(data_dir)) as started:
        yield started

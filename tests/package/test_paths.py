"""Why a path cannot be a file's, in words."""

import pytest

from couchreg.package.paths import file_fault


@pytest.mark.parametrize("path", ["t.csv ", "t.csv.", "folder./t.csv", "folder /t.csv"])
def test_names_that_end_with_what_is_not_seen(path: str) -> None:
    assert (file_fault(path) or "").endswith(
        "a name in it ends with a blank or a point, which Windows leaves out"
    )

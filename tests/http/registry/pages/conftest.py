"""Pages of these tests wait for their pictures, however busy the machine is."""

from collections.abc import Iterator

import pytest

from couchreg.http.registry.pages import tables


@pytest.fixture(autouse=True, scope="package")
def patient() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "_PATIENCE", 60.0)
        patch.setattr(tables, "_LONGER_PATIENCE", 60.0)
        patch.setattr(tables, "_PATIENCE_FOR_ROWS", 60.0)
        yield

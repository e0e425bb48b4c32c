"""Pages of these tests wait for their pictures, however busy the machine is."""

from collections.abc import Iterator

import pytest

from couchreg.http.registry.pages import waiting


@pytest.fixture(autouse=True, scope="package")
def patient() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("_AT_ONCE", "_FOR_TABLE", "_FOR_SPREADS", "_FOR_PICTURES", "_FOR_LOOKING"):
            patch.setattr(waiting, name, 60.0)
        yield

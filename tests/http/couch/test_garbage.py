"""A request is freed when it is answered, not when the collector comes: what lives on is not at hand for the
next one, and the same instructions take a fifth longer."""

import gc

from couchreg.http.couch.frame.context import Context
from tests.http.couch.conftest import Couch


async def test_no_request_is_left_to_the_collector(couch: Couch) -> None:
    await couch.rev("doc", {})
    gc.collect()
    gc.disable()
    try:
        for path in ("/doc", "/_all_docs", "/_changes", "//none", "//"):
            await couch("GET", path)
        assert not [one for one in gc.get_objects() if isinstance(one, Context)]
    finally:
        gc.enable()

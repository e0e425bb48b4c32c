"""Jobs of a child that makes triples: `handed.Build`, answered with nothing, or with `handed.Fault`."""

from pathlib import Path

import msgspec
from pyoxigraph import NamedNode, Quad, Store

from couchreg.graphs.handed import Build, HandedFault
from couchreg.graphs.inside.triples import quads_of
from couchreg.registry.linked.contexts import SCHEMA_ORG
from couchreg.registry.reading.served import url_of
from couchreg.sandbox.inside.channel import Reply

_BROKEN = ("Corruption", "Invalid argument", "No such file")
_DATASET = NamedNode(f"{SCHEMA_ORG}dataset")


def answer(job: bytes, reply: Reply) -> bytes:
    build = msgspec.msgpack.decode(job, type=Build)
    try:
        _build(Store(build.store), build)
    except (OSError, RuntimeError) as error:  # RuntimeError is how the store tells of its own damage
        said = str(error)
        is_broken = isinstance(error, RuntimeError) or any(word in said for word in _BROKEN)
        return msgspec.msgpack.encode(HandedFault(said[:500], is_broken))
    for old in Path(build.store).glob("LOG.old.*"):  # one for each time that it is opened
        old.unlink()
    return b""


def _build(store: Store, build: Build) -> None:
    quads: list[Quad] = []
    for name, version in build.gone:
        store.remove_graph(NamedNode(url_of(build.base, name, version)))
    for given in build.versions:
        store.remove_graph(NamedNode(url_of(build.base, given.name, given.version)))
        quads += quads_of(given, build.base)
    registry = NamedNode(f"{build.base}/")
    for name, latest in build.latest:
        graph = NamedNode(url_of(build.base, name))
        store.remove_graph(graph)
        if latest is not None:
            quads.append(Quad(registry, _DATASET, NamedNode(url_of(build.base, name, latest)), graph))
    store.extend(quads)
    store.flush()

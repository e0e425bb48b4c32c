"""Both doors, put together and opened."""

import socket
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING

from aiohttp import web

from couchreg.app import mirroring
from couchreg.app.facts import facts
from couchreg.app.listening import serve
from couchreg.app.messages import DOORS, Hello, ToldFigures
from couchreg.app.overview import overview
from couchreg.app.searching import Searching
from couchreg.app.stores import direct_uploads, elsewhere
from couchreg.app.workers import Workers, as_texts, part_of_limit
from couchreg.auth.options import user_required
from couchreg.auth.users.caring import Care
from couchreg.config import Settings
from couchreg.http.connections import SECTION, ApplicationRunner
from couchreg.http.couch.door import CouchDoor
from couchreg.http.couch.frame.services import CouchServices
from couchreg.http.forwarded import Proxies
from couchreg.http.limits import Allowed, RequestLimits, charging
from couchreg.http.registry.door import registry_application
from couchreg.http.registry.frame.call import RegistryServices
from couchreg.http.registry.frame.finished import FINISHED

if TYPE_CHECKING:
    from couchreg.app.server import App

COUCH_PREFIX = "/_couch"
CLOSING = 2.0  # seconds that answers under way, open feeds among them, are given at the end


async def open_doors(
    app: "App", stack: AsyncExitStack, ports: Sequence[socket.socket]
) -> tuple[CouchDoor, str, str]:
    """The couch door, and the addresses of both: that of the registry first."""
    proxies = Proxies(app.settings.trusted_proxies)
    behind = CouchServices(
        app.store,
        app.attachments,
        app.auth,
        app.functions,
        app.views,
        proxies=proxies,
        with_owned=app.registry.owners.with_roles,
        facts=facts(app.settings, app.store, ports[1].getsockname()[1]),
        replicator=app.replicator,
        private=app.private,
        incoming=app.registry.incoming,
    )
    door = CouchDoor(behind)
    stack.push_async_callback(door.close)
    blobs = app.attachments.blobs
    searching = Searching(app.search, app.followers["search"], app.restricted_search, app.private)
    services = RegistryServices(
        app.registry,
        app.auth.identify_publisher,
        searching,
        app.accounts,
        app.tokens,
        app.visits,
        confirm=app.auth.confirm_publisher,
        security=app.packages_security,
        user_required=partial(user_required, app.store.config),
        couch=partial(door.handle, prefix=COUCH_PREFIX),
        public_url=app.settings.public_url,
        elsewhere=elsewhere(app.settings, blobs, app.private.is_restricted),
        proxies=proxies,
        uploads=direct_uploads(blobs),
        upload_secret=app.upload_secret,
        followers=app.statuses,
        replicas=lambda detailed: mirroring.replicas(app.mirror, detailed),
        look=searching.look,
        pledges=app.pledges,
        publish_wait=app.settings.publish_wait,
        tables=app.tables,
        asking=app.asking,
        graphs=None if app.graphs is None else app.graphs.asking,
        care=Care(app.store, app.accounts),
        groups=app.groups,
        trust=app.trust,
        health=app.monitoring.health.parts,
        metrics=app.monitoring.metrics,
        overview=lambda: overview(app),
    )
    application = registry_application(services)
    finished = application[FINISHED]
    app.caches = lambda: {
        "answers": finished.size,
        "codings": services.codings.size,
        "texts": services.rendered.size,
    }
    workers = _workers(app, door, ports[1].getsockname()[1])
    limits = _limits(app.settings)
    count = app.monitoring.requests.add
    told = (count, charging(limits)) if limits else (count,)
    registry = ApplicationRunner(
        application,
        proxies=proxies,
        section=lambda: app.store.config().get(SECTION, {}),
        shutdown_timeout=CLOSING,
        watching=app.journals.watching("registry", limits, *told),
        around=partial(finished.around, services),
    )
    watching = app.journals.watching("couch", limits, *told)
    couch = web.ServerRunner(door.server(watching), shutdown_timeout=CLOSING)
    runners: dict[str, web.BaseRunner] = dict(zip(DOORS, (registry, couch), strict=True))
    if workers is not None:
        workers.runners = runners
    urls = [
        await serve(stack, runner, port, app.tls, None if workers is None else partial(workers.share, name))
        for (name, runner), port in zip(runners.items(), ports, strict=True)
    ]
    if workers is not None:
        stack.push_async_callback(workers.stop)
        await workers.begin()
    return door, urls[0], urls[1]


def _workers(app: "App", door: CouchDoor, couch_port: int) -> Workers | None:
    """The processes that read beside this one, where there are to be some."""
    settings = app.settings
    if settings.workers == 1:
        return None

    def hello(number: int) -> Hello:
        return Hello(
            as_texts(settings),
            couch_port,
            number,
            app.upload_secret,
            part_of_limit(settings.guest_requests, settings.workers),
            part_of_limit(settings.guest_bytes << 20, settings.workers),
        )

    def told(found: ToldFigures) -> None:
        app.monitoring.requests.add_sums(found.requests)
        door.services.counters.add(found.statuses)
        for name, version, count in found.downloads:
            app.registry.downloads.count(name, version, count)

    app.workers = Workers(settings, hello, told)
    app.configured.tell_held = app.workers.hold
    app.journals.also = app.workers.reopen
    return app.workers


def _limits(settings: Settings) -> RequestLimits:
    """Reading processes have a part of what guests may ask for."""
    requests, size = settings.guest_requests, settings.guest_bytes << 20
    others = settings.workers - 1
    requests -= others * part_of_limit(requests, settings.workers)
    guests = Allowed(requests, size - others * part_of_limit(size, settings.workers))
    return RequestLimits(guests, Allowed(settings.account_requests, settings.account_bytes << 20))

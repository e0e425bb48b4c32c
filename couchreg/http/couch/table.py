"""Every endpoint of CouchDB 3.5's HTTP API: path, methods, operation, and who may.

An operation is named `wing.module.function`, as it stands below this package, and gets a `Context`; one named
`NOT_BUILT` answers 501. `allowed` is what CouchDB names in the reason of a 405, in its order; a
method in `operations` but not there is one that CouchDB knows but does not own up to. GET answers
HEAD as well. `{name}` takes one path part, `{name*}` one or more, `{name?}` none or more.

Source: https://docs.couchdb.org/en/stable/http-api.html
"""

from typing import NamedTuple

from couchreg.auth.policy import Rule

NOT_BUILT = "server.root.not_built"


class Operation(NamedTuple):
    method: str
    name: str
    rule: Rule
    opens: bool  # whether the database of the path has to be there and is opened for it
    writes: bool  # although its rule is that of readers


class CouchEndpoint(NamedTuple):
    template: str
    allowed: str
    operations: tuple[Operation, ...]


def endpoint(template: str, allowed: str, *operations: Operation) -> CouchEndpoint:
    return CouchEndpoint(template, allowed, operations)


def op(method: str, name: str, rule: Rule, *, opens: bool = True, writes: bool = False) -> Operation:
    return Operation(method, name, rule, opens, writes)


PUBLIC, MEMBER, WRITER, LISTER = Rule.PUBLIC, Rule.MEMBER, Rule.WRITER, Rule.LISTER
SERVER_ADMIN, DB_ADMIN, METRICS = Rule.SERVER_ADMIN, Rule.DB_ADMIN, Rule.METRICS

EVERY = ("GET", "PUT", "POST", "DELETE", "COPY", "PATCH", "OPTIONS")  # some endpoints do not care

SERVER: tuple[CouchEndpoint, ...] = (
    endpoint("/", "GET,HEAD", op("GET", "server.root.welcome", PUBLIC)),
    endpoint("/favicon.ico", "GET,HEAD", op("GET", "server.root.favicon", PUBLIC)),
    endpoint("/_up", "GET,HEAD", op("GET", "server.root.up", PUBLIC)),
    endpoint("/_uuids", "GET", op("GET", "server.root.uuids", PUBLIC)),
    endpoint("/_all_dbs", "GET,HEAD", op("GET", "server.databases.all_dbs", PUBLIC)),
    endpoint(
        "/_dbs_info",
        "GET,HEAD,POST",
        op("GET", "server.databases.dbs_info", PUBLIC),
        op("POST", "server.databases.dbs_info_of", PUBLIC),
    ),
    endpoint("/_active_tasks", "GET,HEAD", op("GET", "server.cluster.active_tasks", SERVER_ADMIN)),
    endpoint("/_membership", "GET", op("GET", "server.cluster.membership", SERVER_ADMIN)),
    endpoint("/_db_updates", "GET", op("GET", "feeds.db_updates.feed", SERVER_ADMIN)),
    endpoint(
        "/_session",
        "GET,HEAD,POST,DELETE",
        op("GET", "server.session.info", PUBLIC),
        op("POST", "server.session.login", PUBLIC),
        op("DELETE", "server.session.logout", PUBLIC),
    ),
    endpoint(
        "/_cluster_setup",
        "GET,POST",
        op("GET", "server.setup.state", SERVER_ADMIN),
        op("POST", "server.setup.set_up", SERVER_ADMIN),
    ),
    endpoint(
        "/_replicate",
        "POST",
        *[op(method, "server.replicate.replicate", Rule.AUTHENTICATED) for method in EVERY],
    ),
    endpoint("/_scheduler/jobs", "GET,HEAD", op("GET", "server.replicate.jobs", SERVER_ADMIN)),
    endpoint("/_scheduler/jobs/{job}", "GET,HEAD", op("GET", "server.replicate.job", SERVER_ADMIN)),
    endpoint("/_scheduler/docs", "GET,HEAD", op("GET", "server.replicate.docs", SERVER_ADMIN)),
    endpoint("/_scheduler/docs/{path*}", "GET,HEAD", op("GET", "server.replicate.docs_below", SERVER_ADMIN)),
    endpoint("/_search_analyze", "POST", op("POST", "design.searches.unavailable", SERVER_ADMIN)),
    endpoint("/_nouveau_analyze", "POST", op("POST", "design.searches.nouveau", SERVER_ADMIN)),
    endpoint("/_reload_query_servers", "POST", op("POST", "design.reloading.renew", SERVER_ADMIN)),
    endpoint("/_utils", "GET,HEAD", op("GET", NOT_BUILT, PUBLIC)),
    endpoint("/_utils/{path*}", "GET,HEAD", op("GET", NOT_BUILT, PUBLIC)),
    endpoint("/_reshard", "GET,HEAD", op("GET", "server.resharding.summary", SERVER_ADMIN)),
    endpoint(
        "/_reshard/state",
        "GET,HEAD,PUT",
        op("GET", "server.resharding.state", SERVER_ADMIN),
        op("PUT", "server.resharding.set_state", SERVER_ADMIN),
    ),
    endpoint(
        "/_reshard/jobs",
        "GET,HEAD,POST",
        op("GET", "server.resharding.jobs", SERVER_ADMIN),
        op("POST", "server.resharding.add_job", SERVER_ADMIN),
    ),
    endpoint(
        "/_reshard/jobs/{job}",
        "GET,HEAD,DELETE",
        op("GET", "server.resharding.no_job", SERVER_ADMIN),
        op("DELETE", "server.resharding.no_job", SERVER_ADMIN),
    ),
    endpoint(
        "/_reshard/jobs/{job}/state",
        "GET,HEAD,PUT",
        op("GET", "server.resharding.job_state", SERVER_ADMIN),
        op("PUT", "server.resharding.job_state", SERVER_ADMIN),
    ),
)

NODE: tuple[CouchEndpoint, ...] = (
    endpoint("/_node", "GET", *[op(method, "server.node.incomplete", SERVER_ADMIN) for method in EVERY]),
    endpoint("/_node/{node}", "GET", *[op(method, "server.node.name", SERVER_ADMIN) for method in EVERY]),
    endpoint("/_node/{node}/_config", "GET", op("GET", "server.config.everything", SERVER_ADMIN)),
    endpoint("/_node/{node}/_config/_reload", "POST", op("POST", "server.config.reload", SERVER_ADMIN)),
    endpoint("/_node/{node}/_config/{section}", "GET", op("GET", "server.config.section", SERVER_ADMIN)),
    endpoint(
        "/_node/{node}/_config/{section}/{key}",
        "GET,PUT,DELETE",
        op("GET", "server.config.value", SERVER_ADMIN),
        op("PUT", "server.config.change", SERVER_ADMIN),
        op("DELETE", "server.config.remove", SERVER_ADMIN),
    ),
    endpoint(
        "/_node/{node}/_config/{section}/{key}/{path*}",
        "GET",
        *[op(method, "server.node.unknown", SERVER_ADMIN) for method in EVERY],
    ),
    endpoint("/_node/{node}/_stats", "GET", op("GET", "server.node.stats", METRICS)),
    endpoint("/_node/{node}/_stats/{path*}", "GET", op("GET", "server.node.stats", METRICS)),
    endpoint("/_node/{node}/_prometheus", "GET", op("GET", "server.node.prometheus", METRICS)),
    endpoint("/_node/{node}/_system", "GET", op("GET", "server.node.system", METRICS)),
    endpoint("/_node/{node}/_versions", "GET", op("GET", "server.node.versions", SERVER_ADMIN)),
    endpoint("/_node/{node}/_restart", "POST", op("POST", NOT_BUILT, SERVER_ADMIN)),
    endpoint("/_node/{node}/_smoosh/status", "GET", op("GET", NOT_BUILT, SERVER_ADMIN)),
)

DATABASE: tuple[CouchEndpoint, ...] = (
    endpoint(
        "/{db}",
        "DELETE,GET,HEAD,POST",
        op("GET", "server.database.info", MEMBER),
        op("POST", "documents.documents.create", WRITER),
        op("PUT", "server.database.create", SERVER_ADMIN, opens=False),
        op("DELETE", "server.database.delete", SERVER_ADMIN, opens=False),
    ),
    endpoint(
        "/{db}/_all_docs",
        "GET,HEAD,POST",
        op("GET", "listings.all_docs.get", LISTER),
        op("POST", "listings.all_docs.post", LISTER),
    ),
    endpoint("/{db}/_all_docs/queries", "POST", op("POST", "listings.all_docs.queries", LISTER)),
    endpoint(
        "/{db}/_design_docs",
        "GET,HEAD,POST",
        op("GET", "listings.all_docs.design_get", LISTER),
        op("POST", "listings.all_docs.design_post", LISTER),
    ),
    endpoint("/{db}/_design_docs/queries", "POST", op("POST", "listings.all_docs.design_queries", LISTER)),
    endpoint(
        "/{db}/_local_docs",
        "GET,HEAD,POST",
        op("GET", "listings.all_docs.local_get", Rule.LOCAL_LISTER),
        op("POST", "listings.all_docs.local_post", Rule.LOCAL_LISTER),
    ),
    endpoint(
        "/{db}/_local_docs/queries", "POST", op("POST", "listings.all_docs.local_queries", Rule.LOCAL_LISTER)
    ),
    endpoint(
        "/{db}/_changes",
        "GET,POST,HEAD",
        op("GET", "feeds.changes.get", LISTER),
        op("POST", "feeds.changes.post", LISTER),
    ),
    endpoint("/{db}/_bulk_docs", "POST", op("POST", "documents.bulk.bulk_docs", Rule.PUBLISHER)),
    endpoint("/{db}/_bulk_get", "POST", op("POST", "documents.bulk_get.bulk_get", LISTER)),
    endpoint("/{db}/_revs_diff", "POST", op("POST", "documents.replication.revs_diff", MEMBER)),
    endpoint("/{db}/_missing_revs", "POST", op("POST", "documents.replication.missing_revs", MEMBER)),
    endpoint("/{db}/_purge", "POST", op("POST", "documents.replication.purge", SERVER_ADMIN)),
    endpoint("/{db}/_purged_infos", "GET", op("GET", "server.database.purged_infos", DB_ADMIN)),
    endpoint(
        "/{db}/_purged_infos_limit",
        "GET,PUT",
        op("GET", "server.database.purged_infos_limit", MEMBER),
        op("PUT", "server.database.set_purged_infos_limit", SERVER_ADMIN),
    ),
    endpoint(
        "/{db}/_revs_limit",
        "PUT,GET",
        op("GET", "server.database.revs_limit", MEMBER),
        op("PUT", "server.database.set_revs_limit", Rule.LIMIT_WRITER),
    ),
    endpoint(
        "/{db}/_security",
        "PUT,GET",
        op("GET", "server.database.security", MEMBER),
        op("PUT", "server.database.set_security", Rule.SECURITY_WRITER),
    ),
    endpoint("/{db}/_ensure_full_commit", "POST", op("POST", "server.database.ensure_full_commit", MEMBER)),
    endpoint("/{db}/_compact", "POST", op("POST", "server.database.compact", DB_ADMIN)),
    endpoint("/{db}/_compact/{path*}", "POST", op("POST", "server.database.compact_views", DB_ADMIN)),
    endpoint("/{db}/_view_cleanup", "POST", op("POST", "design.views.cleanup", DB_ADMIN)),
    endpoint("/{db}/_search_cleanup", "POST", op("POST", "design.searches.unavailable", DB_ADMIN)),
    endpoint("/{db}/_nouveau_cleanup", "POST", op("POST", "design.searches.nothing_to_clean", DB_ADMIN)),
    endpoint("/{db}/_shards", "GET", op("GET", "server.cluster.shards", MEMBER)),
    endpoint("/{db}/_shards/{id*}", "GET", op("GET", "server.cluster.shard_of", MEMBER)),
    endpoint("/{db}/_sync_shards", "POST", op("POST", "server.cluster.sync_shards", SERVER_ADMIN)),
    endpoint(
        "/{db}/_temp_view", "POST", *[op(method, "server.database.temp_view", MEMBER) for method in EVERY]
    ),
    endpoint("/{db}/_find", "POST", op("POST", "design.mango.find", MEMBER)),
    endpoint("/{db}/_explain", "POST", op("POST", "design.mango.explain", MEMBER)),
    endpoint(
        "/{db}/_index",
        "GET,POST",
        op("GET", "design.indexes.every", MEMBER),
        op("POST", "design.indexes.create", Rule.INDEX_WRITER),
    ),
    endpoint("/{db}/_index/_bulk_delete", "POST", op("POST", "design.indexes.bulk_delete", DB_ADMIN)),
    endpoint(
        "/{db}/_index/{path*}",
        "DELETE",
        op("DELETE", "design.indexes.delete", DB_ADMIN),
        *[op(method, "design.indexes.other_method", MEMBER) for method in EVERY if method != "DELETE"],
    ),
    endpoint(
        "/{db}/_partition",
        "GET",
        *[op(method, "server.partitions.unnamed", MEMBER) for method in EVERY],
    ),
    endpoint(
        "/{db}/_partition/{partition}",
        "GET",
        op("GET", "server.partitions.info", MEMBER),
        op("POST", "server.partitions.post", MEMBER),
    ),
    endpoint(
        "/{db}/_partition/{partition}/{path*}",
        "GET,POST",
        *[op(method, "server.partitions.within", MEMBER, writes=True) for method in EVERY],
    ),
)

DOCUMENT_METHODS = "DELETE,GET,HEAD,POST,PUT,COPY"
REWRITTEN = ("GET", "POST", "PUT", "DELETE", "COPY", "OPTIONS")
ATTACHMENT_METHODS = "DELETE,GET,HEAD,PUT"


def _document(template: str, writer: Rule, putter: Rule) -> CouchEndpoint:
    return endpoint(
        template,
        DOCUMENT_METHODS,
        op("GET", "documents.documents.get", MEMBER),
        op("PUT", "documents.documents.put", putter),
        op("POST", "documents.form.post_form", writer),
        op("DELETE", "documents.documents.delete", writer),
        op(
            "COPY", "documents.documents.copy", WRITER
        ),  # who may write the target is decided when it is known
    )


def _attachment(template: str, writer: Rule) -> CouchEndpoint:
    return endpoint(
        template,
        ATTACHMENT_METHODS,
        op("GET", "documents.attachments.get", MEMBER),
        op("PUT", "documents.attachment_edits.put", writer),
        op("DELETE", "documents.attachment_edits.delete", writer),
    )


def _search(kind: str, allowed: str, name: str) -> CouchEndpoint:
    methods = allowed.split(",")
    template = "/{db}/_design/{ddoc}/" + kind + "/{path?}"
    return endpoint(template, allowed, *[op(method, f"design.searches.{name}", MEMBER) for method in methods])


DOCUMENTS: tuple[CouchEndpoint, ...] = (
    _document("/{db}/{docid}", WRITER, Rule.PUBLISHER),
    _attachment("/{db}/{docid}/{attachment*}", WRITER),
    _document("/{db}/_design/{ddoc}", Rule.DESIGN_WRITER, Rule.DESIGN_WRITER),
    _attachment("/{db}/_design/{ddoc}/{attachment*}", Rule.DESIGN_WRITER),
    endpoint(
        "/{db}/_local/{local}",
        DOCUMENT_METHODS,
        op("GET", "documents.documents.get", MEMBER),
        op("PUT", "documents.documents.put", Rule.LOCAL_WRITER),
        op("POST", "documents.documents.local_attachment", Rule.LOCAL_WRITER),
        op("DELETE", "documents.documents.delete", Rule.LOCAL_WRITER),
        op("COPY", "documents.documents.copy", Rule.LOCAL_WRITER),
    ),
    endpoint(
        "/{db}/_local/{local}/{attachment*}",
        DOCUMENT_METHODS,
        *[op(method, "documents.documents.local_attachment", MEMBER) for method in EVERY],
    ),
    endpoint(
        "/{db}/_local",
        DOCUMENT_METHODS,
        *[op(method, "documents.documents.local_without_id", MEMBER) for method in EVERY],
    ),
    endpoint("/{db}/_design/{ddoc}/_info", "GET", op("GET", "design.views.info", MEMBER)),
    endpoint(
        "/{db}/_design/{ddoc}/_view/{path?}",
        "GET,POST,HEAD",
        op("GET", "design.views.get", MEMBER),
        op("POST", "design.views.post", MEMBER),
    ),
    endpoint("/{db}/_design/{ddoc}/_view/{view}/queries", "POST", op("POST", "design.views.queries", MEMBER)),
    endpoint(
        "/{db}/_design/{ddoc}/_show/{path?}",
        "GET,POST,HEAD,PUT,DELETE",
        *[op(method, "design.rendering.show", MEMBER) for method in ("GET", "POST", "PUT", "DELETE")],
    ),
    endpoint(
        "/{db}/_design/{ddoc}/_list/{path?}",
        "GET,POST,HEAD",
        op("GET", "design.listing.get", MEMBER),
        op("OPTIONS", "design.listing.get", MEMBER),
        op("POST", "design.listing.post", MEMBER),
    ),
    endpoint(
        "/{db}/_design/{ddoc}/_update/{path?}",
        "POST,PUT,DELETE",
        *[op(method, "design.rendering.update", MEMBER, writes=True) for method in ("POST", "PUT", "DELETE")],
        op("GET", "design.rendering.update_not_allowed", MEMBER),
    ),
    endpoint(
        "/{db}/_design/{ddoc}/_rewrite/{path?}",
        "GET,POST,PUT,DELETE,COPY,OPTIONS,HEAD",
        *[op(method, "design.rewriting.rewrite", MEMBER, writes=True) for method in REWRITTEN],
    ),
    _search("_search", "GET,POST", "search"),
    _search("_search_info", "GET", "search"),
    _search("_nouveau", "GET,POST", "nouveau"),
    _search("_nouveau_info", "GET", "nouveau"),
)

TABLE: tuple[CouchEndpoint, ...] = SERVER + NODE + DATABASE + DOCUMENTS

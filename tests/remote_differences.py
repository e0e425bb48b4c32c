"""Where both doors are otherwise with their documents in a CouchDB (`pytest --docstore=remote`), by kind.

A test that is named here has to fail there; those of PARAMETERS fail with some of theirs.
"""

import re
from collections.abc import Mapping
from typing import Final

import pytest

_COUCH: Final = "tests/http/couch/"

# Modules of what such a store has not at all; they are left out.
ABSENT: Final[Mapping[str, str]] = dict.fromkeys(
    [f"{_COUCH}design/test_partitioned_views.py", f"{_COUCH}server/test_partitions.py"],
    "databases with partitions are not made in a CouchDB: 501",
)
_PURGE: Final = "revisions are not purged there: 501"
_COMPACT: Final = "a CouchDB compacts by itself: 501, and its sizes are its own"
_CHECK: Final = (
    "all is as it should be, up to the check of the database at the end, which such a store has not"
)
_ENGINE: Final = "it looks into the embedded engine"
_OTHER: Final = "what a CouchDB says itself"

KNOWN: Final[Mapping[str, str]] = {
    f"{_COUCH}{name}": reason
    for reason, names in {
        _PURGE: (
            "design/test_design_rendering.py::test_a_design_document_that_is_purged_validates_no_more",
            "design/test_views.py::test_an_index_is_made_anew_where_purges_are_forgotten",
            "documents/test_documents.py::test_more_copies_than_there_are_make_a_write_accepted",
            "documents/test_replication.py::test_what_is_purged_was_never_there",
            "feeds/test_changes.py::test_live_feeds_wait_quietly_after_a_purge",
            "server/test_database.py::test_purges_are_remembered",
            "test_fuzz.py::test_requests_about_many_documents",
        ),
        _COMPACT: (
            "server/test_database.py::test_compaction_drops_old_bodies",
            "server/test_database.py::test_compaction_gives_space_back_that_a_client_can_see",
            "server/test_database.py::test_sizes_count_attachments",
        ),
        _CHECK: (
            "test_bad_input.py::test_odd_requests_are_never_our_fault",
            "test_convergence.py::test_three_databases_converge",
            "test_fuzz_wire.py::test_every_request_is_answered",
        ),
        _ENGINE: (
            "test_garbage.py::test_no_request_is_left_to_the_collector",
            "test_large.py::test_equal_keys_read_a_document_once",
        ),
        "what comes before a range is not counted: `offset` is null": (
            "listings/test_all_docs.py::test_design_documents_have_a_list_of_their_own",
        ),
        "local documents are not listed: 501": (
            "listings/test_all_docs.py::test_local_documents_have_a_list_without_counts",
        ),
        "there is one shard, whatever is asked for": (
            "server/test_database.py::test_the_shards_asked_for_are_told",
        ),
        "attachments are no attachments to a CouchDB, so it takes an unknown parent beside them": (
            "documents/test_unknown_revisions.py::test_documents_beside_attachments_are_looked_at",
        ),
    }.items()
    for name in names
}
PARAMETERS: Final[Mapping[str, str]] = {
    f"{_COUCH}listings/test_all_docs.py::test_ranges_by_query_or_body": "`offset` is null",
    f"{_COUCH}server/test_database.py::test_illegal_names_are_refused": _OTHER,
}

# Of the recorded corpus: what the first difference of a scenario says, and why it is so.
CORPUS: Final[Mapping[str, str]] = {
    r"_revs_info(\[\d+\]\.status: want '(available|deleted)', got 'missing'|: want \d+ elements)": (
        "of revisions that were edited a CouchDB says only on the line of the winner whether they are stored"
    ),
    r"(rev|header etag): want '\"?\d+-[0-9a-f]{32}": (
        "the records of attachments are a member of the document, and numbers may be written otherwise"
        " (1e2 as 100.0), so revisions that are made there have other ids"
    ),
    r"\.revpos: want 0, got \d": "a record says 0 for the revision in which it stands",
    r"offset: want \d+, got None": "what comes before a range is not counted",
    "cannot forget revisions for good": _PURGE,
    "cannot be compacted on demand": _COMPACT,
    "got 501": "an optional part that such a store has not",
    "The database name is longer than 239 characters": "names of databases have a prefix there",
    "Invalid rev format": _OTHER,
}


def kind_of(difference: str) -> str | None:
    """Why a scenario of the corpus is otherwise there, where that is known."""
    return next((reason for text, reason in CORPUS.items() if re.search(text, difference)), None)


def mark(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is absent, and expect the rest of the list to fail."""
    absent = [item for item in items if item.nodeid.partition("::")[0] in ABSENT]
    items[:] = [item for item in items if item not in absent]
    config.hook.pytest_deselected(items=absent)
    for item in items:
        name = item.nodeid.partition("[")[0]
        reason = KNOWN.get(name) or PARAMETERS.get(name)
        if reason is not None:
            item.add_marker(pytest.mark.xfail(reason=reason, strict=name in KNOWN))

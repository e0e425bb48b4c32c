"""What the author of a query should know though it was answered. Pure."""

from typing import Final

from couchreg.designdocs.mango.cursor import Stats
from couchreg.designdocs.mango.options import MangoQuery
from couchreg.designdocs.mango.planner import Choice, bare, named_by

NO_INDEX: Final = "No matching index found, create an index to optimize query time."
SCANS: Final = (
    "The number of documents examined is high in proportion to the number of results returned. "
    "Consider adding a more specific index to improve this."
)


def of(query: MangoQuery, choice: Choice, stats: Stats, threshold: int) -> list[str]:
    """In CouchDB's order. `threshold`: how many documents may be looked at for each result; 0: any number."""
    winner = choice.winner
    found = []
    if winner is not None and query.use_index and not named_by([winner.index], query.use_index):
        found.append(_not_used(query.use_index))
    if winner is not None and winner.index.is_special:
        found.append(NO_INDEX)
    if threshold > 0 and (stats.docs + stats.quorum_docs) / (stats.results or 1) > threshold:
        found.append(SCANS)
    return found


def _not_used(use_index: tuple[str, ...]) -> str:
    name = bare(use_index[0])
    if len(use_index) == 1:
        return f"_design/{name} was not used because it does not contain a valid index for this query."
    return f"_design/{name}, {use_index[1]} was not used because it is not a valid index for this query."

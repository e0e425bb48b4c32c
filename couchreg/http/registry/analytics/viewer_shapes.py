"""How the viewer says things: types of columns, and what goes wrong, in the words of Hugging Face's API."""

from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

from couchreg.analytics.ledger import FAILED, Table
from couchreg.analytics.tables import place_of
from couchreg.errors import BadRequest, CouchregError, NotFound, Unavailable
from couchreg.http.registry.frame.answers import answer, failure
from couchreg.model import json

SPLIT = "train"  # what clients call the rows of a table that is not split
CONVERSION = "config-parquet"  # the step that a table is at while it has no rows to show
_KEPT = ("Retry-After", "WWW-Authenticate")  # of the headers of a failure
_DTYPES = {"double": "float64", "float": "float32", "date32[day]": "date32"}


class ViewerError(Exception):
    """A request that says too little, or what is not to be had: the word for it, and a sentence."""

    def __init__(self, code: str, reason: str, status: int = 422) -> None:
        self.code, self.reason, self.status = code, reason, status
        super().__init__(reason)


def columns_of(table: Table) -> Sequence[Mapping[str, Any]]:
    """`{name, type, arrow, bytes}` each."""
    found: list[dict[str, Any]] = json.decode(table.columns)
    return found


def types_of(table: Table) -> dict[str, Any]:
    """By the names of columns, `{dtype, _type}`."""
    return {column["name"]: _type(column["arrow"]) for column in columns_of(table)}


def features_of(table: Table) -> list[dict[str, Any]]:
    """The same as a list of `{feature_idx, name, type}`."""
    types = types_of(table).items()
    return [{"feature_idx": place, "name": name, "type": type} for place, (name, type) in enumerate(types)]


def _type(arrow: str) -> dict[str, str]:
    return {"dtype": _DTYPES.get(arrow, arrow), "_type": "Value"}


def job(dataset: str, table: Table) -> dict[str, Any]:
    """A table that is not ready."""
    found: dict[str, Any] = {"kind": CONVERSION, "dataset": dataset, "config": table.resource, "split": SPLIT}
    if table.state == FAILED:
        found["error"] = {"error": place_of(table) + table.reason}
    return found


def failed(error: CouchregError | ViewerError) -> web.Response:
    """`{error}`, a sentence, as their clients show it; our `reason` says the same. The word for it is in
    `X-Error-Code`."""
    if isinstance(error, ViewerError):
        value = {"error": error.reason, "reason": error.reason}
        return answer(value, error.status, {"X-Error-Code": error.code})
    response, value = failure(error), {"error": error.reason, "reason": error.reason}
    if isinstance(error, BadRequest):
        return answer(value, 422, {"X-Error-Code": "InvalidParameter"})
    kept = {name: text for name, text in response.headers.items() if name in _KEPT}
    return answer(value, response.status, {**kept, "X-Error-Code": _code(error)})


def _code(error: CouchregError) -> str:
    if isinstance(error, NotFound):
        return "ResponseNotFound"
    return "ResponseNotReady" if isinstance(error, Unavailable) else "UnexpectedApiError"

"""The page where tables are asked: a statement, its answer, and addresses that give the same again."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any, Final
from uuid import uuid4

from aiohttp import web
from yarl import URL

from couchreg.analytics.asking import Question
from couchreg.errors import BadRequest, BadStatement, NotFound, TooLarge, TooManyRequests, Unavailable
from couchreg.http.registry.analytics import sql
from couchreg.http.registry.analytics.streaming import asking_of, check_package
from couchreg.http.registry.frame.call import Call
from couchreg.http.registry.frame.rendered import Rendering
from couchreg.http.registry.pages.gathering import gathered
from couchreg.http.registry.pages.waiting import FILLING, deadline_of, made
from couchreg.http.registry.pages.wanted import or_page, show
from couchreg.model import json
from couchreg.registry.reading.served import url_of
from couchreg.web.plots import counted, fitting
from couchreg.web.showing import placed

_ROWS: Final = 200
_MOST_KEPT: Final = 128 << 10  # bytes of an answer that is remembered
_EXAMPLE: Final = "SELECT *\nFROM package.table\nLIMIT 100"


async def _page(call: Call) -> web.StreamResponse:
    statement = call.request.query.get("q", call.request.query.get("sql", ""))
    shown: dict[str, Any] = {
        "columns": [],
        "rows": [],
        "truncated": False,
        "problem": "",
        "is_large": False,
        "plot": None,
        "counted": "",
        "lasting": "",
    }
    deadline = deadline_of(call)
    if statement.strip():
        try:
            async with deadline.time(deadline.for_answers):
                shown |= await _answered(call, statement)
        except (BadRequest, BadStatement, NotFound, TooManyRequests, Unavailable) as error:
            shown["problem"] = error.reason
        except TooLarge as error:
            shown |= {"problem": error.reason, "is_large": True}
    formats: dict[str, Any] = {
        name: _address(call.base, statement, name) for name in ("csv", "json", "parquet")
    }
    return await show(
        call,
        "sql.html",
        script=FILLING if deadline.is_over else "",
        rest=deadline.rest,
        title="SQL",
        asked="",
        statement=statement or _EXAMPLE,
        **formats,
        **shown,
    )


ask = or_page(_page, sql.ask)


async def _answered(call: Call, statement: str) -> dict[str, Any]:
    """The statement is read for each request, with the rights that it has: only the answer is for others,
    too. Both may go on when the page has gone."""

    async def read() -> Question:
        async with AsyncExitStack() as held:
            room = replace(call, held=held, places=set()).room
            return await asking_of(call).read(statement, lambda package: check_package(call, package), room)

    question = await made(call, ("QUESTION", uuid4().hex), read)
    answered = await made(call, ("ANSWER", question.tag()), lambda: _made(call, question))
    return {**answered, "lasting": _lasting(call, question)}


async def _made(call: Call, question: Question) -> dict[str, Any]:
    key = ("SQL", question.tag())  # its tables never change, nor does the answer
    kept = None if question.volatile else call.services.rendered.get(key)
    if kept is None:
        kept = Rendering("", await _asked(call, question), {})
        if not question.volatile and len(kept.body) <= _MOST_KEPT:
            call.services.rendered.keep(key, kept)
    return await asyncio.to_thread(_shown, kept.body)


def _lasting(call: Call, question: Question) -> str:
    """The address at which this answer will be as long as there are its versions, unless it is this one."""
    if question.pinned is None or question.is_pinned:
        return ""
    query = URL("/").with_query({"q": question.pinned}).raw_query_string
    return url_of(call.base, "-", "sql") + "?" + query


async def _asked(call: Call, question: Question) -> bytes:
    asking = asking_of(call)
    answer = asking.answer(question, parameters={}, format="arrays", size=_ROWS, skip=0, askers=call.askers)
    async with answer as parts:
        return await gathered(asking.answering, parts)


def _shown(body: bytes) -> dict[str, Any]:
    found = json.decode_own(body)
    plot = fitting(found["columns"], found["rows"])
    return {
        "plot": plot,
        "counted": counted(plot, len(found["rows"])) if plot else "",
        "columns": [one["name"] for one in found["columns"]],
        "rows": [[placed(value) for value in row] for row in found["rows"]],
        "truncated": found["truncated"],
    }


def _address(base: str, statement: str, form: str) -> str:
    query = URL("/").with_query({"q": statement, "format": form}).raw_query_string
    return url_of(base, "-", "sql") + "?" + query

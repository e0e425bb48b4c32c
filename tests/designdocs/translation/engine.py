"""The engine itself, in this process: what it makes of a function, to hold translations against."""

import json
from collections.abc import Sequence
from typing import Any

import _quickjs

from couchreg.designdocs import emitted
from couchreg.designdocs.javascript import worker
from couchreg.model import json as values


class Engine:
    """One context. `rows` and `refusals` of functions, None where the function has thrown something else."""

    def __init__(self) -> None:
        self._context = _quickjs.Context()
        self._context.set_memory_limit(64 << 20)
        self._context.set_max_stack_size(512 << 10)
        self._context.set_time_limit(5)
        self._context.add_callable("exchange", lambda *_: "")
        self._dispatch = self._context.eval(worker._world())

    def ask(self, command: dict[str, Any], **texts: str) -> dict[str, Any]:
        members = [f"{json.dumps(name)}:{json.dumps(value)}" for name, value in command.items()]
        members += [f'"{name}":{text}' for name, text in texts.items()]
        found: dict[str, Any] = values.decode_printed(
            worker._encoded(self._dispatch(f"{{{','.join(members)}}}"))
        )
        return found

    def rows(self, source: str, doc: str) -> bytes | None:
        """`emitted.rows_text` of what a map emits for a document; None where it throws."""
        said = self.ask({"command": "map", "sources": [source]}, docs=f"[{doc}]")
        if "logs" in said or "error" in said:
            return None
        return emitted.rows_text(emitted.checked(said["ok"]), [False])

    def refusal(self, source: str, case: Sequence[str]) -> Any:
        """What a `validate_doc_update` says to a case: ``{word, reason}`` or None; an error as a list."""
        design = json.dumps({"validate_doc_update": source})
        self.ask({"command": "load"}, design=design)
        said = self.ask({"command": "validate"}, cases=f"[[{','.join(case)}]]")
        return said["ok"][0] if "ok" in said else said["error"]

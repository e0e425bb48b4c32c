"""Scenarios of the corpus: loading them, and running one against a server."""

import contextlib
import json
import threading
import time
import urllib.parse
import uuid
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from tests.conformance.matching import check
from tests.conformance.wire import Client, Reply, Silence

CORPUS = Path(__file__).parent / "corpus"
Scenario = dict[str, Any]
_DATABASES, _USERS = ("db", "db2", "db3"), ("u1", "u2", "u3")


def load() -> list[Scenario]:
    """All scenarios, in the order of the files."""
    files = sorted(CORPUS.glob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text("utf-8").split("\n") if line]


class Run:
    """One scenario on one server: its variables, databases, users and requests in flight."""

    def __init__(
        self, scenario: Scenario, base_url: str, admin: tuple[str, str], timeout: float = 30.0
    ) -> None:
        self.scenario, self.client = scenario, Client(base_url, admin, timeout)
        unique = uuid.uuid4().hex[:12]
        self.variables = {name: f"corpus-{name}-{unique}" for name in _DATABASES + _USERS}
        self.variables |= {"base": self.client.base_url, "admin": admin[0], "admin_password": admin[1]}
        self.passwords = {name: user["password"] for name, user in scenario.get("users", {}).items()}
        self.in_flight: dict[str, Future[Reply]] = {}

    def first_difference(self) -> str | None:
        """Run every step; what differs from the record first, or None."""
        with self._prepared():
            for number, step in enumerate(self.scenario["steps"], 1):
                if found := self._run(step):
                    return f"step {number} of {len(self.scenario['steps'])}: {_describe(step)}\n{found}"
        return None

    @contextlib.contextmanager
    def _prepared(self) -> Iterator[None]:
        try:
            for name in self.scenario.get("dbs", []):
                self._demand("PUT", f"/{self.variables[name]}", query={"q": "1"})
            for name, user in self.scenario.get("users", {}).items():
                document = {"name": self.variables[name], "type": "user", "roles": user.get("roles", [])}
                self._demand("PUT", self._user_path(name), json={**document, "password": user["password"]})
            yield
        finally:
            self._clean()

    def _demand(self, method: str, path: str, **request: Any) -> None:
        reply = self._send({"method": method, "path": path, **request})
        if reply.status not in (201, 202):
            raise RuntimeError(f"{method} {path} to prepare: {reply.status} {reply.body[:200]!r}")

    def _clean(self) -> None:
        for request in self.scenario.get("cleanup", []):
            self._send(request)
        for name in _DATABASES:
            self._send({"method": "DELETE", "path": f"/{self.variables[name]}"})
        for name in self.scenario.get("users", {}):
            path = self._user_path(name)
            reply = self._send({"method": "GET", "path": path})
            if reply.status == 200:
                self._send({"method": "DELETE", "path": path, "query": {"rev": reply.member("_rev")}})

    def _user_path(self, name: str) -> str:
        return f"/_users/org.couchdb.user:{self.variables[name]}"

    def _send(self, request: Scenario) -> Reply:
        return self.client.send(request, self.variables, self.passwords)

    def _run(self, step: Scenario) -> str | None:
        if "sleep" in step:
            time.sleep(step["sleep"])  # recorded: the step lets the server's clock move on
            return None
        if "join" in step:
            return self._judge(step, self.in_flight.pop(step["join"]).result(self.client.timeout))
        if "start" in step:
            self.in_flight[step["start"]] = self._start(step["request"])
            return None
        return self._ask(step)

    def _ask(self, step: Scenario) -> str | None:
        deadline = time.monotonic() + step.get("retry", 0)
        while found := self._judge(step, self._send(step["request"])):
            if time.monotonic() >= deadline:
                return found
            time.sleep(0.1)
        return None

    def _judge(self, step: Scenario, reply: Reply) -> str | None:
        found = check(step["response"], reply, self.variables, self.client.base_url)
        for name, where in {} if found else step.get("capture", {}).items():
            value = reply.member(where)
            self.variables[name] = value if isinstance(value, str) else json.dumps(value)
            self.variables[name + "_q"] = urllib.parse.quote(self.variables[name], safe="")
        return found

    def _start(self, request: Scenario) -> Future[Reply]:
        """A request in flight while later steps run (a feed waiting for changes)."""
        future: Future[Reply] = Future()
        variables = dict(self.variables)

        def send() -> None:
            try:
                future.set_result(self.client.send(request, variables, self.passwords))
            except (OSError, Silence) as error:  # for the step that joins
                future.set_exception(error)

        threading.Thread(target=send, daemon=True).start()
        time.sleep(0.5)  # nothing tells when a request that is not answered yet has arrived
        return future


def _describe(step: Scenario) -> str:
    if "request" not in step:
        return f"join {step['join']}" if "join" in step else "sleep"
    request = step["request"]
    query = "&".join(f"{key}={value}" for key, value in request.get("query", {}).items())
    return f"{request['method']} {request['path']}" + (f"?{query}" if query else "")

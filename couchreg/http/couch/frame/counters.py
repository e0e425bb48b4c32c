"""What the door counts, for `_stats` and `_prometheus`."""

import time
from collections import Counter
from collections.abc import Mapping
from typing import Any


class RequestCounters:
    """Cheap sums over all requests since the start."""

    __slots__ = ("methods", "started", "statuses")

    def __init__(self) -> None:
        self.methods: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.started = time.monotonic()

    def add(self, statuses: Mapping[int, int]) -> None:
        """Reads that another process of this server has answered, by status."""
        self.statuses.update(statuses)
        self.methods["GET"] += sum(statuses.values())

    @property
    def requests(self) -> int:
        return sum(self.methods.values())

    @property
    def uptime(self) -> int:
        """Seconds."""
        return int(time.monotonic() - self.started)

    def tree(self, databases: int) -> dict[str, Any]:
        """The counters where CouchDB has them."""
        return {
            "couchdb": {
                "httpd": {"requests": _counter(self.requests, "number of HTTP requests")},
                "httpd_request_methods": {
                    method: _counter(number, f"number of HTTP {method} requests")
                    for method, number in sorted(self.methods.items())
                },
                "httpd_status_codes": {
                    str(status): _counter(number, f"number of HTTP {status} responses")
                    for status, number in sorted(self.statuses.items())
                },
                "open_databases": _counter(databases, "number of open databases"),
            }
        }

    def text(self, databases: int) -> str:
        """The same in the exposition format of Prometheus."""
        lines = ["# TYPE couchdb_uptime_seconds counter", f"couchdb_uptime_seconds {self.uptime}"]
        lines.append("# TYPE couchdb_httpd_requests_total counter")
        lines.append(f"couchdb_httpd_requests_total {self.requests}")
        lines.append("# TYPE couchdb_httpd_request_methods counter")
        lines += [
            f'couchdb_httpd_request_methods{{method="{method}"}} {number}'
            for method, number in sorted(self.methods.items())
        ]
        lines.append("# TYPE couchdb_httpd_status_codes counter")
        lines += [
            f'couchdb_httpd_status_codes{{code="{status}"}} {number}'
            for status, number in sorted(self.statuses.items())
        ]
        lines += ["# TYPE couchdb_databases gauge", f"couchdb_databases {databases}"]
        return "\n".join(lines) + "\n"


def _counter(value: int, description: str) -> dict[str, Any]:
    return {"value": value, "type": "counter", "desc": description}

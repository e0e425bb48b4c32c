"""couchreg that counts no request and never looks how late it is: what `bench --logs` compares with."""

from typing import Any

from couchreg.app.monitoring import Monitoring
from couchreg.cli.main import main
from couchreg.http.watching import Watching


def nothing(*_: Any) -> None:
    return None


async def never(*_: Any) -> None:
    return None


if __name__ == "__main__":
    Watching.answered = nothing  # type: ignore[method-assign]
    Monitoring._pulse = never  # type: ignore[method-assign]
    main()

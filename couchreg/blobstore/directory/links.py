"""Which keys are known to stay, so that the same bytes put again need no fsync.

Threads link, remove and put at the same moment: what one has synced counts only if nobody has begun to
link or remove that key since.
"""

import threading

REMEMBERED = 8192  # keys; forgetting one costs an fsync, no more


class KeyLinks:
    """The keys of one root."""

    def __init__(self) -> None:
        self._durable: set[str] = set()
        self._begun: dict[str, object] = {}  # what has to be synced still, and which linking it is
        self._lock = threading.Lock()

    def begin(self, key: str) -> object:
        """Before a file is linked to `key`: the linking, for `stays`."""
        with self._lock:
            if len(self._durable) + len(self._begun) >= REMEMBERED:
                self._durable.clear()
                self._begun.clear()
            self._durable.discard(key)
            self._begun[key] = linking = object()
            return linking

    def stays(self, key: str, linking: object) -> None:
        """Its directory has been synced since."""
        with self._lock:
            if self._begun.get(key) is linking:
                del self._begun[key]
                self._durable.add(key)

    def forget(self, key: str) -> None:
        """Before a file is removed."""
        with self._lock:
            self._durable.discard(key)
            self._begun.pop(key, None)

    def is_durable(self, key: str) -> bool:
        """Whether the file under `key`, if there is one, is certain to stay."""
        return key in self._durable

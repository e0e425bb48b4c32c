"""Which keys are known to stay, so that the same bytes put again need no fsync.

Threads link, remove and put at the same moment: what one has synced counts only if nobody has begun to
link or remove that key since. Who does so claims the key meanwhile.
"""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

REMEMBERED = 8192  # keys; forgetting one costs an fsync, no more


class KeyLinks:
    """The keys of one root."""

    def __init__(self) -> None:
        self._durable: set[str] = set()
        self._begun: dict[str, object] = {}  # what has to be synced still, and which linking it is
        self._claimed: set[str] = set()
        self._lock = threading.Condition(threading.Lock())

    def claim(self, key: str) -> bool:
        """Whether nobody else is about to link, write or remove this key until we `free` it."""
        with self._lock:
            if key in self._claimed:
                return False
            self._claimed.add(key)
            return True

    def free(self, key: str) -> None:
        with self._lock:
            self._claimed.discard(key)
            self._lock.notify_all()

    @contextmanager
    def holding(self, key: str) -> Iterator[None]:
        """The same for one who waits for it, and has claimed no other."""
        with self._lock:
            self._wait(key)
            self._claimed.add(key)
        try:
            yield
        finally:
            self.free(key)

    def await_free(self, keys: Iterable[str]) -> None:
        """Return when those who have claimed these keys now have freed them."""
        with self._lock:
            for key in keys:
                self._wait(key)

    def _wait(self, key: str) -> None:
        self._lock.wait_for(lambda: key not in self._claimed)

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

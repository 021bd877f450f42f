"""Numbers that took long to count are remembered for a moment; what is counted quickly is counted every time."""

import time
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

ValueT = TypeVar("ValueT")
SLOW_S, KEPT_S, MOST_KEPT = 0.25, 15.0, 256


class Remembered(Generic[ValueT]):
    """Answers by key, in this process. `clock` counts seconds and never goes back.

    What took longer than `slow_s` is kept for `kept_s`.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, *, slow_s: float = SLOW_S, kept_s: float = KEPT_S
    ) -> None:
        self._clock, self._lock = clock, Lock()
        self._slow_s, self._kept_s = slow_s, kept_s
        self._kept: dict[Hashable, tuple[float, ValueT]] = {}

    def get(self, key: Hashable, ask: Callable[[], ValueT]) -> ValueT:
        """The answer for the key: asked for, unless a slow one was given a moment ago."""
        begun = self._clock()
        with self._lock:
            until, value = self._kept.get(key, (0.0, None))
        if value is not None and begun < until:
            return value
        return self.renew(key, ask)

    def renew(self, key: Hashable, ask: Callable[[], ValueT]) -> ValueT:
        """The answer for the key, asked for in any case; a slow one is what others are given for a moment."""
        begun = self._clock()
        answer = ask()
        if self._clock() - begun >= self._slow_s:
            self._keep(key, answer)
        return answer

    def _keep(self, key: Hashable, answer: ValueT) -> None:
        with self._lock:
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[key] = (self._clock() + self._kept_s, answer)

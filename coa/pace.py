"""How fast a router is sent changes of many at once: so many a second, a little at a time.

Refuses to know what is sent. Times are the event loop's, in seconds.
"""

from dataclasses import dataclass

# What a router that was left alone may be sent at one go, as a part of a second.
_BURST_S = 0.2


@dataclass(kw_only=True, slots=True)
class _Bucket:
    per_second: int
    left: float
    at: float

    def fill(self, now: float) -> None:
        most = max(1.0, self.per_second * _BURST_S)
        self.left = min(most, self.left + (now - self.at) * self.per_second)
        self.at = now


class Pace:
    """The routers that changes of many at once go to, and what each may be sent now."""

    def __init__(self) -> None:
        self._buckets: dict[int, _Bucket] = {}

    def routers(self) -> set[int]:
        """Those of which a pace is known."""
        return set(self._buckets)

    def room(self, router: int, now: float) -> int:
        """How many may be sent at once; plenty for a router that was sent none yet."""
        bucket = self._buckets.get(router)
        if bucket is None:
            return 1 << 30
        bucket.fill(now)
        return max(0, int(bucket.left))

    def spend(self, router: int, *, per_second: int, now: float) -> None:
        """One more goes out."""
        bucket = self._buckets.get(router)
        if bucket is None:
            bucket = self._buckets[router] = _Bucket(per_second=per_second, left=per_second * _BURST_S, at=now)
        bucket.per_second = per_second
        bucket.left -= 1

    def holds_back(self, now: float) -> bool:
        """Whether a router has used up its share: it may have more waiting that only its pace holds back."""
        held = False
        for bucket in self._buckets.values():
            bucket.fill(now)
            held = held or bucket.left < 1
        return held

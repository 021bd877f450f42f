"""Slows guessing of passwords and voucher codes down, without letting a stranger lock a customer out.

Three counts, each for one router, in memory: a device at one name; a device at whatever name; and all strange devices
at one name together, for somebody who changes his address at each try. The customer's own devices answer for their own
wrong passwords only. Decides who waits; how long is `domain.guessing`'s law, who is strange the caller knows.
"""

from collections.abc import Callable
from typing import NamedTuple

from domain.guessing import Tries, after_through, after_wrong, had_right_password, is_forgotten

# Wrong passwords that cost nothing: of one device at one name, of strange devices at one name, of one device anywhere.
# The last is the widest, because a device may be a bridge that several customers are behind.
FREE_OWN = 5
FREE_NAME = 10
FREE_DEVICE = 20
MAX_COUNTS = 20_000
SWEEP_EVERY_S = 60.0


class Attempt(NamedTuple):
    """Who tries what: `device` is the MAC, or how else the router names it; empty when it does not."""

    nas_server_id: int
    username: str
    device: str


class Counts:
    """Tries by key, bounded: the one longest without news makes room."""

    def __init__(self, free: int) -> None:
        self._free = free
        self._tries: dict[tuple[int, str, str], Tries] = {}

    def __len__(self) -> int:
        return len(self._tries)

    def __contains__(self, key: tuple[int, str, str]) -> bool:
        return key in self._tries

    def wait_s(self, key: tuple[int, str, str], now: float) -> float:
        """How long the key has to wait still; 0 when it need not."""
        tries = self._tries.get(key)
        if tries is None or is_forgotten(tries, now):
            return 0.0
        return max(0.0, tries.wait_until - now)

    def wrong(self, key: tuple[int, str, str], now: float) -> None:
        """Count a wrong password."""
        tries = self._tries.pop(key, None)
        if tries is not None and is_forgotten(tries, now):
            tries = None
        if len(self._tries) >= MAX_COUNTS:
            del self._tries[next(iter(self._tries))]
        self._tries[key] = after_wrong(tries, now, self._free)

    def through(self, key: tuple[int, str, str], now: float) -> None:
        """A try of a key that is counted goes on to the password."""
        tries = self._tries.get(key)
        if tries is not None:
            self._tries[key] = after_through(tries, now, self._free)

    def forgive(self, key: tuple[int, str, str], now: float) -> None:
        """Drop the count of a key whose last try had the right password."""
        tries = self._tries.get(key)
        if tries is not None and had_right_password(tries, now):
            del self._tries[key]

    def sweep(self, now: float) -> None:
        """Drop what is forgotten; the longest without a wrong password stands first."""
        while self._tries:
            key, tries = next(iter(self._tries.items()))
            if not is_forgotten(tries, now):
                return
            del self._tries[key]


class Guesses:
    """What is remembered of wrong passwords. `is_quiet` is True while nothing is: then a login need not ask."""

    def __init__(self, servers: int = 1) -> None:
        """`servers` share the port by name: who tries many names is counted in all of them, in each for a part."""
        self.is_quiet = True
        self._own = Counts(FREE_OWN)
        self._name = Counts(FREE_NAME)
        self._device = Counts(-(-FREE_DEVICE // servers))
        self._swept_s = 0.0

    def wait_s(self, attempt: Attempt, now: float, is_known: Callable[[], bool]) -> float:
        """How long this attempt has to wait. `is_known` is asked only where it decides, as it may have to read."""
        self._sweep(now)
        self._own.forgive(attempt, now)
        own_s = self._own.wait_s(attempt, now)
        shared_s = max(
            self._name.wait_s(_any_device(attempt), now),
            self._device.wait_s(_any_name(attempt), now) if attempt.device else 0.0,
        )
        if shared_s > own_s and not is_known():
            return shared_s
        return own_s

    def stranger_wait_s(self, attempt: Attempt, now: float) -> float:
        """How long a device has to wait that asks for a name nobody has."""
        self._sweep(now)
        return self._device.wait_s(_any_name(attempt), now) if attempt.device else 0.0

    def through(self, attempt: Attempt, now: float, is_known: Callable[[], bool]) -> None:
        """An attempt is let through to the password. `is_known` is asked only where others share in the count."""
        self._own.through(attempt, now)
        by_name, by_device = _any_device(attempt), _any_name(attempt)
        if (by_name in self._name or by_device in self._device) and not is_known():
            self._name.through(by_name, now)
            self._device.through(by_device, now)

    def wrong(self, attempt: Attempt, now: float, *, is_known: bool) -> None:
        """The password of an attempt was wrong."""
        self.is_quiet = False
        self._own.wrong(attempt, now)
        if not is_known:
            self._name.wrong(_any_device(attempt), now)
            self.wrong_name(attempt, now)

    def wrong_name(self, attempt: Attempt, now: float) -> None:
        """Nobody has the name of an attempt: a wrong voucher code, most likely."""
        if attempt.device:
            self.is_quiet = False
            self._device.wrong(_any_name(attempt), now)

    def _sweep(self, now: float) -> None:
        if now - self._swept_s < SWEEP_EVERY_S:
            return
        self._swept_s = now
        for counts in (self._own, self._name, self._device):
            counts.sweep(now)
        self.is_quiet = not (self._own or self._name or self._device)


def _any_device(attempt: Attempt) -> tuple[int, str, str]:
    return (attempt.nas_server_id, attempt.username, "")


def _any_name(attempt: Attempt) -> tuple[int, str, str]:
    return (attempt.nas_server_id, "", attempt.device)

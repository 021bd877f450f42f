"""What a bad network does to a datagram: lose it, send it twice, hold it up.

Decides the fate of the n-th datagram in each direction from the seed alone, so a run that failed fails again with the
same fates. Refuses to know sockets and time.
"""

from dataclasses import asdict, dataclass
from random import Random

TO_SERVER, TO_ROUTER = "to the server", "to the router"


@dataclass(frozen=True, kw_only=True)
class Weather:
    """Probabilities from 0 to 1; a datagram that is held up arrives after up to `delay_s` seconds."""

    loss: float = 0.0
    duplication: float = 0.0
    reordering: float = 0.0
    delay_s: float = 0.5

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if name != "delay_s" and not 0.0 <= value <= 1.0:
                raise ValueError(f"{name} is {value}, which is no probability")
        if self.delay_s < 0:
            raise ValueError("a datagram cannot arrive before it was sent")


@dataclass(kw_only=True)
class Tally:
    """What happened to the datagrams of one direction."""

    seen: int = 0
    lost: int = 0
    doubled: int = 0
    held_up: int = 0


class Fates:
    """The fates of one direction, in the order in which datagrams come."""

    def __init__(self, weather: Weather, seed: int, direction: str) -> None:
        self._weather = weather
        self._random = Random(f"{seed} {direction}")
        self.tally = Tally()

    def delays_s(self) -> list[float]:
        """When each copy of the next datagram goes on: empty for a lost one, two for a doubled one.

        Each datagram draws the same number of times whatever becomes of it, so that fates do not shift.
        """
        chance, weather, tally = self._random.random, self._weather, self.tally
        drawn = [chance() for _ in range(6)]
        tally.seen += 1
        if drawn[0] < weather.loss:
            tally.lost += 1
            return []
        is_doubled = drawn[1] < weather.duplication
        tally.doubled += is_doubled
        delays = [self._delay_s(drawn[2], drawn[3])]
        if is_doubled:
            delays.append(self._delay_s(drawn[4], drawn[5]))
        return delays

    def _delay_s(self, whether: float, how_long: float) -> float:
        if whether >= self._weather.reordering:
            return 0.0
        self.tally.held_up += 1
        return how_long * self._weather.delay_s

"""A bad network between router and server, on purpose and repeatable.

Decides for each datagram whether it is lost, sent twice or late.  The seed makes a failing test fail again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random


@dataclass(kw_only=True)
class Faults:
    """Probabilities are 0.0 to 1.0 and may be changed while the router runs."""

    request_loss: float = 0.0
    reply_loss: float = 0.0
    duplication: float = 0.0
    reordering: float = 0.0
    reorder_delay_ms: int = 20
    drop_next_requests: int = 0
    drop_next_replies: int = 0
    seed: int = 1
    _random: Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._random = Random(self.seed)

    def request_delays_ms(self) -> list[int]:
        """When the copies of this request leave: empty for a lost one, two for a duplicated one."""
        if self.drop_next_requests > 0:
            self.drop_next_requests -= 1
            return []
        return self._delays_ms(self.request_loss)

    def reply_delays_ms(self) -> list[int]:
        """When the copies of this reply arrive."""
        if self.drop_next_replies > 0:
            self.drop_next_replies -= 1
            return []
        return self._delays_ms(self.reply_loss)

    def _delays_ms(self, loss: float) -> list[int]:
        if loss and self._random.random() < loss:
            return []
        copies = 2 if self.duplication and self._random.random() < self.duplication else 1
        return [self._delay_ms() for _ in range(copies)]

    def _delay_ms(self) -> int:
        return self.reorder_delay_ms if self.reordering and self._random.random() < self.reordering else 0

"""What routers have been seen to refuse: read when something is claimed for them, written down with their answers."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import psycopg

from coa.exchange import Answer
from db.queries import refusals
from db.queries.outbox import Claim
from domain.capability import BELIEVED_AFTER, FORGOTTEN_AFTER, MAY_WAIT, Ask, lesson_of, worth_asking
from domain.retransmission import cause_text


def left_out_of(cause: str | None) -> frozenset[str]:
    """The limits that a change was acknowledged without, from the words that were kept with it (`coa.drain`)."""
    return frozenset(name for name in MAY_WAIT if cause is not None and cause.startswith("without ") and name in cause)


class Lessons:
    """The lessons of one drain; read anew for each claim, because staff and other senders change them."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._refused: dict[int, set[str]] = {}

    def learn_of(self, routers: Iterable[int], now: datetime) -> None:
        """Read what these routers refuse."""
        self._refused = refusals.believed(self._connection, routers, since=now - FORGOTTEN_AFTER, least=BELIEVED_AFTER)

    def worth_asking(self, claim: Claim) -> Ask:
        """What of a change the router is still asked."""
        return worth_asking(claim.kind, claim.attributes, self._refused.get(claim.nas_server_id, ()))

    def keep(self, exchanges: Sequence[tuple[Claim, Answer]], now: datetime) -> None:
        """Write down what these answers teach."""
        seen: Counter[tuple[int, str, str]] = Counter()
        for claim, answer in exchanges:
            if answer.result != "nak" or not answer.transmissions:
                continue
            sent = [name for name in claim.attributes if name not in answer.left_out]
            lesson = lesson_of(claim.kind, sent, answer.cause)
            if lesson is not None:
                key = (claim.nas_server_id, lesson.what, cause_text(answer.cause) or "")
                seen[key] += BELIEVED_AFTER if lesson.is_sure else 1
        if seen:
            refusals.note(self._connection, seen, now=now)

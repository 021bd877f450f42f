"""The connection doctor: why a customer is not online, or not as he should be, in a few seconds and one sentence.

Walks from the account over the last login, the router, its secret and the session to what only the router can tell: its
CoA port and its own tables. These two are asked side by side, each with a deadline, so that a dead router costs its
seconds once and nobody else anything. Changes nothing; what follows from the findings is `domain.diagnosis`'s.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from bss.actor import Actor
from bss.doctor.asking import RouterTold, ask
from bss.doctor.looking import Examination, look
from bss.doctor.words import STEPS, Conclusion, Step, conclusion, of_coa, of_session, of_speed
from domain.diagnosis import diagnose

__all__ = ["STEPS", "Conclusion", "Examination", "Report", "Step", "begin", "examine", "report_of", "walk"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """The whole walk: its steps in order, what follows from them, and how long it took."""

    subscription_id: int
    customer_id: int
    username: str
    steps: tuple[Step, ...]
    conclusion: Conclusion
    took_ms: int


def begin(session: Session, *, actor: Actor, now: datetime, subscription_id: int) -> Examination:
    """Look at everything that is written down, and ask for a probe of the router's CoA port; raises `NotFound`.

    The caller commits, wakes the sender of probes, and goes on with `walk`.
    """
    return look(session, actor=actor, now=now, subscription_id=subscription_id)


def walk(session: Session, begun: Examination) -> Iterator[Step | Conclusion]:
    """The steps as they come to be known, at last the conclusion; over within five seconds of `begin`."""
    yield from begun.steps
    found = begun.findings
    for told in ask(session, begun):
        if isinstance(told, RouterTold):
            found = replace(
                found, is_shown=told.is_shown, has_local_secret=told.has_local_secret, rate_shown=told.rate_bps
            )
            yield of_session(found, begun.session, told.problem)
            yield of_speed(found, begun.rate_limit)
        else:
            found = replace(found, coa_answers=told.answers)
            yield of_coa(told.answers, told.round_trip_ms, begun.no_coa)
    yield conclusion(diagnose(found), found, begun.facts)


def examine(
    session: Session, *, actor: Actor, now: datetime, subscription_id: int, then: Callable[[], object]
) -> Report:
    """The whole walk at once; `then` commits what `begin` asked for and wakes the sender of probes."""
    begun = begin(session, actor=actor, now=now, subscription_id=subscription_id)
    then()
    return report_of(begun, list(walk(session, begun)))


def report_of(begun: Examination, told: Sequence[Step | Conclusion]) -> Report:
    """What was walked, for who wants it whole; its steps in the order in which a person looks."""
    steps = [one for one in told if isinstance(one, Step)]
    return Report(
        subscription_id=begun.facts.subscription_id,
        customer_id=begun.facts.customer_id,
        username=begun.username,
        steps=tuple(sorted(steps, key=lambda step: STEPS.index(step.name))),
        conclusion=next(one for one in told if isinstance(one, Conclusion)),
        took_ms=round((time.monotonic() - begun.began_s) * 1000),
    )

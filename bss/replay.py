"""Recorded decisions made again by the rules as they are now: what would have been decided otherwise, and how often.

Each is made from what its record and its receipt hold, so no table of today has a say. What the policy did not decide
is not made again: passwords are checked by FreeRADIUS, and of a name that nobody has there is nothing to decide from.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from bss.actor import Actor
from bss.failure import Invalid, Problem
from db.engine import psycopg_of
from db.queries.receipts import RecordedDecision, recorded_decisions
from radius.pairs import UnableToRender
from radius.receipts import Outcome, Told, decide_in_full, login_again, read_receipt, recorded

# Found after the rules had let the login go on, and before they were asked.
AFTERWARDS = "wrong_password"
NOT_BY_RULES = ("unreadable", "policy_error")
EXAMPLES = 5
MAX_RECEIPTS = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One decision that comes out otherwise. `changed` names the reply attributes that are not the same."""

    decision_id: str
    decided_at: datetime
    username: str
    was: str
    would_be: str
    changed: tuple[str, ...] = ()


@dataclass(kw_only=True, slots=True)
class Replay:
    """What came of it. `not_made_again` counts by reason; `differences` by (was, would be), with some examples each."""

    decisions: int = 0
    same: int = 0
    not_made_again: Counter[str] = field(default_factory=Counter)
    differences: Counter[tuple[str, str]] = field(default_factory=Counter)
    examples: list[Difference] = field(default_factory=list)

    @property
    def different(self) -> int:
        """How many decisions come out otherwise."""
        return self.differences.total()


def replay(session: Session, *, actor: Actor, since: datetime, until: datetime) -> Replay:
    """Make the decisions of a half-open period again; raises `Invalid` when it is no period."""
    if until <= since:
        raise Invalid(Problem(field="to", reason="is not after the beginning", mend="give a later moment"))
    found = recorded_decisions(psycopg_of(session), tenant_id=actor.tenant_id, since=since, until=until)
    return compare(found)


def compare(decisions: Iterable[RecordedDecision]) -> Replay:
    """Make decisions again and count what comes of it."""
    result = Replay()
    known: dict[str, Told] = {}
    for decision in decisions:
        result.decisions += 1
        if decision.body is None or decision.reason in NOT_BY_RULES:
            result.not_made_again[decision.reason if decision.receipt_id is None else _why(decision)] += 1
            continue
        try:
            difference = _made_again(decision, _told(decision.receipt_id or "", decision.body, known))
        except ValueError:
            result.not_made_again["receipt_unreadable"] += 1
            continue
        if difference is None:
            result.same += 1
        else:
            _count(result, difference)
    return result


def _why(decision: RecordedDecision) -> str:
    return decision.reason if decision.reason in NOT_BY_RULES else "receipt_not_kept"


def _count(result: Replay, difference: Difference) -> None:
    kind = (difference.was, difference.would_be)
    result.differences[kind] += 1
    if result.differences[kind] <= EXAMPLES:
        result.examples.append(difference)


def _made_again(decision: RecordedDecision, told: Told) -> Difference | None:
    login = login_again(told, decision)
    # What the rules said of a login whose password was wrong in the end is the receipt's.
    went_on = decision.result == "accept" or decision.reason == AFTERWARDS
    reason = told.reason if decision.reason == AFTERWARDS else decision.reason
    then = recorded(told, login, is_accepted=went_on, reason=reason)
    try:
        anew = decide_in_full(login)
    except UnableToRender:
        anew = Outcome(rules=(), refusal="policy_error", reason="policy_error", reply=())
    if (anew.refusal is None, anew.reason, anew.reply) == (went_on, reason, then.reply):
        return None
    return Difference(
        decision_id=decision.decision_id,
        decided_at=decision.decided_at,
        username=decision.username,
        was=reason,
        would_be=anew.reason,
        changed=_changed(then, anew),
    )


def _told(receipt_id: str, body: dict[str, Any], known: dict[str, Told]) -> Told:
    """A receipt read once for the decisions that name it, as long as there is room."""
    told = known.get(receipt_id)
    if told is None:
        if len(known) >= MAX_RECEIPTS:
            known.clear()
        told = known[receipt_id] = read_receipt(body)
    return told


def _changed(then: Outcome, anew: Outcome) -> tuple[str, ...]:
    """The attributes in which two replies differ, in alphabetical order; none where one of them is a refusal."""
    if then.refusal is not None or anew.refusal is not None:
        return ()
    return tuple(sorted({name for name, *_ in set(then.reply) ^ set(anew.reply)}))

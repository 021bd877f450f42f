"""Roll-outs of a plan's change: whom it is for, what became of those asked, and the books of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from sqlalchemy import case, func, select, update
from sqlalchemy.orm import Session

from db.models import PlanRollout, SessionChange
from db.queries.gardens import IN_GARDEN
from domain.bulk import TAKEN_BACK
from domain.live_change import WAITING
from domain.rollout import OPEN_STATES, StageCounts

Connection = psycopg.Connection[Any]

# Whoever is in a walled garden has the garden's speed, whatever the plan's is.
_OF_PLAN = f"""
FROM radacct_open r JOIN subscriptions s ON s.id = r.subscription_id
WHERE r.acctstoptime IS NULL AND s.service_plan_id = %(plan_id)s AND s.deleted_at IS NULL AND NOT {IN_GARDEN}
"""
# The order is by chance, and the same whenever it is asked: a stage shall not be one router's customers only.
_NEXT = f"""
SELECT r.acctuniqueid, r.subscription_id {_OF_PLAN}
  AND r.acctstarttime < %(begun_before)s
  AND NOT EXISTS (SELECT FROM session_changes c
      WHERE c.plan_rollout_id = %(rollout_id)s AND c.acctuniqueid = r.acctuniqueid)
ORDER BY md5(r.acctuniqueid || %(rollout_id)s::text) LIMIT %(most)s
"""  # noqa: S608 - our own text


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A running session that a roll-out has not asked yet."""

    acctuniqueid: str
    subscription_id: int


def next_sessions(
    connection: Connection, *, plan_id: int, rollout_id: int, begun_before: datetime, most: int
) -> list[Candidate]:
    """The plan's sessions outside gardens that began before the roll-out and were not asked yet, at most `most`."""
    values = {"plan_id": plan_id, "rollout_id": rollout_id, "begun_before": begun_before, "most": most}
    return [Candidate(acctuniqueid=row[0], subscription_id=row[1]) for row in connection.execute(_NEXT, values)]


def count_sessions_of_plan(connection: Connection, plan_id: int) -> int:
    """How many sessions run under the plan now, outside gardens."""
    row = connection.execute(f"SELECT count(*) {_OF_PLAN}", {"plan_id": plan_id}).fetchone()
    return 0 if row is None else int(row[0])


def counts_of(session: Session, rollout_ids: Sequence[int]) -> Mapping[int, StageCounts]:
    """What became of the sessions that each roll-out asked."""
    what = case(
        (SessionChange.status.in_(WAITING), "waiting"),
        (SessionChange.status == "ack", "done"),
        (SessionChange.status.in_(("nak", "timeout")), "failed"),
        else_="gone",
    )
    rows = session.execute(
        select(SessionChange.plan_rollout_id, what, func.count())
        .where(SessionChange.plan_rollout_id.in_(rollout_ids))
        .group_by(SessionChange.plan_rollout_id, what)
    )
    found: dict[int, dict[str, int]] = {rollout_id: {} for rollout_id in rollout_ids}
    for rollout_id, word, number in rows:
        found[rollout_id][word] = number
    return {key: StageCounts(asked=sum(counts.values()), **counts) for key, counts in found.items()}


def rollouts_of_plan(session: Session, plan_id: int, *, limit: int) -> Sequence[PlanRollout]:
    """The plan's roll-outs, the newest first."""
    statement = select(PlanRollout).where(PlanRollout.service_plan_id == plan_id)
    return session.scalars(statement.order_by(PlanRollout.id.desc()).limit(limit)).all()


def running_rollouts(session: Session, *, limit: int) -> Sequence[int]:
    """The ids of the roll-outs that have work to do or answers to wait for."""
    statement = select(PlanRollout.id).where(PlanRollout.state == "running").order_by(PlanRollout.id).limit(limit)
    return session.scalars(statement).all()


def claim_rollout(session: Session, rollout_id: int) -> PlanRollout | None:
    """A running roll-out, locked; None while somebody else holds it or when it runs no longer."""
    statement = (
        select(PlanRollout)
        .where(PlanRollout.id == rollout_id, PlanRollout.state == "running")
        .with_for_update(skip_locked=True)
    )
    return session.scalars(statement, execution_options={"populate_existing": True}).one_or_none()


def replace_open(session: Session, plan_id: int, *, now: datetime) -> None:
    """End the plan's roll-out that is under way: something newer is for all of its sessions."""
    session.execute(
        update(PlanRollout)
        .where(PlanRollout.service_plan_id == plan_id, PlanRollout.state.in_(OPEN_STATES))
        .values(state="replaced", finished_at=now)
    )


def take_back_waiting(session: Session, rollout_id: int, *, now: datetime) -> int:
    """Take back the changes that have not left yet; their sessions may be asked again. Returns how many."""
    taken = session.execute(
        update(SessionChange)
        .where(SessionChange.plan_rollout_id == rollout_id, SessionChange.status == "pending")
        .values(status="superseded", finished_at=now, plan_rollout_id=None, error_cause=TAKEN_BACK)
        .returning(SessionChange.id)
    )
    return len(taken.all())

"""A plan's change given to running sessions in stages: 1 %, 10 %, all, with a stop in between.

The plan itself is changed at once, so who logs in from now on has it. Only sessions that run already wait for their
stage. A stage is asked for in portions, by whoever starts it and then by a job, so no request waits for all of them.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from accounting.fairuse import rate_limit
from bss import audit, fields, plans
from bss.actor import Actor
from bss.failure import Conflict, Problem, flush_or_conflict
from bss.outcome import Changed, Effect
from bss.plan_fields import EDITABLE, RATE_FIELDS
from bss.rows import find, locked
from db.engine import psycopg_of
from db.models import PlanRollout, ServicePlan
from db.queries.access import profiles_by_id
from db.queries.live_changes import enqueue_change
from db.queries.rollouts import (
    Candidate,
    claim_rollout,
    count_sessions_of_plan,
    counts_of,
    next_sessions,
    replace_open,
    rollouts_of_plan,
    take_back_waiting,
)
from domain.rollout import LAST_STAGE, OPEN_STATES, StageCounts, must_stop, sessions_until, state_when_asked

# So many sessions are asked in one transaction.
PORTION = 1_000
FAILURES_PERCENT = 5
REASON = "plan_change"

_OTHER_OPEN = {
    "uq_plan_rollouts_open": Problem(
        field="", reason="another roll-out of this plan is under way", mend="let it end, or stop it first"
    )
}


def start(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    plan_id: int,
    changes: Mapping[str, Any],
    is_automatic: bool = False,
    failures_percent: int = FAILURES_PERCENT,
) -> Changed[PlanRollout | None]:
    """Change the plan as `plans.edit` does and give it to the first 1 % of the running sessions.

    `is_automatic` goes on by itself when a stage is over; either way it stops when more than `failures_percent` of the
    routers' answers are refusals or silence. Without a change of speed, or with nobody online, there is no roll-out.
    """
    most = fields.whole(failures_percent, field="failures_percent", least=0, most=100)
    plan = locked(session, ServicePlan, plan_id, actor=actor)
    before = _as_given(plan, changes)
    plans.edit(session, actor=actor, now=now, plan_id=plan_id, changes=changes, apply_live=False)
    after = _as_given(plan, changes)
    sessions = count_sessions_of_plan(psycopg_of(session), plan_id)
    changed = {name for name in changes if before[name] != after[name]}
    if not changed & RATE_FIELDS or not sessions:
        return Changed(row=None)
    replace_open(session, plan_id, now=now)
    rollout = PlanRollout(
        tenant_id=actor.tenant_id,
        service_plan_id=plan_id,
        state="running",
        stage=1,
        is_automatic=bool(is_automatic),
        failures_percent=most,
        sessions=sessions,
        plan_before={name: before[name] for name in sorted(changed)},
        plan_after={name: after[name] for name in sorted(changed)},
        requested_by=actor.name,
        started_at=now,
    )
    session.add(rollout)
    flush_or_conflict(session, _OTHER_OPEN)
    _record(session, actor, now, "started", rollout)
    return Changed(row=rollout, effect=_ask(session, rollout, StageCounts(), now))


def advance(session: Session, *, actor: Actor, now: datetime, rollout_id: int) -> Changed[PlanRollout]:
    """Begin the next stage, or go on where the roll-out was stopped, whatever failed until then."""
    rollout = locked(session, PlanRollout, rollout_id, actor=actor)
    if rollout.state not in ("waiting", "stopped"):
        raise Conflict(
            Problem(field="", reason=f"a roll-out that is {rollout.state} cannot go on", mend="load it again")
        )
    newest = rollouts_of_plan(session, rollout.service_plan_id, limit=1)[0]
    if newest.id != rollout.id:
        raise Conflict(Problem(field="", reason="a newer roll-out of this plan has begun", mend="go on with that one"))
    if rollout.state == "stopped":
        # Whoever goes on after failures has seen them.
        rollout.failures_percent = 100 if rollout.stopped_because == "failures" else rollout.failures_percent
    if rollout.state == "waiting" or _is_asked(session, rollout):
        rollout.stage = min(LAST_STAGE, rollout.stage + 1)
    rollout.state, rollout.stopped_because, rollout.finished_at, rollout.stage_at = "running", None, None, None
    flush_or_conflict(session, _OTHER_OPEN)
    _record(session, actor, now, "advanced", rollout)
    return Changed(row=rollout, effect=_ask(session, rollout, counts(session, rollout), now))


def stop(session: Session, *, actor: Actor, now: datetime, rollout_id: int) -> Changed[PlanRollout]:
    """Ask no more sessions, and take back what has not left yet. Who has the new speed keeps it."""
    rollout = locked(session, PlanRollout, rollout_id, actor=actor)
    if rollout.state not in OPEN_STATES:
        raise Conflict(
            Problem(field="", reason=f"a roll-out that is {rollout.state} cannot be stopped", mend="load it again")
        )
    _stop(session, rollout, now, because="staff")
    _record(session, actor, now, "stopped", rollout)
    session.flush()
    return Changed(row=rollout)


def step(session: Session, *, now: datetime, rollout_id: int) -> int | None:
    """One portion of a running roll-out: ask more sessions, or see what became of those asked.

    Returns how many were asked; None when there is nothing more to do for now.
    """
    rollout = claim_rollout(session, rollout_id)
    if rollout is None:
        return None
    so_far = counts(session, rollout)
    if must_stop(so_far, rollout.failures_percent):
        _stop(session, rollout, now, because="failures")
        _record(session, _system(rollout), now, "stopped", rollout)
        return None
    if rollout.stage_at is None:
        return _ask(session, rollout, so_far, now).sessions
    return _see_what_became(session, rollout, so_far, now)


def counts(session: Session, rollout: PlanRollout) -> StageCounts:
    """What became of the sessions asked so far."""
    return counts_of(session, [rollout.id])[rollout.id]


def of_plan(session: Session, *, actor: Actor, plan_id: int, limit: int = 20) -> Sequence[PlanRollout]:
    """The plan's roll-outs, the newest first."""
    find(session, ServicePlan, plan_id, actor=actor)
    return rollouts_of_plan(session, plan_id, limit=limit)


def _see_what_became(session: Session, rollout: PlanRollout, so_far: StageCounts, now: datetime) -> int | None:
    state = state_when_asked(rollout.stage, so_far)
    if state == "waiting" and rollout.is_automatic:
        rollout.stage, rollout.stage_at = rollout.stage + 1, None
        return _ask(session, rollout, so_far, now).sessions
    if state != "running":
        rollout.state = state
        rollout.finished_at = now if state == "done" else None
        if state == "done":
            _record(session, _system(rollout), now, "done", rollout)
    return None


def _ask(session: Session, rollout: PlanRollout, so_far: StageCounts, now: datetime) -> Effect:
    """Ask the next portion of the stage; notes when all of it has been asked."""
    session.flush()
    left = sessions_until(rollout.stage, rollout.sessions) - so_far.asked
    is_last = rollout.stage == LAST_STAGE
    most = PORTION if is_last else min(PORTION, max(0, left))
    found = next_sessions(
        psycopg_of(session),
        plan_id=rollout.service_plan_id,
        rollout_id=rollout.id,
        begun_before=rollout.started_at,
        most=most,
    )
    if len(found) < most or (not is_last and left <= most):
        rollout.stage_at = now
    effect = _tell(session, rollout, found, now)
    session.flush()
    return effect


def _tell(session: Session, rollout: PlanRollout, found: Sequence[Candidate], now: datetime) -> Effect:
    connection = psycopg_of(session)
    profiles = profiles_by_id(connection, {item.subscription_id for item in found})
    known = [item for item in found if item.subscription_id in profiles]
    each = {item.acctuniqueid: rate_limit(profiles[item.subscription_id][0], now) for item in known}
    ids = enqueue_change(
        connection,
        kind="coa",
        reason=REASON,
        requested_by=rollout.requested_by,
        now=now,
        sessions=list(each),
        attributes_of=each,
        plan_rollout_id=rollout.id,
    )
    return Effect(coa_ids=tuple(ids))


def _stop(session: Session, rollout: PlanRollout, now: datetime, *, because: str) -> None:
    take_back_waiting(session, rollout.id, now=now)
    rollout.state, rollout.stopped_because, rollout.finished_at = "stopped", because, now


def _is_asked(session: Session, rollout: PlanRollout) -> bool:
    return counts(session, rollout).asked >= sessions_until(rollout.stage, rollout.sessions)


def _as_given(plan: ServicePlan, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that the changes name, as they are now and as JSON takes them."""
    plan_fields = [name for name in changes if name in EDITABLE and name not in plans.LISTS]
    values = {name: _plain(value) for name, value in audit.snapshot(plan, plan_fields).items()}
    return values | {name: rows for name, rows in plans.lists_of(plan).items() if name in changes}


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _system(rollout: PlanRollout) -> Actor:
    return Actor.system(tenant_id=rollout.tenant_id, name="roll-out")


def _record(session: Session, actor: Actor, now: datetime, what: str, rollout: PlanRollout) -> None:
    new = {"plan_id": rollout.service_plan_id, "stage": rollout.stage, "state": rollout.state}
    audit.record(session, actor=actor, now=now, action=f"plan_rollout.{what}", entity=rollout, new=new)

"""Work on many customers: an import, or an action on a selection. Item by item, each whole or not at all.

What is to be done stands in the database; a job goes on where it was, whoever takes it up.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.exc import DataError
from sqlalchemy.orm import Session

from bss import audit, customer_bulk, customer_import, fields
from bss.actor import Actor
from bss.customer_file import read
from bss.failure import Conflict, Failure, Invalid, Problem, flush_or_conflict
from bss.outcome import Effect
from bss.rows import find, locked, tenant_of
from db.engine import use_tenant
from db.models import CustomerJob, CustomerJobItem
from db.queries import customer_jobs as queries
from db.queries.customer_lists import CustomerFilter, ids_of_customers
from db.queries.operators import with_descendants
from db.scope import operators_in_use, use_operators
from domain.customer_file import COLUMNS, OF_THE_BOOKS, SECRET, Row, UnreadableFile, repeated
from domain.customer_jobs import MOST_ITEMS
from domain.lifecycle import IllegalMove

# So many items in one transaction.
PORTION = 50
KEPT = timedelta(days=90)
_RUNNING = {
    "uq_customer_jobs_running": Problem(
        field="", reason="another job on many customers is running", mend="wait until it is done, or stop it"
    )
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Portion:
    """What one step did: how many items it looked at, and what follows on the network."""

    items: int
    effect: Effect = field(default_factory=Effect)


def start_import(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    content: bytes,
    file_name: str = "",
    check_duplicates: bool = True,
    dry_run: bool = False,
) -> CustomerJob:
    """Begin to add the customers of a CSV file, or with `dry_run` to say what would become of each row.

    Raises `Invalid` when the file as a whole cannot be read, `Conflict` while another job runs. `step` goes on.
    """
    try:
        rows = read(content)
    except UnreadableFile as problem:
        raise Invalid(Problem(field="file", reason=str(problem), mend=problem.mend)) from None
    twice = repeated(rows)
    items = [_row_item(row, twice.get(row.number)) for row in rows]
    action = "preview" if dry_run else "import"
    arguments = {"check_duplicates": bool(check_duplicates)}
    name = fields.text(file_name, field="file", longest=1000)[-255:]
    return _start(session, actor, now, "import", action, items, arguments, file_name=name)


def gives_balances(content: bytes) -> bool:
    """Whether a file for `start_import` says what customers have or owe: for that one has to be trusted with more."""
    try:
        return any(name in row.values for row in read(content) for name in OF_THE_BOOKS)
    except UnreadableFile:
        return False


def start_bulk(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    action: str,
    customer_ids: Sequence[int] | None = None,
    fits: CustomerFilter | None = None,
    arguments: Mapping[str, Any] | None = None,
) -> CustomerJob:
    """Begin an action on the chosen customers, or on all that fit a filter. `step` goes on.

    Raises `Invalid` when there are none or too many, `Conflict` while another job runs.
    """
    clean = customer_bulk.check(session, actor=actor, action=action, arguments=arguments or {})
    if (customer_ids is None) == (fits is None):
        raise Invalid(Problem(field="customer_ids", reason="is missing", mend="give customers, or a filter"))
    if fits is not None:
        ids = ids_of_customers(session, tenant_id=actor.tenant_id, fits=fits, most=MOST_ITEMS + 1)
    else:
        ids = list(dict.fromkeys(customer_ids or ()))
    if not 0 < len(ids) <= MOST_ITEMS:
        reason = "finds nobody" if not ids else f"is for more than {MOST_ITEMS} customers"
        raise Invalid(Problem(field="customer_ids", reason=reason, mend="choose others, or narrow the filter"))
    # Kept as asked for, and no reference: one that is not there is that item's problem.
    items = [
        CustomerJobItem(position=position, data=json.dumps({"customer_id": customer_id}))
        for position, customer_id in enumerate(ids, start=1)
    ]
    return _start(session, actor, now, "bulk", action, items, clean)


def stop(session: Session, *, actor: Actor, now: datetime, job_id: int) -> CustomerJob:
    """Go on no further; what was done stays."""
    job = locked(session, CustomerJob, job_id, actor=actor)
    if job.state != "running":
        raise Conflict(Problem(field="", reason=f"it is {job.state} already", mend="load it again"))
    job.state, job.finished_at = "stopped", now
    _record(session, actor, now, "stopped", job)
    session.flush()
    return job


def get(session: Session, *, actor: Actor, job_id: int) -> CustomerJob:
    """One of the provider's jobs."""
    return find(session, CustomerJob, job_id, actor=actor)


def step(session: Session, *, now: datetime, job_id: int) -> Portion | None:
    """Do the next items; None when the job is over or somebody else is at it. The caller commits.

    The session sees what the one who asked for it sees, until the step is done.
    """
    before = operators_in_use(session)
    use_operators(session, None)
    try:
        job = queries.claim_job(session, job_id)
        if job is None:
            return None
        use_tenant(session, job.tenant_id)
        return _portion(session, job, now)
    finally:
        use_operators(session, before)


def run_at_once(session: Session, *, now: datetime, job: CustomerJob) -> Effect:
    """Do a short job to its end."""
    effect = Effect()
    while (portion := step(session, now=now, job_id=job.id)) is not None:
        effect += portion.effect
    return effect


def values_of(item: CustomerJobItem) -> dict[str, str]:
    """What a failed row of a file said, without its secrets."""
    said = json.loads(item.data) if item.data else {}
    return {name: value for name, value in said.items() if name not in SECRET}


def error_rows(session: Session, job: CustomerJob) -> Iterator[tuple[Any, ...]]:
    """What failed, to be mended and sent again: the names of the columns, then each row with its reason before it."""
    columns = COLUMNS if job.kind == "import" else ("customer_id",)
    shown = [name for name in columns if name not in SECRET]
    yield ("row", "error", *shown)
    last = 0
    while items := queries.items_of(session, job.id, state="failed", after=last):
        for item in items:
            said = values_of(item)
            reasons = "; ".join(_sentence(problem) for problem in item.problems or [])
            yield (item.position, reasons, *(said.get(name, "") for name in shown))
        last = items[-1].position


def _sentence(problem: Mapping[str, str]) -> str:
    text = f"{problem['field']} {problem['reason']}".strip()
    return f"{text}: {problem['mend']}" if problem["mend"] else text


def _portion(session: Session, job: CustomerJob, now: datetime) -> Portion:
    items = queries.waiting_items(session, job.id, limit=PORTION)
    actor = _actor_of(job)
    if job.operator_id is not None:
        use_operators(session, with_descendants(session, job.operator_id))
    effect = Effect()
    # What every item reads again, the provider and the plans, is held so that the session keeps it in memory.
    held: list[object] = [tenant_of(session, actor=actor)]
    for item in items:
        effect += _do(session, job, item, actor, now, held)
    job.done += sum(item.state == "done" for item in items)
    job.failed += sum(item.state == "failed" for item in items)
    if len(items) < PORTION:
        job.state, job.finished_at = "done", now
        _record(session, actor, now, "done", job)
    session.flush()
    return Portion(items=len(items), effect=effect)


class _Rehearsed(Exception):
    """Thrown to take back what a preview did."""


def _do(
    session: Session, job: CustomerJob, item: CustomerJobItem, actor: Actor, now: datetime, held: list[object]
) -> Effect:
    """One item in a savepoint of its own: whatever happens to it, the others are not concerned."""
    effect = Effect()
    try:
        with session.begin_nested():
            effect = _act(session, job, item, actor, now, held)
            if job.action == "preview":
                raise _Rehearsed
    except _Rehearsed:
        item.state, item.customer_id, item.data = "done", None, None
        return Effect()
    except (Failure, IllegalMove, DataError) as refusal:
        item.state, item.problems = "failed", _problems(refusal)
        return Effect()
    item.state, item.data = "done", None
    return effect


def _act(
    session: Session, job: CustomerJob, item: CustomerJobItem, actor: Actor, now: datetime, held: list[object]
) -> Effect:
    said = json.loads(item.data or "{}")
    if job.kind == "import":
        check = bool(job.arguments.get("check_duplicates", True))
        account = customer_import.add(session, actor=actor, now=now, values=said, check_duplicates=check)
        item.customer_id = account.customer.id
        if account.issued is None:
            return Effect()
        held.append(account.issued.row.plan)
        return account.issued.effect
    customer_id = int(said["customer_id"])
    effect = customer_bulk.act(
        session, actor=actor, now=now, customer_id=customer_id, action=job.action, arguments=job.arguments
    )
    item.customer_id = customer_id
    return effect


def _problems(refusal: Failure | IllegalMove | DataError) -> list[dict[str, Any]]:
    if isinstance(refusal, Failure):
        return [
            {"field": problem.field, "reason": problem.reason, "mend": problem.mend} for problem in refusal.problems
        ]
    reason = str(refusal) if isinstance(refusal, IllegalMove) else "holds a value that cannot be kept"
    return [{"field": "", "reason": reason, "mend": ""}]


def _row_item(row: Row, twice: tuple[str, int] | None) -> CustomerJobItem:
    item = CustomerJobItem(position=row.number, data=json.dumps(dict(row.values)), state="waiting")
    if twice is not None:
        name, first = twice
        item.state = "failed"
        item.problems = [{"field": name, "reason": f"is in row {first} too", "mend": "take one of the rows away"}]
    return item


def _start(
    session: Session,
    actor: Actor,
    now: datetime,
    kind: str,
    action: str,
    items: Sequence[CustomerJobItem],
    arguments: Mapping[str, Any],
    file_name: str = "",
) -> CustomerJob:
    queries.forget_old_jobs(session, actor.tenant_id, before=now - KEPT)
    job = CustomerJob(
        tenant_id=actor.tenant_id,
        kind=kind,
        state="running",
        action=action,
        arguments=dict(arguments),
        file_name=file_name,
        total=len(items),
        done=0,
        failed=sum(item.state == "failed" for item in items),
        requested_by=actor.name,
        requested_by_id=actor.user_id,
        operator_id=actor.operator_id,
        started_at=now,
    )
    session.add(job)
    flush_or_conflict(session, _RUNNING)
    for item in items:
        item.job_id = job.id
    session.add_all(items)
    session.flush()
    _record(session, actor, now, "started", job)
    return job


def _actor_of(job: CustomerJob) -> Actor:
    kind = "system" if job.requested_by_id is None else "user"
    return Actor(
        tenant_id=job.tenant_id,
        kind=kind,
        name=job.requested_by,
        user_id=job.requested_by_id,
        operator_id=job.operator_id,
    )


def _record(session: Session, actor: Actor, now: datetime, what: str, job: CustomerJob) -> None:
    new = {name: getattr(job, name) for name in ("kind", "action", "arguments", "file_name", "total", "done", "failed")}
    audit.record(session, actor=actor, now=now, action=f"customer_job.{what}", entity=job, new=new)

"""The business's own jobs as Celery runs them: a transaction, the time, and a wake-up for the sender."""

from datetime import UTC, datetime

from sqlalchemy.orm import Session

from bss import bulk_changes, customer_jobs, rollouts, voucher_sheets
from bss.temporary_speeds import BATCH, end_over
from db.engine import one_session, own_sessions
from db.queries.bulk_changes import running_bulks
from db.queries.customer_jobs import running_jobs
from db.queries.rollouts import running_rollouts
from db.queries.voucher_sheets import claim_sheet, note_progress
from paper.documents import sheet_pdf
from paper.press import PaperFailure
from runtime.logs import get_logger
from runtime.settings import get_settings
from runtime.tasks import app, nudge_coa

# So many batches in one run at most; what is left waits for the next.
MAX_BATCHES = 20
MAX_ROLLOUTS, MAX_PORTIONS = 100, 100
NUDGE_EVERY = 5
MAX_SHEETS = 10

log = get_logger("bss.tasks")


@app.task(name="bss.temporary-speeds")
def end_temporary_speeds() -> int:
    """Take temporary speeds back whose time is over; every half minute."""
    total = 0
    with one_session(get_settings().database_url) as session:
        for _ in range(MAX_BATCHES):
            ended, effect = end_over(session, now=datetime.now(UTC))
            session.commit()
            total += ended
            if effect.sessions:
                nudge_coa()
            if ended < BATCH:
                break
    if total:
        log.info("temporary speeds ended", ended=total)
    return total


@app.task(name="bss.rollouts")
def continue_rollouts() -> int:
    """Ask the sessions whose stage of a roll-out has come, and see what became of those asked; every five seconds."""
    asked = 0
    with one_session(get_settings().database_url) as session:
        for rollout_id in running_rollouts(session, limit=MAX_ROLLOUTS):
            for _ in range(MAX_PORTIONS):
                portion = rollouts.step(session, now=datetime.now(UTC), rollout_id=rollout_id)
                session.commit()
                if not portion:
                    break
                asked += portion
                nudge_coa()
    if asked:
        log.info("roll-outs continued", asked=asked)
    return asked


@app.task(name="bss.customer-jobs")
def continue_customer_jobs() -> int:
    """Go on with imports and actions on many customers; every two seconds."""
    items = 0
    with own_sessions(get_settings().database_url) as sessions:
        with sessions() as session:
            job_ids = running_jobs(session, limit=MAX_ROLLOUTS)
        for job_id in job_ids:
            # One of its own for each: a job's session sees one provider, and of an operator's job only his customers.
            with sessions() as session:
                items += _go_on(session, job_id)
    if items:
        log.info("work on many customers continued", items=items)
    return items


def _go_on(session: Session, job_id: int) -> int:
    items = 0
    for _ in range(MAX_PORTIONS):
        portion = customer_jobs.step(session, now=datetime.now(UTC), job_id=job_id)
        session.commit()
        if portion is None:
            break
        items += portion.items
        if portion.effect.sessions:
            nudge_coa()
    return items


@app.task(name="bss.bulk-changes")
def continue_bulk_changes() -> int:
    """Ask the next sessions of changes to many, and see which are over; every two seconds."""
    looked_at = 0
    with one_session(get_settings().database_url) as session:
        for bulk_id in running_bulks(session, limit=MAX_ROLLOUTS):
            for number in range(MAX_PORTIONS):
                portion = bulk_changes.step(session, now=datetime.now(UTC), bulk_id=bulk_id)
                session.commit()
                if not portion:
                    break
                looked_at += portion
                # A sender that is at work finds the next portion by itself; one more would only be in its way.
                if number % NUDGE_EVERY == 0:
                    nudge_coa()
    if looked_at:
        log.info("changes to many continued", looked_at=looked_at)
    return looked_at


@app.task(name="bss.voucher-sheets")
def print_voucher_sheets() -> int:
    """Print sheets of vouchers that wait, and drop those that are a day old; every five seconds."""
    printed = 0
    with one_session(get_settings().database_url) as session:
        voucher_sheets.forget(session, now=datetime.now(UTC))
        session.commit()
        while printed < MAX_SHEETS and _print_next(session):
            printed += 1
    if printed:
        log.info("sheets of vouchers printed", sheets=printed)
    return printed


def _print_next(session: Session) -> bool:
    sheet = claim_sheet(session, now=datetime.now(UTC), lease=voucher_sheets.LEASE)
    if sheet is None:
        session.rollback()
        return False
    sheet_id, wanted = sheet.id, voucher_sheets.laid_out(session, sheet=sheet, now=datetime.now(UTC))
    session.commit()

    def tell(done: int) -> None:
        note_progress(session, sheet_id, done=done, now=datetime.now(UTC), lease=voucher_sheets.LEASE)
        session.commit()

    pdf, problem = None, "no voucher of this kind is left in the batch"
    try:
        pdf = None if wanted is None else sheet_pdf(wanted, told=tell)
    except PaperFailure as error:
        problem = str(error)
    voucher_sheets.finish(session, sheet_id=sheet_id, now=datetime.now(UTC), pdf=pdf, problem="" if pdf else problem)
    session.commit()
    return True

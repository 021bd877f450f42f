"""Sheets of vouchers on their way to paper: claimed by one worker at a time, and kept for a day."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from db.models import VoucherSheet

SHOWN = 20


def sheets_of_batch(session: Session, batch_id: int) -> Sequence[VoucherSheet]:
    """The last sheets of a batch, the newest first, without their bytes."""
    query = select(VoucherSheet).where(VoucherSheet.batch_id == batch_id).order_by(VoucherSheet.id.desc())
    return session.scalars(query.limit(SHOWN)).all()


def claim_sheet(session: Session, *, now: datetime, lease: timedelta) -> VoucherSheet | None:
    """The oldest sheet that waits, or whose worker is gone, taken until `lease` is over. Commit before printing."""
    query = (
        select(VoucherSheet)
        .where(
            VoucherSheet.state.in_(("waiting", "running")),
            or_(VoucherSheet.claimed_until.is_(None), VoucherSheet.claimed_until <= now),
        )
        .order_by(VoucherSheet.id)
        .limit(1)
        .with_for_update(of=VoucherSheet, skip_locked=True)
    )
    found = session.scalars(query).one_or_none()
    if found is not None:
        found.state, found.claimed_until = "running", now + lease
        session.flush()
    return found


def note_progress(session: Session, sheet_id: int, *, done: int, now: datetime, lease: timedelta) -> None:
    """So many vouchers are laid out; whoever prints is still there."""
    statement = update(VoucherSheet).where(VoucherSheet.id == sheet_id, VoucherSheet.state == "running")
    session.execute(statement.values(done_count=done, claimed_until=now + lease))


def waiting_count(session: Session, *, tenant_id: int) -> int:
    """How many sheets of a provider wait or are being printed."""
    query = select(VoucherSheet.id).where(
        VoucherSheet.tenant_id == tenant_id, VoucherSheet.state.in_(("waiting", "running"))
    )
    return len(session.scalars(query).all())


def forget_sheets(session: Session, *, before: datetime) -> int:
    """Drop what was printed before then: a sheet holds codes."""
    statement = delete(VoucherSheet).where(VoucherSheet.created_at < before).returning(VoucherSheet.id)
    return len(session.scalars(statement).all())

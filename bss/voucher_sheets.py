"""Sheets of vouchers to cut apart: a short one at once, a long one in the background, with its progress.

A sheet holds codes, so who asked for it is recorded, and it is kept for a day.
"""

from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from bss import audit, fields, letterhead
from bss.actor import Actor
from bss.failure import Conflict, Invalid, Problem
from bss.rows import find, tenant_of
from bss.vouchers import Draft, batch_of
from db.models import Tenant, VoucherBatch, VoucherSheet
from db.queries.voucher_sheets import forget_sheets, waiting_count
from db.queries.vouchers import codes_of_batch
from domain.voucher import code_of
from paper.documents import LAYOUTS, MAX_CARDS, QR_CHOICES, Card, Sheet, sheet_pdf
from paper.press import PaperFailure
from paper.words import LANGUAGES

# So many take about two seconds, which somebody can wait for.
MAX_AT_ONCE = 300
MAX_WAITING = 5
KEPT = timedelta(days=1)
LEASE = timedelta(minutes=3)
WHICH = ("unused", "unsold")


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """How a sheet looks and what is on it. `skip`: so many codes, in their order, are left out at the beginning."""

    layout: str = "medium"
    qr: str = "code"
    language: str = "id"
    which: str = "unused"
    with_price: bool = True
    skip: int = 0
    count: int = MAX_CARDS


def ask(session: Session, *, actor: Actor, now: datetime, batch_id: int, **options: Any) -> VoucherSheet:
    """Ask for a sheet of a batch (`Options`). A short one is printed here, a long one by a job."""
    batch = batch_of(session, batch_id, actor=actor)
    wanted = _clean(session, actor, options)
    cards = _codes(session, batch, wanted)
    if not cards:
        raise _nothing_left()
    _record(session, actor, now, batch, len(cards))
    sheet = VoucherSheet(
        tenant_id=actor.tenant_id, batch=batch, options=asdict(wanted), state="waiting", total_count=len(cards),
        asked_by=actor.name,
    )  # fmt: skip
    if len(cards) <= MAX_AT_ONCE:
        sheet.pdf = _print(_sheet(session, actor, now, batch, wanted, cards))
        sheet.state, sheet.done_count, sheet.finished_at = "done", len(cards), now
    elif waiting_count(session, tenant_id=actor.tenant_id) >= MAX_WAITING:
        reason = f"{MAX_WAITING} sheets are being printed already"
        raise Conflict(Problem(field="", reason=reason, mend="wait until one is ready"))
    session.add(sheet)
    session.flush()
    return sheet


def composed(session: Session, *, actor: Actor, now: datetime, batch_id: int, **options: Any) -> Sheet:
    """The same sheet as values, for whoever prints it himself."""
    batch = batch_of(session, batch_id, actor=actor)
    wanted = _clean(session, actor, options)
    codes = _codes(session, batch, wanted)
    if not codes:
        raise _nothing_left()
    _record(session, actor, now, batch, len(codes))
    return _sheet(session, actor, now, batch, wanted, codes)


def example(session: Session, *, actor: Actor, now: datetime, batch_id: int, **options: Any) -> Sheet:
    """The first page of the same sheet with made-up codes, so that to look at it tells nobody a real one."""
    batch = batch_of(session, batch_id, actor=actor)
    wanted = _clean(session, actor, options)
    page = replace(wanted, count=min(wanted.count, LAYOUTS[wanted.layout].cards))
    number = len(_codes(session, batch, page))
    if not number:
        raise _nothing_left()
    return _sheet(session, actor, now, batch, wanted, _made_up(batch, number))


def example_of(session: Session, *, actor: Actor, now: datetime, draft: Draft) -> Sheet:
    """The same for vouchers that are not made yet, in the provider's language."""
    options = Options(language=tenant_of(session, actor=actor).locale, layout="large")
    number = min(draft.count, LAYOUTS[options.layout].cards)
    return _sheet(session, actor, now, draft.batch, options, _made_up(draft.batch, number))


def _made_up(batch: VoucherBatch, number: int) -> list[str]:
    """Codes that look like the batch's, always the same ones."""
    steps = count(3, 7)
    return [
        batch.prefix + code_of(batch.code_pattern, lambda letters: letters[next(steps) % len(letters)])
        for _ in range(number)
    ]


def sheet_of(session: Session, sheet_id: int, *, actor: Actor) -> VoucherSheet:
    """A sheet of a batch that the actor may see."""
    sheet = find(session, VoucherSheet, sheet_id, actor=actor)
    batch_of(session, sheet.batch_id, actor=actor)
    return sheet


def pdf_of(session: Session, sheet_id: int, *, actor: Actor) -> bytes:
    """Its bytes; raises `Conflict` while it is not ready."""
    sheet = sheet_of(session, sheet_id, actor=actor)
    if sheet.pdf is None:
        reason = "could not be printed" if sheet.state == "failed" else "is not ready yet"
        raise Conflict(Problem(field="", reason=f"the sheet {reason}", mend="ask for it again, or wait a moment"))
    return sheet.pdf


def laid_out(session: Session, *, sheet: VoucherSheet, now: datetime) -> Sheet | None:
    """What is to be printed for a sheet that was claimed; None when no such voucher is left."""
    actor = Actor.system(tenant_id=sheet.tenant_id, name="voucher sheets")
    options = Options(**sheet.options)
    codes = _codes(session, sheet.batch, options)
    return _sheet(session, actor, now, sheet.batch, options, codes) if codes else None


def finish(session: Session, *, sheet_id: int, now: datetime, pdf: bytes | None, problem: str = "") -> None:
    """Keep what was printed, or why nothing was: that is not tried again."""
    sheet = session.get_one(VoucherSheet, sheet_id, with_for_update=True, populate_existing=True)
    sheet.pdf, sheet.problem = pdf, problem[:500]
    sheet.state = "failed" if pdf is None else "done"
    sheet.done_count = sheet.done_count if pdf is None else sheet.total_count
    sheet.finished_at, sheet.claimed_until = now, None
    session.flush()


def forget(session: Session, *, now: datetime) -> int:
    """Drop sheets that are older than a day; how many."""
    return forget_sheets(session, before=now - KEPT)


def _nothing_left() -> Conflict:
    mend = "make more, or print all that are unused"
    return Conflict(Problem(field="which", reason="no voucher of this kind is left in the batch", mend=mend))


def _record(session: Session, actor: Actor, now: datetime, batch: VoucherBatch, count: int) -> None:
    new = {"batch": batch.name, "count": count}
    audit.record(session, actor=actor, now=now, action="voucher.printed", entity=batch, new=new)


def _clean(session: Session, actor: Actor, given: dict[str, Any]) -> Options:
    unknown = sorted(set(given) - set(Options.__dataclass_fields__))
    if unknown:
        raise Invalid([Problem(field=name, reason="is not an option of a sheet") for name in unknown])
    options = Options(**given)
    fields.one_of(options.layout, field="layout", allowed=tuple(LAYOUTS))
    fields.one_of(options.qr, field="qr", allowed=QR_CHOICES)
    fields.one_of(options.language, field="language", allowed=LANGUAGES)
    fields.one_of(options.which, field="which", allowed=WHICH)
    fields.whole(options.skip, field="skip", least=0, most=1_000_000)
    fields.whole(options.count, field="count", least=1, most=MAX_CARDS)
    if options.qr == "login" and not letterhead.letterhead_of(session, actor=actor).hotspot_login_url:
        mend = "write the address of the hotspot's login page into the letterhead first"
        raise Invalid(Problem(field="qr", reason="nobody said where the hotspot is", mend=mend))
    return options


def _codes(session: Session, batch: VoucherBatch, options: Options) -> list[str]:
    return codes_of_batch(session, batch.id, which=options.which, skip=options.skip, limit=options.count)


def _sheet(
    session: Session, actor: Actor, now: datetime, batch: VoucherBatch, options: Options, codes: list[str]
) -> Sheet:
    tenant, head = tenant_of(session, actor=actor), letterhead.letterhead_of(session, actor=actor)
    zone = ZoneInfo(tenant.timezone)
    return Sheet(
        letterhead=letterhead.on_paper(session, actor=actor),
        language=options.language,
        layout=options.layout,
        batch=batch.name,
        made_on=now.astimezone(zone).date(),
        plan="" if batch.plan is None else batch.plan.name,
        price=batch.price if options.with_price and batch.price else None,
        currency=tenant.currency,
        validity_s=batch.validity_s,
        time_limit_s=batch.time_limit_s,
        data_limit_bytes=batch.data_limit_bytes,
        credit=batch.credit,
        use_by=_last_day(batch, tenant),
        how=head.voucher_note,
        cards=[Card(code=code, qr_text=_qr(options, head.hotspot_login_url, batch, code)) for code in codes],
    )


def _last_day(batch: VoucherBatch, tenant: Tenant) -> Any:
    """The last whole day on which it can be used."""
    if batch.sell_until is None:
        return None
    return (batch.sell_until - timedelta(microseconds=1)).astimezone(ZoneInfo(tenant.timezone)).date()


def _qr(options: Options, url: str, batch: VoucherBatch, code: str) -> str:
    if options.qr == "none":
        return ""
    # A voucher of money logs in nowhere.
    return letterhead.login_address(url, code) if options.qr == "login" and url and batch.kind == "access" else code


def _print(sheet: Sheet) -> bytes:
    try:
        return sheet_pdf(sheet)
    except PaperFailure as error:
        mend = "try it again in a moment"
        raise Conflict(Problem(field="", reason=f"the paper could not be printed: {error}", mend=mend)) from error

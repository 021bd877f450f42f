"""Who did what: the audit log, searched by person, thing, action and day."""

from datetime import date, datetime, time, timedelta
from typing import Any

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from db.models import AuditLog
from db.queries.lists import AuditFilter, page_of_audit
from db.queries.paging import Wanted
from webadmin.panel.support import PAGE_SIZE, Page, argument_id, db, page_number, render, tenant, today, zone
from webadmin.panel.words import ENTITY_WORDS
from webadmin.permissions import requires

blueprint = Blueprint("audit", __name__)
DAYS_SHOWN = 30
LONGEST = 60
NOTHING = "–"  # noqa: RUF001 - a dash as in the rest of the panel


@blueprint.get("/audit")
@requires("view_audit")
def index() -> ResponseReturnValue:
    """The newest entries that fit; the last month unless other days are asked for."""
    first = _day("first") or today() - timedelta(days=DAYS_SHOWN - 1)
    last = _day("last") or today()
    kind = request.args.get("kind", "")
    asked = {"actor": _text("actor"), "action": _text("action"), "kind": kind if kind in ENTITY_WORDS else ""}
    fits = AuditFilter(
        actor=asked["actor"] or None,
        action=asked["action"] or None,
        entity_type=asked["kind"] or None,
        entity_id=argument_id("number"),
        after=_midnight(first),
        before=_midnight(last + timedelta(days=1)),
    )
    number = page_number()
    wanted = Wanted(sort="-created_at", page=number, page_size=PAGE_SIZE)
    listed = page_of_audit(db(), tenant_id=tenant().id, fits=fits, wanted=wanted)
    return render(
        "panel/audit/index.html",
        entries=listed.items,
        page=Page(number=number, size=PAGE_SIZE, total=listed.total_items, is_exact=listed.is_total_exact),
        asked=asked,
        number=fits.entity_id,
        first=first,
        last=last,
        kinds=sorted(ENTITY_WORDS.items(), key=lambda pair: str(pair[1])),
        entity_words=ENTITY_WORDS,
        changes_of=changes_of,
    )


def changes_of(entry: AuditLog) -> list[tuple[str, str, str]]:
    """Every field with what it was and what it became, as people write it."""
    old, new = entry.old_values or {}, entry.new_values or {}
    return [(name, shown(old.get(name)), shown(new.get(name))) for name in sorted(old.keys() | new.keys())]


def shown(value: Any) -> str:
    """A stored value for reading; nothing is a dash."""
    if value is None or value in ("", []):
        return NOTHING
    if isinstance(value, bool):
        return "✓" if value else "✗"
    if isinstance(value, list):
        return ", ".join(shown(one) for one in value)
    if isinstance(value, dict):
        return "; ".join(f"{name}: {shown(one)}" for name, one in value.items())
    return str(value)


def _text(name: str) -> str:
    return request.args.get(name, "").strip().replace("\x00", "")[:LONGEST]


def _day(name: str) -> date | None:
    try:
        found = date.fromisoformat(request.args.get(name, ""))
    except ValueError:
        return None
    return found if date(2000, 1, 1) <= found <= date(2200, 1, 1) else None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=zone())

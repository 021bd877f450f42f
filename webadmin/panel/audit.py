"""Who did what: the audit log, searched by person, thing, action and day."""

from datetime import date, datetime, time, timedelta
from operator import attrgetter

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l

from bss.audit_checks import last_check
from db.models import AuditLog
from db.queries.lists import AUDIT_SORTS, AuditFilter, page_of_audit
from db.queries.paging import Page, Wanted
from webadmin.panel.audit_words import field_words, value_words
from webadmin.panel.support import argument_id, db, render, tenant, today, zone
from webadmin.panel.tables import Column, List, Table, declare
from webadmin.panel.words import ENTITY_WORDS
from webadmin.permissions import requires

blueprint = Blueprint("audit", __name__)
DAYS_SHOWN = 30
LONGEST = 60


def lines(wanted: Wanted) -> Page[AuditLog]:
    """A part of the entries that the address asks for."""
    return page_of_audit(db(), tenant_id=tenant().id, fits=_filter_of_request(), wanted=wanted)


def _told(entry: AuditLog) -> str:
    return "; ".join(f"{name}: {old} → {new}" for name, old, new in changes_of(entry))


AUDIT = declare(
    List(
        key="audit",
        endpoint="panel.audit.index",
        lines=lines,
        sorts=tuple(AUDIT_SORTS),
        sort="-created_at",
        permission="view_audit",
        export_permission="view_audit",
        views=(
            (_l("Logins of staff"), {"action": "user"}),
            (_l("Files taken away"), {"action": "list.exported"}),
            (_l("Secrets shown"), {"action": "subscription.password_shown"}),
        ),
        # The page tells entries as a story; a file has them as a table.
        columns=(
            Column(key="when", text=_l("When"), sort="created_at", is_fixed=True, value=attrgetter("created_at")),
            Column(key="who", text=_l("Who"), is_fixed=True, value=attrgetter("actor_name")),
            Column(key="ip", text=_l("From"), is_fixed=True, value=lambda row: str(row.ip or "")),
            Column(key="action", text=_l("Action"), is_fixed=True, value=attrgetter("action")),
            Column(key="kind", text=_l("What it was done to"), is_fixed=True, value=attrgetter("entity_type")),
            Column(key="number", text=_l("Its number"), is_fixed=True, value=attrgetter("entity_id")),
            Column(key="changes", text=_l("what changed"), is_fixed=True, value=_told),
        ),
    )
)


@blueprint.get("/audit")
@requires("view_audit")
def index() -> ResponseReturnValue:
    """The newest entries that fit; the last month unless other days are asked for."""
    fits = _filter_of_request()
    return render(
        "panel/audit/index.html",
        table=Table(AUDIT),
        asked={"actor": fits.actor or "", "action": fits.action or "", "kind": fits.entity_type or ""},
        number=fits.entity_id,
        first=_first(),
        last=_last(),
        kinds=sorted(ENTITY_WORDS.items(), key=lambda pair: str(pair[1])),
        entity_words=ENTITY_WORDS,
        changes_of=changes_of,
        check=last_check(db()),
    )


def _first() -> date:
    return _day("first") or today() - timedelta(days=DAYS_SHOWN - 1)


def _last() -> date:
    return _day("last") or today()


def _filter_of_request() -> AuditFilter:
    """The filter bar's values in the address; what cannot be meant filters nothing."""
    kind = request.args.get("kind", "")
    return AuditFilter(
        actor=_text("actor") or None,
        action=_text("action") or None,
        entity_type=kind if kind in ENTITY_WORDS else None,
        entity_id=argument_id("number"),
        after=_midnight(_first()),
        before=_midnight(_last() + timedelta(days=1)),
    )


def changes_of(entry: AuditLog) -> list[tuple[str, str, str]]:
    """Every field with what it was and what it became, as people read it."""
    old, new, table = entry.old_values or {}, entry.new_values or {}, entry.entity_type
    return [
        (field_words(name), value_words(name, old.get(name), table), value_words(name, new.get(name), table))
        for name in sorted(old.keys() | new.keys())
    ]


def _text(name: str) -> str:
    return request.args.get(name, "").strip()[:LONGEST]


def _day(name: str) -> date | None:
    try:
        found = date.fromisoformat(request.args.get(name, ""))
    except ValueError:
        return None
    return found if date(2000, 1, 1) <= found <= date(2200, 1, 1) else None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=zone())

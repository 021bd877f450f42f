"""Alarms: what is wrong with the installation now, what was, and how the accounting spools do."""

from flask import Blueprint, g
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString
from werkzeug.local import LocalProxy

from db.engine import psycopg_of
from db.queries import health
from db.queries.health import AlarmRow
from domain import alarms as codes
from domain.alarms import lag_seconds
from webadmin import format as spell
from webadmin.panel.filters import language
from webadmin.panel.support import db, now, render
from webadmin.permissions import requires
from webadmin.security import may

blueprint = Blueprint("alarms", __name__)


@blueprint.get("/alarms")
@requires("manage_installation")
def index() -> ResponseReturnValue:
    """Alarms that are on, those of the last week, and every node's spool."""
    connection = psycopg_of(db())
    readings = [(reading, lag_seconds(reading.facts, now())) for reading in health.readings(connection)]
    return render("panel/alarms/index.html", rows=health.recent_alarms(connection, now=now()), readings=readings)


# By code: what it says of `subject`, and what mends it.
_WORDS: dict[str, tuple[LazyString, LazyString]] = {
    codes.SPOOL_CLOSED: (
        _l("Accounting on %(node)s is not acknowledged: %(free)s free, %(needed)s needed."),
        _l("Free room on its spool's disk; routers keep their records and send them again."),
    ),
    codes.SPOOL_ROOM: (
        _l("The spool's disk on %(node)s fills up: %(free)s free."),
        _l("Free room before accounting must stop."),
    ),
    codes.SPOOL_LAG: (
        _l("Accounting of %(node)s has been waiting for %(time)s to be counted, %(volume)s."),
        _l("Look at the collector's log and at the database; nothing is lost."),
    ),
    codes.SPOOL_SYNC: (
        _l("The disk of %(node)s does not take what it is given."),
        _l("Look at the disk; a power cut could cost acknowledged accounting."),
    ),
    codes.COLLECTOR_SILENT: (
        _l("The collector of %(node)s has not reported for %(time)s."),
        _l("Run “lintas status” there; records wait in the spool meanwhile."),
    ),
    codes.MONTH_NOT_RETIRED: (
        _l("%(month)s left the live tables and is not in its file yet."),
        _l("Look at the worker's log and at the room for archives."),
    ),
    codes.BOOKS_WRONG: (
        _l("The books do not agree: %(number)d kinds of mistakes."),
        _l("Look at the last run of the job that checks the books before anything is corrected."),
    ),
    codes.BILLING_STOPPED: (
        _l("The billing run of %(day)s has stopped and waits for a person."),
        _l("Open it under Billing runs; let it go on, or leave it."),
    ),
    codes.WEBHOOK_PAUSED: (
        _l("Webhook %(name)s is paused: %(failures)d calls failed one after another."),
        _l("Look at it under Webhooks; what happens meanwhile waits."),
    ),
    codes.JOB_FAILS: (
        _l("The job %(name)s failed the last time it ran."),
        _l("Its last run under Jobs says why."),
    ),
}


def alarm_words(alarm: AlarmRow) -> tuple[str, str]:
    """What an alarm says, and what mends it."""
    facts, subject = alarm.facts, alarm.subject
    values = {
        **dict.fromkeys(("node", "month", "day", "name"), subject),
        "free": spell.volume(facts.get("free_bytes", 0), language()),
        "needed": spell.volume(facts.get("needed_bytes", 0), language()),
        "volume": spell.volume(facts.get("bytes", 0), language()),
        "time": spell.duration(facts.get("seconds", 0), language()),
        "number": facts.get("found", 0),
        "failures": facts.get("errors", 0),
    }
    sentence, mend = _WORDS[alarm.code]
    return str(sentence) % values, str(mend)


def _alarms_on() -> list[AlarmRow]:
    if "alarms_on" not in g:
        g.alarms_on = health.open_alarms(psycopg_of(db())) if may("manage_installation") else []
    found: list[AlarmRow] = g.alarms_on
    return found


alarms_on = LocalProxy(_alarms_on)

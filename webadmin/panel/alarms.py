"""Alarms: what is wrong with the installation now, what was, and how the accounting spools do."""

from flask import Blueprint, g
from flask.typing import ResponseReturnValue
from flask_babel import gettext
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


def alarm_words(alarm: AlarmRow) -> tuple[str, str]:
    """What an alarm says, and what mends it."""
    facts, subject = alarm.facts, alarm.subject
    seconds = spell.duration(facts.get("seconds", 0), language())
    free = spell.volume(facts.get("free_bytes", 0), language())
    needed = spell.volume(facts.get("needed_bytes", 0), language())
    waiting = spell.volume(facts.get("bytes", 0), language())
    said = {
        codes.SPOOL_CLOSED: (
            gettext("Accounting on %(node)s is not acknowledged: %(free)s free, %(needed)s needed.",
                    node=subject, free=free, needed=needed),
            gettext("Free room on its spool's disk; routers keep their records and send them again."),
        ),
        codes.SPOOL_ROOM: (
            gettext("The spool's disk on %(node)s fills up: %(free)s free.", node=subject, free=free),
            gettext("Free room before accounting must stop."),
        ),
        codes.SPOOL_LAG: (
            gettext("Accounting of %(node)s has been waiting for %(time)s to be counted, %(volume)s.",
                    node=subject, time=seconds, volume=waiting),
            gettext("Look at the collector's log and at the database; nothing is lost."),
        ),
        codes.SPOOL_SYNC: (
            gettext("The disk of %(node)s does not take what it is given.", node=subject),
            gettext("Look at the disk; a power cut could cost acknowledged accounting."),
        ),
        codes.COLLECTOR_SILENT: (
            gettext("The collector of %(node)s has not reported for %(time)s.", node=subject, time=seconds),
            gettext("Run “lintas status” there; records wait in the spool meanwhile."),
        ),
        codes.MONTH_NOT_RETIRED: (
            gettext("%(month)s left the live tables and is not in its file yet.", month=subject),
            gettext("Look at the worker's log and at the room for archives."),
        ),
        codes.BOOKS_WRONG: (
            gettext("The books do not agree: %(number)d kinds of mistakes.", number=facts.get("found", 0)),
            gettext("Look at the last run of the job that checks the books before anything is corrected."),
        ),
        codes.BILLING_STOPPED: (
            gettext("The billing run of %(day)s has stopped and waits for a person.", day=subject),
            gettext("Open it under Billing runs; let it go on, or leave it."),
        ),
        codes.WEBHOOK_PAUSED: (
            gettext(
                "Webhook %(number)s is paused: %(failures)d calls failed one after another.",
                number=subject,
                failures=facts.get("errors", 0),
            ),
            gettext("Look at it under Webhooks; what happens meanwhile waits."),
        ),
        codes.JOB_FAILS: (
            gettext("The job %(name)s failed the last time it ran.", name=subject),
            gettext("Its last run under Jobs says why."),
        ),
    }  # fmt: skip
    return said[alarm.code]


def _alarms_on() -> list[AlarmRow]:
    if "alarms_on" not in g:
        g.alarms_on = health.open_alarms(psycopg_of(db())) if may("manage_installation") else []
    found: list[AlarmRow] = g.alarms_on
    return found


alarms_on = LocalProxy(_alarms_on)

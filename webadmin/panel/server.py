"""System health: what works and what does not, and where RADIUS is reached; the environment changes the latter."""

from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString

from bss import health_checks
from bss.health_checks import Check
from bss.server import facts
from runtime.settings import env_file, get_settings
from webadmin import format as spell
from webadmin.panel.filters import language
from webadmin.panel.support import db, now, render
from webadmin.permissions import requires

blueprint = Blueprint("server", __name__)
PARTS = {"login": _l("Logins"), "accounting": _l("Accounting")}
NAMES: dict[str, LazyString] = {
    "database": _l("Database"),
    "redis": _l("Redis"),
    "login": _l("Logins (RADIUS)"),
    "accounting": _l("Accounting (RADIUS)"),
    "radsec": _l("RADIUS over TLS (RadSec)"),
    "collector": _l("Collector"),
    "jobs": _l("Workers and jobs"),
    "changes": _l("Live changes"),
}
# What to do about one that is not well.
MENDS: dict[str, LazyString] = {
    "redis": _l("Work goes on from the database, only slower. Run “lintas status” on the server."),
    "login": _l("If RADIUS is to run on this machine, run “lintas status” there and look at its log."),
    "accounting": _l("If RADIUS is to run on this machine, run “lintas status” there and look at its log."),
    "radsec": _l("Run “lintas doctor” on the server."),
    "collector": _l("Records wait in the spool and nothing is lost. Run “lintas status” on that node."),
    "jobs": _l("Run “lintas status” on the server: the worker or the scheduler is not there."),
    "changes": _l("Look at Live changes: a router may not answer."),
}
PAGES = {"collector": "panel.alarms.index", "jobs": "panel.jobs.index", "changes": "panel.changes.index"}


@blueprint.get("/settings/server")
@requires("manage_installation")
def index() -> ResponseReturnValue:
    """What works, and the server as the environment has set it up."""
    return render("panel/settings/server.html", server=facts(get_settings()), parts=PARTS, file=env_file(), **_health())


@blueprint.get("/settings/server/health")
@requires("manage_installation")
def health() -> ResponseReturnValue:
    """The part of the page that updates in place."""
    return render("panel/settings/_health.html", **_health())


def _health() -> dict[str, Any]:
    checks = health_checks.look(db(), settings=get_settings(), now=now())
    return {
        "checks": [(check, NAMES[check.name], said(check)) for check in checks],
        "mends": MENDS,
        "pages": PAGES,
        "unwell": sum(check.state != health_checks.WELL for check in checks),
        "is_bad": any(check.state == health_checks.BAD for check in checks),
    }


def said(check: Check) -> str:
    """What was seen, in words."""
    return _SAID[check.name](check)


def _time(seconds: int) -> str:
    return spell.duration(seconds, language())


def _volume(volume_bytes: int) -> str:
    return spell.volume(volume_bytes, language())


def _port(check: Check) -> str:
    if check.state == health_checks.WELL:
        return str(gettext("listens on port %(port)s", port=check.subject))
    return str(gettext("nobody listens on port %(port)s of this machine", port=check.subject))


def _collector(check: Check) -> str:
    numbers = check.facts
    if check.state == health_checks.BAD:
        return str(gettext("not heard of for %(time)s", time=_time(numbers["heard_s"])))
    if not numbers["waiting_bytes"]:
        return str(gettext("nothing waits; %(room)s free for the spool", room=_volume(numbers["free_bytes"])))
    return str(
        gettext(
            "%(volume)s wait, the oldest for %(time)s",
            volume=_volume(numbers["waiting_bytes"]),
            time=_time(numbers["lag_s"]),
        )
    )


def _jobs(check: Check) -> str:
    if "silent_s" not in check.facts:
        return str(gettext("no job has ever run"))
    return str(gettext("the last job began %(time)s ago", time=_time(max(0, check.facts["silent_s"]))))


def _changes(check: Check) -> str:
    if not check.facts["waiting"]:
        return str(gettext("none waits"))
    return str(
        gettext(
            "%(number)d wait, the oldest for %(time)s",
            number=check.facts["waiting"],
            time=_time(check.facts["oldest_s"]),
        )
    )


def _database(check: Check) -> str:
    return str(gettext("answers; it holds %(volume)s", volume=_volume(check.facts["bytes"])))


def _redis(check: Check) -> str:
    return str(gettext("answers") if check.state == health_checks.WELL else gettext("does not answer"))


_SAID = {
    "database": _database,
    "redis": _redis,
    "login": _port,
    "accounting": _port,
    "radsec": _port,
    "collector": _collector,
    "jobs": _jobs,
    "changes": _changes,
}

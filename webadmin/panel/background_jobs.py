"""Background jobs on screen: when each ran, what came of it, when it runs next, and one run by hand."""

import re

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString

from bss import background_jobs as use
from bss.failure import NotFound
from webadmin import format as spell
from webadmin.forms.billing import ReasonForm, ScheduleForm
from webadmin.panel.filters import language
from webadmin.panel.support import act, attempt, db, found, now, render, zone
from webadmin.permissions import requires

blueprint = Blueprint("jobs", __name__)
_PLAIN = re.compile(r"(?P<minute>[0-5]?\d) (?P<hour>\*|[01]?\d|2[0-3]) \* \* \*")

_WHAT = {
    "bss.billing": _l("Starts the nightly billing run of each provider and works on it"),
    "bss.expire-accounts": _l("Ends the service of subscriptions whose term and grace are over"),
    "bss.suspend-dates": _l("Suspends subscriptions whose day of suspension has come"),
    "bss.renew-from-balance": _l("Renews subscriptions out of balances before their term ends"),
    "bss.credit-limits": _l("Suspends customers who owe more than they may"),
    "bss.expiry-reminders": _l("Notes whose term ends soon, to be told"),
    "bss.plan-changes": _l("Makes the changes of plan whose day has come"),
    "bss.audit-verify": _l("Checks that the audit log is as it was written"),
    "bss.books": _l("Checks that the books agree"),
    "bss.forget": _l("Forgets old runs of jobs and old dry billing runs"),
    "bss.forget-customers": _l("Forgets deleted customers when their time is over"),
    "bss.temporary-speeds": _l("Takes temporary speeds back whose time is over"),
    "bss.bulk-changes": _l("Goes on with changes of many running sessions"),
    "bss.rollouts": _l("Goes on with plan changes in stages"),
    "bss.registrations": _l("Adds customers who were asked for in the background"),
    "bss.customer-jobs": _l("Goes on with imports and actions on many customers"),
    "bss.voucher-sheets": _l("Prints sheets of vouchers"),
    "bss.payment-reconcile": _l("Asks gateways about payments that are open"),
    "bss.payment-purge": _l("Forgets old records of gateways"),
    "bss.router-orders": _l("Carries out what was ordered on routers"),
    "bss.speed-tests": _l("Measures customers' lines that staff asked about"),
    "bss.router-check": _l("Looks whether routers answer"),
    "bss.router-drift": _l("Compares what routers keep with what they should"),
    "bss.router-purge": _l("Forgets old orders of routers"),
    "coa.sweep": _l("Sends changes of running sessions that wait"),
    "coa.see": _l("Looks whether acknowledged changes are in force"),
    "coa.probe": _l("Tries the CoA ports that staff asked about"),
    "coa.check": _l("Asks routers about sessions that fell silent"),
    "coa.purge": _l("Forgets changes of sessions that were over long ago"),
    "accounting.bring-back": _l("Brings months back that staff asked for"),
    "accounting.sweep": _l("Ends, frees and asks what the clock made due for sessions"),
    "accounting.usage-hours": _l("Books usage to its hours"),
    "accounting.usage-months": _l("Sums the months that are over"),
    "accounting.retire": _l("Takes old months out of the live tables, each into a file first"),
    "accounting.partitions": _l("Makes the tables of the coming months"),
    "monitoring.alarms": _l("Raises what is wrong and clears what is over"),
    "monitoring.samples": _l("Notes how many are online and what passes"),
}


@blueprint.get("/jobs")
@requires("manage_installation")
def index() -> ResponseReturnValue:
    """Every job, those in trouble first."""
    return render(
        "panel/jobs/index.html", rows=use.overview(db(), now=now()), what_words=what_words, when_words=when_words
    )


@blueprint.get("/jobs/<name>")
@requires("manage_installation")
def show(name: str) -> ResponseReturnValue:
    """One job and its last remembered runs."""
    view = _job(name)
    return render(
        "panel/jobs/show.html", job=view, runs=use.runs(db(), name=name), what_words=what_words, when_words=when_words
    )


@blueprint.post("/jobs/<name>/run")
@requires("manage_installation")
def start(name: str) -> ResponseReturnValue:
    """Run it now."""
    back = url_for("panel.jobs.show", name=_job(name).name)
    return act(back, gettext("Started. What came of it is listed here in a moment."), use.start, name=name)


@blueprint.route("/jobs/<name>/anyway", methods=["GET", "POST"])
@requires("manage_installation")
def anyway(name: str) -> ResponseReturnValue:
    """Run it also where it would stop by itself."""
    view, form = _job(name), ReasonForm()
    back = url_for("panel.jobs.show", name=view.name)
    if form.validate_on_submit():
        given = {"name": name, "is_allowed": True, "reason": form.reason.data or ""}
        if attempt(form, use.start, **given) is not None:
            flash(gettext("Started. What came of it is listed here in a moment."), "success")
            return redirect(back, 303)
    return render(
        "panel/money/question.html", 422 if request.method == "POST" else 200, form=form, back=back, name=view.name,
        heading=gettext("Run it anyway"), submit=gettext("Run anyway"), is_danger=True,
        effect=view.said or gettext("It stops by itself before it ends service for an unlikely share of everybody."),
    )  # fmt: skip


@blueprint.route("/jobs/<name>/schedule", methods=["GET", "POST"])
@requires("manage_installation")
def schedule(name: str) -> ResponseReturnValue:
    """Another time, or off."""
    view = _job(name)
    form = ScheduleForm(data={"when": view.when, "is_off": view.is_off} if request.method == "GET" else None)
    back = url_for("panel.jobs.show", name=view.name)
    if form.validate_on_submit():
        changed = attempt(form, use.set_schedule, name=name, when=form.when.data or None, is_off=form.is_off.data)
        if changed is not None:
            is_told = use.tell_scheduler(changed)
            flash(
                gettext("Saved.") if is_told else gettext("Saved; in force when the scheduler starts next."), "success"
            )
            return redirect(back, 303)
    effect = gettext(
        "Seconds between two runs, or the five fields of a crontab in UTC. Empty is the built-in time: %(when)s.",
        when=view.usual_when,
    )
    return render(
        "panel/money/question.html", 422 if request.method == "POST" else 200, form=form, back=back, name=view.name,
        heading=gettext("When it runs"), submit=gettext("Save"), is_danger=False, effect=effect,
    )  # fmt: skip


def what_words(view: use.JobView) -> LazyString | str:
    """What a job does."""
    return _WHAT.get(view.name, view.what)


def when_words(view: use.JobView) -> str:
    """When a job runs, in words and the provider's time where it is a plain day or hour; else as it is written."""
    if view.is_off:
        return str(gettext("off"))
    if view.when.isdigit():
        return str(gettext("every %(time)s", time=spell.duration(int(view.when), language())))
    plain = _PLAIN.fullmatch(view.when)
    if plain is None:
        return view.when
    minute, hour = int(plain["minute"]), plain["hour"]
    if hour == "*":
        return str(gettext("every hour at minute %(minute)s", minute=f"{minute:02}"))
    # Crontabs are in UTC; the day of today decides about daylight saving.
    at = now().replace(hour=int(hour), minute=minute).astimezone(zone())
    return str(gettext("every day at %(time)s", time=f"{at:%H:%M}"))


def _job(name: str) -> use.JobView:
    try:
        return use.one(db(), now=now(), name=name)
    except NotFound:
        return found(None)

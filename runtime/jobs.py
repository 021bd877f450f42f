"""Every background job there is: what it does in a sentence, when it runs by itself, and where.

One registry: the scheduler, the command line, the panel and the API read it. Staff may turn a job off or give it
another time; what they set stands in the database (`db.queries.jobs`), what is built in stands here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from celery.schedules import BaseSchedule, ParseException, crontab, schedule

COA, DEFAULT = "coa", "default"
# What runs as often as this is not remembered run by run, only as it stands.
OFTEN_S = 300.0
LEAST_SECONDS, MOST_SECONDS = 1, 86_400


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A job. `when`: seconds between two runs, or the five fields of a crontab in UTC.

    `is_guarded`: it stops by itself before it does something unlikely, and a person may allow that.
    """

    name: str
    what: str
    when: str
    queue: str = DEFAULT
    is_guarded: bool = False
    can_rehearse: bool = False

    @property
    def is_often(self) -> bool:
        """Whether it runs so often that single runs are not remembered."""
        return self.when.isdigit() and int(self.when) < OFTEN_S


JOBS: Mapping[str, Job] = {
    job.name: job
    for job in (
        Job(
            name="bss.billing",
            what="Starts the nightly billing run of each provider and works on it",
            when="60",
            can_rehearse=True,
        ),
        Job(
            name="bss.expire-accounts",
            what="Ends the service of subscriptions whose term and grace are over",
            when="60",
            is_guarded=True,
            can_rehearse=True,
        ),
        Job(
            name="bss.suspend-dates",
            what="Suspends subscriptions whose day of suspension has come",
            when="10 * * * *",
            is_guarded=True,
            can_rehearse=True,
        ),
        Job(
            name="bss.renew-from-balance",
            what="Renews subscriptions out of balances before their term ends",
            when="20 * * * *",
            can_rehearse=True,
        ),
        Job(
            name="bss.credit-limits",
            what="Suspends customers who owe more than they may",
            when="40 * * * *",
            is_guarded=True,
            can_rehearse=True,
        ),
        Job(
            name="bss.expiry-reminders",
            what="Notes whose term ends soon, to be told",
            when="50 * * * *",
            can_rehearse=True,
        ),
        Job(name="bss.plan-changes", what="Makes the changes of plan whose day has come", when="60", can_rehearse=True),
        Job(name="bss.books", what="Checks that the books agree", when="30 2 * * *"),
        Job(name="bss.audit-seal", what="Seals what the audit log got since", when="20"),
        Job(name="bss.audit-verify", what="Checks that the audit log is as it was written", when="10 3 * * *"),
        Job(name="bss.forget-sessions", what="Forgets sessions of staff that were over long ago", when="50 3 * * *"),
        Job(
            name="bss.forget",
            what="Forgets old runs of jobs and old dry billing runs",
            when="40 3 * * *",
            can_rehearse=True,
        ),
        Job(
            name="bss.forget-customers",
            what="Forgets deleted customers when their time is over",
            when="20 4 * * *",
            can_rehearse=True,
        ),
        Job(
            name="bss.temporary-speeds",
            what="Takes temporary speeds back whose time is over",
            when="30",
            can_rehearse=True,
        ),
        Job(name="bss.bulk-changes", what="Goes on with changes of many running sessions", when="2"),
        Job(name="bss.rollouts", what="Goes on with plan changes in stages", when="5"),
        Job(
            name="bss.registrations",
            what="Adds customers who were asked for in the background",
            when="2",
            can_rehearse=True,
        ),
        Job(
            name="bss.customer-jobs",
            what="Goes on with imports and actions on many customers",
            when="2",
            can_rehearse=True,
        ),
        Job(name="bss.webhooks", what="Tells webhooks what happened", when="2"),
        Job(
            name="bss.api-forget",
            what="Forgets kept answers of the API, and what webhooks were told long ago",
            when="25 * * * *",
        ),
        Job(name="bss.voucher-sheets", what="Prints sheets of vouchers", when="5"),
        # Each order has its own next time: ten minutes after it was made, later ever more rarely.
        Job(
            name="bss.payment-reconcile",
            what="Asks gateways about payments that are open",
            when="60",
            can_rehearse=True,
        ),
        Job(name="bss.payment-purge", what="Forgets old records of gateways", when="40 2 * * *"),
        Job(name="bss.router-orders", what="Carries out what was ordered on routers", when="3", can_rehearse=True),
        Job(
            name="bss.speed-tests", what="Measures customers' lines that staff asked about", when="3", can_rehearse=True
        ),
        Job(name="bss.router-check", what="Looks whether routers answer", when="60"),
        Job(
            name="bss.router-drift",
            what="Compares what routers keep with what they should",
            when="300",
            can_rehearse=True,
        ),
        Job(name="bss.router-purge", what="Forgets old orders of routers", when="10 1 * * *"),
        Job(
            name="coa.sweep", what="Sends changes of running sessions that wait", when="2", queue=COA, can_rehearse=True
        ),
        Job(name="coa.see", what="Looks whether acknowledged changes are in force", when="2", queue=COA),
        Job(name="coa.probe", what="Tries the CoA ports that staff asked about", when="2", queue=COA),
        # Sessions that fell silent can wait a little longer to be asked about.
        Job(name="coa.check", what="Asks routers about sessions that fell silent", when="10", queue=COA),
        Job(name="coa.purge", what="Forgets changes of sessions that were over long ago", when="15 3 * * *", queue=COA),
        Job(name="accounting.bring-back", what="Brings months back that staff asked for", when="10"),
        Job(name="accounting.sweep", what="Ends, frees and asks what the clock made due for sessions", when="60"),
        Job(name="accounting.usage-hours", what="Books usage to its hours", when="1 * * * *"),
        Job(name="accounting.usage-months", what="Sums the months that are over", when="10 1 * * *"),
        Job(
            name="accounting.retire",
            what="Takes old months out of the live tables, each into a file first",
            when="30 1 * * *",
            can_rehearse=True,
        ),
        Job(name="accounting.partitions", what="Makes the tables of the coming months", when="30 0 * * *"),
        Job(name="monitoring.alarms", what="Raises what is wrong and clears what is over", when="30"),
        Job(name="monitoring.samples", what="Notes how many are online and what passes", when="300"),
    )
}


class BadSchedule(ValueError):
    """A time that is none; `str()` says what would be one."""


def parsed(when: str) -> BaseSchedule:
    """Seconds, or a crontab in UTC, as the scheduler takes it; raises `BadSchedule`."""
    text = " ".join(when.split())
    if text.isdecimal() and text.isascii() and len(text) <= 6:
        if not LEAST_SECONDS <= int(text) <= MOST_SECONDS:
            raise BadSchedule(f"use {LEAST_SECONDS} to {MOST_SECONDS} seconds")
        return schedule(float(text))
    fields = text.split(" ")
    if len(fields) != 5 or len(text) > 60:
        raise BadSchedule("use a number of seconds, or the five fields of a crontab such as 30 2 * * *")
    try:
        minute, hour, day, month, weekday = fields
        return crontab(minute=minute, hour=hour, day_of_month=day, month_of_year=month, day_of_week=weekday)
    except (ParseException, ValueError) as error:
        raise BadSchedule(f"is no crontab: {error}") from None


def entry(job: Job, *, when: str | None = None, is_off: bool = False) -> dict[str, Any]:
    """A job as the scheduler takes it, at its own time or another."""
    text = when or job.when
    options: dict[str, Any] = {"queue": job.queue}
    if text.isdecimal():
        # A sweep that found no worker within its own period is worthless: the next one does its work.
        options["expires"] = float(text)
    return {"task": job.name, "schedule": parsed(text), "options": options, "enabled": not is_off}


def schedule_of(changed: Mapping[str, tuple[bool, str | None]] | None = None) -> dict[str, dict[str, Any]]:
    """What the clock starts; `changed` holds what staff set, (off, time) by name."""
    found = {}
    for name, job in JOBS.items():
        is_off, when = (changed or {}).get(name, (False, None))
        found[name] = entry(job, when=when, is_off=is_off)
    return found


def next_run(when: str, last: datetime | None, now: datetime) -> datetime:
    """When a job runs next by itself, as far as its last run and the clock say."""
    left = parsed(when).remaining_estimate(last or now)
    ahead = timedelta(0) if left is None else left
    return max(now, (last or now) + ahead) if when.isdecimal() else datetime.now(UTC) + max(timedelta(0), ahead)

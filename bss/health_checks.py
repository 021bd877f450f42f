"""What of the installation works, one line each: the first look when something seems slow or dead.

It looks from the machine that answers: whether a port is bound here, when jobs and collectors were last heard of. It
sends no packet and mends nothing; alarms (`monitoring.alarms`) are what wakes people up.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from db.engine import psycopg_of
from db.queries import health, jobs
from db.queries.health import SpoolReading
from domain.alarms import LAG_WARNING_S, SILENT_AFTER_S, lag_seconds
from runtime import freeradius, radsec, redis
from runtime.settings import Settings

WELL, WATCH, BAD = "well", "watch", "bad"
STATES = (WELL, WATCH, BAD)
NAMES = ("database", "redis", "login", "accounting", "radsec", "collector", "jobs", "changes")
# Several jobs run every few seconds: after so long without any, nobody works.
JOBS_SILENT_S = 180
# A change goes out within a second; one that waits so long waits for something.
CHANGE_WAITS_S = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One of `NAMES` and how it does. `subject` is the node or port; each of `facts` has its unit in its name."""

    name: str
    state: str
    subject: str = ""
    facts: Mapping[str, int] = field(default_factory=dict)


def look(session: Session, *, settings: Settings, now: datetime) -> list[Check]:
    """Everything once; costs a few small statements and a look at ports of this machine."""
    return [*_stores(session, settings), *_servers(settings), *_collectors(session, now), *_work(session, now)]


def _stores(session: Session, settings: Settings) -> Iterator[Check]:
    size = health.database_bytes(psycopg_of(session))
    yield Check(name="database", state=WELL, facts={"bytes": size})
    # Without it everything goes on from PostgreSQL, only later.
    yield Check(name="redis", state=WELL if redis.answers(settings.redis_url) else WATCH)


def _servers(settings: Settings) -> Iterator[Check]:
    for part in freeradius.PARTS:
        is_here = freeradius.is_listening(settings, part)
        port = freeradius.port_of(settings, part)
        yield Check(name=part, state=WELL if is_here else WATCH, subject=str(port))
    if settings.radsec_port:
        state = WELL if radsec.answers(settings) else WATCH
        yield Check(name="radsec", state=state, subject=str(settings.radsec_port))


def _collectors(session: Session, now: datetime) -> Iterator[Check]:
    for reading in health.readings(psycopg_of(session)):
        facts = {
            "lag_s": round(lag_seconds(reading.facts, now)),
            "waiting_bytes": reading.waiting_bytes,
            "free_bytes": reading.free_bytes,
            "heard_s": round((now - reading.measured_at).total_seconds()),
        }
        yield Check(name="collector", state=_collector_state(reading, facts), subject=reading.node, facts=facts)


def _collector_state(reading: SpoolReading, facts: Mapping[str, int]) -> str:
    if not reading.is_open or facts["heard_s"] > SILENT_AFTER_S:
        return BAD
    return WATCH if facts["lag_s"] > LAG_WARNING_S else WELL


def _work(session: Session, now: datetime) -> Iterator[Check]:
    connection = psycopg_of(session)
    begun = [state.started_at for state in jobs.states(connection).values() if state.started_at is not None]
    silent = {"silent_s": round((now - max(begun)).total_seconds())} if begun else {}
    works = bool(silent) and silent["silent_s"] <= JOBS_SILENT_S
    yield Check(name="jobs", state=WELL if works else BAD, facts=silent)
    waiting, oldest = health.changes_waiting(connection)
    age_s = 0 if oldest is None else max(0, round((now - oldest).total_seconds()))
    state = WATCH if age_s > CHANGE_WAITS_S else WELL
    yield Check(name="changes", state=state, facts={"waiting": waiting, "oldest_s": age_s})

"""The scheduler: one of however many are started holds a lock in Redis and sends jobs, the others wait for it.

The schedule is the registry's, with what staff changed (`job_states`) over it; Redis keeps only when each ran last.
Where the clock went back, a run that lies ahead would keep a job from running until then, so it is brought back to now.
"""

import time
from datetime import UTC, datetime
from typing import Any

import psycopg
from redbeat import RedBeatScheduler, RedBeatSchedulerEntry
from redbeat.schedulers import ensure_conf, get_redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import LockError, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from db.queries import jobs as queries
from runtime.jobs import JOBS, entry, schedule_of
from runtime.logs import get_logger
from runtime.settings import get_settings

RETRY_S = 2.0
# More than a clock is ever set back by itself.
_WENT_BACK_S = 30.0

log = get_logger("runtime.beat")


class Scheduler(RedBeatScheduler):  # type: ignore[misc]
    """RedBeat that outlives Redis, gives its lock up when it has lost it, and heeds a clock that went back."""

    _offset = 0.0
    _has_lost = False
    # Whoever waited for the lock wrote his schedule before; Redis may have come back empty since.
    _has_written = False

    def setup_schedule(self) -> None:
        """What the clock starts, as built in and as staff changed it."""
        self.app.conf.beat_schedule = schedule_of(_changed())
        super().setup_schedule()
        self._offset = _clock_offset()
        self._bring_back()

    def tick(self, **kwargs: Any) -> float:
        """Send what is due; returns how many seconds there are until the next."""
        try:
            if self._has_lost and not self._take_lock():
                return RETRY_S
            if not self._has_written:
                self.setup_schedule()
                self._has_written = True
            self._heed_the_clock()
            return float(super().tick(**kwargs))
        except LockError:
            log.warning("another scheduler holds the lock; this one waits")
            self._has_lost, self._has_written = True, False
        except (RedisConnectionError, RedisTimeoutError) as error:
            log.warning("Redis does not answer; nothing is started meanwhile", error=str(error))
            self._has_lost, self._has_written = True, False
        return RETRY_S

    def _take_lock(self) -> bool:
        if self.lock is None or not self.lock.acquire(blocking=False):
            return False
        self._has_lost = False
        log.info("this scheduler holds the lock again")
        return True

    def _heed_the_clock(self) -> None:
        offset = _clock_offset()
        if offset < self._offset - _WENT_BACK_S:
            log.warning("the clock went back", seconds=round(self._offset - offset))
            self._bring_back()
        self._offset = offset

    def _bring_back(self) -> None:
        now = datetime.now(UTC)
        for name in JOBS:
            try:
                known = RedBeatSchedulerEntry.from_key(RedBeatSchedulerEntry.generate_key(self.app, name), app=self.app)
            except KeyError:
                continue
            if known.last_run_at is not None and known.last_run_at > now:
                known.reschedule(now)


def change(app: Any, name: str, *, is_off: bool, when: str | None) -> bool:
    """Tell a running scheduler of a job's new time; False where Redis does not answer and a start must do it."""
    ensure_conf(app)
    wanted = entry(JOBS[name], when=when, is_off=is_off)
    try:
        try:
            known = RedBeatSchedulerEntry.from_key(RedBeatSchedulerEntry.generate_key(app, name), app=app)
            last = known.last_run_at
        except KeyError:
            last = None
        new = RedBeatSchedulerEntry(name=name, app=app, last_run_at=last, **wanted)
        new.save()
    except (RedisError, OSError):
        return False
    return True


def lock_age_s(app: Any) -> float | None:
    """Seconds since a scheduler last said that it is there; None where none is, or Redis does not answer."""
    conf = ensure_conf(app)
    try:
        left_ms = get_redis(app).pttl(conf.lock_key)
    except (RedisError, OSError):
        return None
    return None if left_ms < 0 else max(0.0, float(conf.lock_timeout) - left_ms / 1000)


def _clock_offset() -> float:
    return time.time() - time.monotonic()


def _changed() -> dict[str, tuple[bool, str | None]]:
    """What staff set instead of the built-in schedule; nothing of it where the database does not answer."""
    try:
        with psycopg.connect(
            get_settings().database_url, connect_timeout=5, autocommit=True, options="-c statement_timeout=5000"
        ) as connection:
            found = queries.states(connection)
    except psycopg.Error as error:
        log.warning("jobs run at their built-in times: the database does not answer", error=str(error))
        return {}
    return {name: (state.is_off, state.schedule) for name, state in found.items() if name in JOBS}

"""The job queue: which tasks exist, when they run by themselves, and how to wake the sender of live changes.

A task message only says "look now"; what is to be done stands in PostgreSQL. A lost message costs the seconds until the
next sweep, a repeated one costs a query.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from celery import Celery
from celery.schedules import crontab
from celery.signals import setup_logging
from kombu.connection import Connection
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from runtime.logs import configure_logs, get_logger
from runtime.settings import SettingsError, get_settings

TASKS = (
    "coa.tasks", "accounting.tasks", "bss.tasks", "bss.router_api.tasks", "bss.gateways.tasks", "monitoring.tasks",
)  # fmt: skip
QUEUE_COA = "coa"
QUEUE_DEFAULT = "default"
SWEEP_SECONDS = 2.0
# Sessions that fell silent can wait a little longer to be asked about.
CHECK_SECONDS = 10.0
# A task still unacknowledged after this long is given to another worker, so no task may take longer.
VISIBILITY_TIMEOUT_SECONDS = 3600
TASK_LIMIT_SECONDS = 1800
_NUDGE_TIMEOUT_SECONDS = 0.2
_NUDGE_PAUSE_SECONDS = 2.0

log = get_logger("runtime.tasks")


def _every(seconds: float, task: str, queue: str) -> dict[str, Any]:
    # A sweep that found no worker within its own period is worthless: the next one does its work.
    return {"task": task, "schedule": seconds, "options": {"queue": queue, "expires": seconds}}


def _schedule() -> dict[str, dict[str, Any]]:
    """What the clock starts."""
    return {
        "coa.sweep": _every(SWEEP_SECONDS, "coa.sweep", QUEUE_COA),
        "coa.see": _every(SWEEP_SECONDS, "coa.see", QUEUE_COA),
        "coa.probe": _every(SWEEP_SECONDS, "coa.probe", QUEUE_COA),
        "coa.check": _every(CHECK_SECONDS, "coa.check", QUEUE_COA),
        "accounting.bring-back": _every(CHECK_SECONDS, "accounting.bring-back", QUEUE_DEFAULT),
        "accounting.sweep": _every(60.0, "accounting.sweep", QUEUE_DEFAULT),
        "monitoring.alarms": _every(30.0, "monitoring.alarms", QUEUE_DEFAULT),
        "bss.temporary-speeds": _every(30.0, "bss.temporary-speeds", QUEUE_DEFAULT),
        "bss.router-orders": _every(3.0, "bss.router-orders", QUEUE_DEFAULT),
        "bss.router-check": _every(60.0, "bss.router-check", QUEUE_DEFAULT),
        "bss.router-drift": _every(300.0, "bss.router-drift", QUEUE_DEFAULT),
        "bss.customer-jobs": _every(SWEEP_SECONDS, "bss.customer-jobs", QUEUE_DEFAULT),
        "bss.bulk-changes": _every(SWEEP_SECONDS, "bss.bulk-changes", QUEUE_DEFAULT),
        "bss.rollouts": _every(5.0, "bss.rollouts", QUEUE_DEFAULT),
        # Each order has its own next time: ten minutes after it was made, later ever more rarely.
        "bss.payment-reconcile": _every(60.0, "bss.payment-reconcile", QUEUE_DEFAULT),
        "bss.payment-purge": {
            "task": "bss.payment-purge",
            "schedule": crontab(hour="2", minute="40"),
            "options": {"queue": QUEUE_DEFAULT},
        },
        "bss.router-purge": {
            "task": "bss.router-purge",
            "schedule": crontab(hour="1", minute="10"),
            "options": {"queue": QUEUE_DEFAULT},
        },
        "coa.purge": {
            "task": "coa.purge",
            "schedule": crontab(hour="3", minute="15"),
            "options": {"queue": QUEUE_COA},
        },
        **{
            name: {"task": name, "schedule": moment, "options": {"queue": QUEUE_DEFAULT}}
            for name, moment in (
                ("accounting.usage-hours", crontab(minute="1")),
                ("accounting.usage-months", crontab(hour="1", minute="10")),
                ("accounting.retire", crontab(hour="1", minute="30")),
            )
        },
        "accounting.partitions": {
            "task": "accounting.partitions",
            "schedule": crontab(hour="0", minute="30"),
            "options": {"queue": QUEUE_DEFAULT},
        },
    }


def make_app() -> Celery:
    """The Celery application; opens no connection."""
    application = Celery("lintas", include=list(TASKS))
    application.conf.update(
        task_serializer="json",
        accept_content=["json"],
        result_serializer="json",
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        task_soft_time_limit=TASK_LIMIT_SECONDS - 60,
        task_time_limit=TASK_LIMIT_SECONDS,
        broker_connection_retry=True,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            "visibility_timeout": VISIBILITY_TIMEOUT_SECONDS,
            "socket_connect_timeout": 2,
            "socket_keepalive": True,
        },
        task_default_queue=QUEUE_DEFAULT,
        task_routes={"coa.*": {"queue": QUEUE_COA}},
        timezone="UTC",
        enable_utc=True,
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        worker_max_tasks_per_child=5000,
        beat_schedule=_schedule(),
    )
    application.add_defaults(lambda: {"broker_url": get_settings().redis_url})
    return application


app = make_app()


def _configure_worker_logs(**_: Any) -> None:
    settings = get_settings()
    configure_logs(log_format=settings.log_format, level=settings.log_level)
    # A sweep every two seconds would fill the log with its comings and goings; what fails is logged as an error.
    for name in ("celery.app.trace", "celery.worker.strategy"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("celery.beat").addFilter(_is_no_routine)


def _is_no_routine(record: logging.LogRecord) -> bool:
    return "Sending due task" not in str(record.msg)


# Celery leaves logging alone when somebody listens to this signal.
setup_logging.connect(_configure_worker_logs, weak=False)


class _Nudger:
    """Sends the wake-up, and stays quiet for a moment after a failure so that no request waits twice."""

    def __init__(self, publish: Callable[[str], None] | None = None) -> None:
        self._publish = publish
        self._lock = threading.Lock()
        self._silent_until = 0.0
        self._failing = False

    def nudge(self) -> bool:
        if time.monotonic() < self._silent_until:
            return False
        try:
            (self._publish or _publish_drain)(get_settings().redis_url)
        except (RedisError, KombuError, OSError, SettingsError) as error:
            self._note_failure(error)
            return False
        self._note_success()
        return True

    def _note_failure(self, error: Exception) -> None:
        with self._lock:
            first, self._failing = not self._failing, True
            self._silent_until = time.monotonic() + _NUDGE_PAUSE_SECONDS
        if first:
            log.warning("nudge failed, the sweep will do the work", error=str(error))

    def _note_success(self) -> None:
        with self._lock:
            recovered, self._failing = self._failing, False
        if recovered:
            log.info("nudge works again")


def nudge_coa() -> bool:
    """Tells the sender of live changes to look now. Call it after the commit.

    Never raises and never holds the caller for more than half a second: without Redis the sweep finds the row within
    two seconds. True when the message was handed over.
    """
    return _nudger.nudge()


def nudge_probe() -> bool:
    """The same for the probes of CoA ports."""
    return _probe_nudger.nudge()


def nudge_routers() -> bool:
    """The same for what was ordered on routers, or is to be asked of them."""
    return _router_nudger.nudge()


def _publish_drain(redis_url: str) -> None:
    with _briefly(redis_url) as connection:
        app.send_task("coa.drain", queue=QUEUE_COA, expires=30, connection=connection, retry=False)


def _publish_probe(redis_url: str) -> None:
    with _briefly(redis_url) as connection:
        app.send_task("coa.probe", queue=QUEUE_COA, expires=30, connection=connection, retry=False)


def _publish_orders(redis_url: str) -> None:
    with _briefly(redis_url) as connection:
        app.send_task("bss.router-orders", queue=QUEUE_DEFAULT, expires=30, connection=connection, retry=False)


def _briefly(redis_url: str) -> Any:
    # A connection of its own: the worker's pool waits and retries for as long as Redis is away.
    options = {
        "socket_connect_timeout": _NUDGE_TIMEOUT_SECONDS,
        "socket_timeout": _NUDGE_TIMEOUT_SECONDS,
        "max_retries": 0,
    }
    return Connection(redis_url, transport_options=options)


_nudger, _probe_nudger, _router_nudger = _Nudger(), _Nudger(_publish_probe), _Nudger(_publish_orders)

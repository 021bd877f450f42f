"""The job queue: which tasks exist, when they run by themselves, and how to wake the sender of live changes.

A task message only says "look now"; what is to be done stands in PostgreSQL. A lost message costs the seconds until the
next sweep, a repeated one costs a query.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from celery import Celery
from celery.signals import setup_logging
from kombu.connection import Connection
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from runtime import job_log
from runtime.jobs import schedule_of
from runtime.logs import configure_logs, get_logger
from runtime.settings import SettingsError, get_settings

TASKS = (
    "coa.tasks", "accounting.tasks", "bss.tasks", "bss.customers.tasks", "bss.router_api.tasks", "bss.gateways.tasks",
    "bss.billing.tasks", "bss.webhooks.tasks", "bss.staff.tasks", "monitoring.tasks",
)  # fmt: skip
QUEUE_COA = "coa"
QUEUE_DEFAULT = "default"
BEAT_LOOP_SECONDS, BEAT_LOCK_SECONDS = 2, 15
# A task still unacknowledged after this long is given to another worker, so no task may take longer.
VISIBILITY_TIMEOUT_SECONDS = 3600
TASK_LIMIT_SECONDS = 1800
_NUDGE_TIMEOUT_SECONDS = 0.2
_NUDGE_PAUSE_SECONDS = 2.0

log = get_logger("runtime.tasks")


class _WhereRedisIs(Mapping[str, str]):
    """Asked when it is needed. A function is called once, and forgotten by Celery for good when it fails that once."""

    _names = ("broker_url", "redbeat_redis_url")

    def __getitem__(self, name: str) -> str:
        if name not in self._names:
            raise KeyError(name)
        return get_settings().redis_url

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


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
        beat_schedule=schedule_of(),
        beat_scheduler="runtime.beat:Scheduler",
        # A scheduler that died is replaced after its lock has run out.
        beat_max_loop_interval=BEAT_LOOP_SECONDS,
        redbeat_lock_timeout=BEAT_LOCK_SECONDS,
        redbeat_redis_options={"socket_connect_timeout": 2, "socket_timeout": 5, "socket_keepalive": True},
    )
    application.add_defaults(_WhereRedisIs())
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
    return "ending due task" not in str(record.msg)


job_log.listen()
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


def send_job(name: str, *, queue: str, by: str, arguments: dict[str, Any] | None = None) -> bool:
    """Start a job now, in the name of whoever asked; False where Redis does not take the message."""
    try:
        with _briefly(get_settings().redis_url) as connection:
            app.send_task(
                name, kwargs=arguments or {}, queue=queue, headers={job_log.BY: by}, connection=connection, retry=False
            )
    except (RedisError, KombuError, OSError, SettingsError) as error:
        log.warning("a job could not be started", job=name, error=str(error))
        return False
    return True


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

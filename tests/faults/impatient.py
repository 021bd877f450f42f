"""The job queue with a broker that gives a task to somebody else after a second, for a worker of a fault: `-A`.

Says when each task begins, so that a log tells which began twice.
"""

import sys
from typing import Any

from celery.signals import task_prerun

from runtime.tasks import app

VISIBLE_S = 1
BEGUN = "begun: "

app.conf.broker_transport_options = dict(app.conf.broker_transport_options) | {
    "visibility_timeout": VISIBLE_S, "unacked_restore_interval": 1, "unacked_restore_throttle": 1,
}  # fmt: skip


def _say(task_id: str, task: Any, **_: Any) -> None:
    sys.stdout.write(f"{BEGUN}{task.name} {task_id}\n")
    sys.stdout.flush()


task_prerun.connect(_say, weak=False)

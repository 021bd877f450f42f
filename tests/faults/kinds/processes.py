"""FreeRADIUS, the collector and Redis killed and started again while everybody dials."""

import os
import signal
import time

import redis as client

from benchmarks import machine
from faults.fault import Fault, Run
from faults.verdict import Expect

TIMES, PAUSE_S = 3, 1.5
# What a supervisor takes before it starts something again.
RESTART_AFTER_S = 0.5


class _Repeatedly(Fault):
    """Ends some processes again and again during the load, and starts them as a supervisor does."""

    names: tuple[str, ...]
    hold_s = 0.0

    def end(self, run: Run, name: str) -> None:
        run.stage.kill(name)

    def inject(self, run: Run) -> None:
        for _ in range(TIMES):
            for name in self.names:
                self.end(run, name)
            time.sleep(RESTART_AFTER_S)
            for name in self.names:
                run.stage.start(name)
            time.sleep(run.chance.uniform(0.5, PAUSE_S))


class OneServerKilled(Fault):
    """kill -9 of one FreeRADIUS of each group, three times. Its socket stays, and the group starts another for it."""

    id, title, hold_s = "a14c", "one FreeRADIUS of each group kill -9, three times", 0.0

    def inject(self, run: Run) -> None:
        for _ in range(TIMES):
            for name in ("radius-login", "radius-accounting"):
                servers = machine.children_of(run.stage.lab.process(name).pid)
                os.kill(run.chance.choice(servers), signal.SIGKILL)
            time.sleep(RESTART_AFTER_S + run.chance.uniform(1.0, 2 * PAUSE_S))

    def heal(self, run: Run) -> None:
        """Nothing to do: the group has done it."""


class RadiusKilled(_Repeatedly):
    """kill -9 of both groups as a whole, three times. A customer's router asks three times in 3 s."""

    id, title = "a14", "both groups of FreeRADIUS kill -9, three times"
    names = ("radius-login", "radius-accounting")


class RadiusRestarted(_Repeatedly):
    """The same, asked to end, as for an upgrade."""

    id, title = "a14b", "both groups of FreeRADIUS restarted, three times"
    names = ("radius-login", "radius-accounting")

    def end(self, run: Run, name: str) -> None:
        run.stage.end(name)


class CollectorKilled(_Repeatedly):
    """kill -9 of the collector in the middle of batches, three times."""

    id, title = "a11b", "collector kill -9, three times"
    names = ("collector",)


class EverythingKilled(Fault):
    """kill -9 of everything but the routers at one moment, and all of it started again: the box lost its power.

    Only what was acknowledged counts; the machine's cache survives here, so this shows crash recovery, not fsync.
    """

    id, title, hold_s = "a21b", "everything kill -9 at once", 1.0
    expect = Expect(availability=0.0)

    def inject(self, run: Run) -> None:
        for name in ("radius-login", "radius-accounting", "collector", "redis", "postgres"):
            run.stage.kill(name)

    def heal(self, run: Run) -> None:
        for name in ("postgres", "redis", "radius-login", "radius-accounting", "collector"):
            run.stage.start(name)


class RedisKilled(Fault):
    """kill -9, gone for four seconds, back without a key."""

    id, title, hold_s = "a9", "Redis kill -9, back empty", 4.0

    def inject(self, run: Run) -> None:
        run.stage.kill("redis")

    def heal(self, run: Run) -> None:
        run.stage.start("redis")


class RedisFull(Fault):
    """Redis has no room: it refuses writes instead of dropping what it holds."""

    id, title = "a10", "Redis full"

    def inject(self, run: Run) -> None:
        redis = client.Redis.from_url(run.stage.lab.settings.redis_url)
        redis.config_set("maxmemory", "1mb")
        redis.close()

    def heal(self, run: Run) -> None:
        redis = client.Redis.from_url(run.stage.lab.settings.redis_url)
        redis.config_set("maxmemory", f"{run.stage.lab.redis_server.max_memory_mb}mb")
        redis.close()


FAULTS = (
    RedisKilled(),
    RedisFull(),
    CollectorKilled(),
    OneServerKilled(),
    RadiusKilled(),
    RadiusRestarted(),
    EverythingKilled(),
)

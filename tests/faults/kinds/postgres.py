"""PostgreSQL killed, restarted, hung, and away while everything else starts."""

import os
import signal

from faults.fault import Fault, Run
from faults.verdict import Expect


class Killed(Fault):
    """kill -9 of the server, three seconds without it."""

    id, title = "a1", "PostgreSQL kill -9"

    def inject(self, run: Run) -> None:
        run.stage.kill("postgres")

    def heal(self, run: Run) -> None:
        run.stage.start("postgres")


class BackendKilled(Fault):
    """kill -9 of the backend in which the collector writes: PostgreSQL restarts all of them."""

    id, title, hold_s = "a2", "PostgreSQL backend kill -9", 1.0

    def inject(self, run: Run) -> None:
        rows = run.stage.sql("SELECT pid FROM pg_stat_activity WHERE application_name = 'lintas collect'")
        for (pid,) in rows:
            os.kill(pid, signal.SIGKILL)


class Restarted(Fault):
    """A fast restart, as for an upgrade."""

    id, title = "a3", "PostgreSQL restarted"

    def inject(self, run: Run) -> None:
        run.stage.end("postgres")

    def heal(self, run: Run) -> None:
        run.stage.start("postgres")


class Hung(Fault):
    """SIGSTOP: connections stay open and nobody answers."""

    id, title, hold_s = "a5", "PostgreSQL hangs (SIGSTOP)", 6.0

    def inject(self, run: Run) -> None:
        run.stage.freeze("postgres")

    def heal(self, run: Run) -> None:
        run.stage.thaw()


class AwayAtBoot(Fault):
    """The box restarts and PostgreSQL comes last: FreeRADIUS starts without it, with nothing in memory.

    Nobody can be let in while no server has ever heard the database, so availability is not promised: silence is, and
    that service is back soon after PostgreSQL is.
    """

    id, title = "a7", "PostgreSQL away at boot"
    expect = Expect(availability=0.0)

    def inject(self, run: Run) -> None:
        stage = run.stage
        stage.end("postgres")
        for name in ("collector", "radius-login", "radius-accounting"):
            stage.kill(name)
        for name in ("radius-login", "radius-accounting", "collector"):
            stage.start(name)

    def heal(self, run: Run) -> None:
        run.stage.start("postgres")


FAULTS = (Killed(), BackendKilled(), Restarted(), Hung(), AwayAtBoot())

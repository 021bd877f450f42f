"""The network between routers and servers: datagrams lost, doubled, late and out of order, a server that is gone."""

import os
import signal
import sys
from typing import Any, ClassVar

from benchmarks import machine
from benchmarks.lab import free_udp_ports
from faults.fates import Weather
from faults.fault import Fault, Run
from faults.nas import Server
from faults.proxy import LISTENING
from faults.stage import Stage
from faults.verdict import Expect
from runtime import freeradius
from runtime.settings import home_dir

PROXY = "proxy"
SECOND = "second"
# The most that is let through in these weathers when a router asks three times: 1 - P(three tries fail).
_LOSSY, _ROUGH = 0.90, 0.99


class _Weather(Fault):
    """A proxy stands between routers and servers for the whole load."""

    weather: ClassVar[Weather]
    is_weather = True
    # The proxy is Python, and what it cannot read in time would be lost beyond what was asked for.
    most_records_a_second = 1200

    def servers(self, stage: Stage) -> list[Server]:
        outside = free_udp_ports()
        given, inside = self.weather, stage.server
        command = [
            *(sys.executable, "-m", "faults.proxy", "--seed", str(stage.seed)),
            *("--pair", f"{outside}:{inside.auth_port}", "--pair", f"{outside + 1}:{inside.acct_port}"),
            *("--loss", str(given.loss), "--duplicate", str(given.duplication)),
            *("--reorder", str(given.reordering), "--delay", str(given.delay_s)),
        ]
        lab, path = stage.lab, f"{home_dir()}:{home_dir() / 'tests'}"
        lab.log_file(PROXY).unlink(missing_ok=True)
        lab.start(PROXY, command, env={**os.environ, "PYTHONPATH": path})
        lab.wait_for(lambda: LISTENING in lab.log_file(PROXY).read_text(), 10, "the proxy does not listen")
        return [Server(auth_port=outside, acct_port=outside + 1)]

    def tidy(self, run: Run) -> None:
        run.stage.lab.end(PROXY)
        run.outcome.figures["proxy"] = run.stage.lab.log_file(PROXY).read_text().splitlines()[-1]


class Loss(_Weather):
    """A fifth of all datagrams is lost, in each direction."""

    id, title, weather = "b5", "20 % of datagrams lost each way", Weather(loss=0.2)
    expect = Expect(availability=_LOSSY)


class Duplicates(_Weather):
    """Three in ten datagrams arrive twice, and routers send three in ten records again as new packets."""

    id, title, weather = "b6", "30 % doubled, 30 % sent again", Weather(duplication=0.3)
    load: ClassVar[dict[str, Any]] = {"repeats": 0.3}


class Disorder(_Weather):
    """Half of the datagrams are up to 0.8 s late, so interims come after later ones, Starts after Stops."""

    id, title, weather = "b7", "50 % out of order by up to 0.8 s", Weather(reordering=0.5, delay_s=0.8)
    expect = Expect(availability=_ROUGH)


class Everything(_Weather):
    """Loss, repeats and disorder together."""

    id, title = "b7b", "lost, doubled, out of order together"
    weather = Weather(loss=0.1, duplication=0.2, reordering=0.3, delay_s=0.8)
    load: ClassVar[dict[str, Any]] = {"repeats": 0.1, "lost_starts": 0.1}
    expect = Expect(availability=_LOSSY)


class SecondServer(Fault):
    """A second RADIUS node with a spool and a collector of its own; the first is killed. Routers turn to the second."""

    id, title = "b18", "first of two RADIUS servers dies"
    # While the first is silent every login is sent five times, and the fleet must not be what is slow.
    most_records_a_second = 1000
    # As a router with `timeout=300ms` does: a try and three resends, then the next server of its list the same way.
    load: ClassVar[dict[str, Any]] = {"login_timeout_s": 0.3, "tries_at_a_server": 4, "login_tries": 8}

    def servers(self, stage: Stage) -> list[Server]:
        lab, port = stage.lab, free_udp_ports()
        settings = lab.settings.model_copy(
            update={
                "node": f"{SECOND}-{self.id}", "spool_dir": lab.home / f"spool-{SECOND}-{self.id}",
                "radius_auth_port": port,
                "radius_acct_port": port + 1,
            }
        )  # fmt: skip
        first, lab.settings = lab.settings, settings
        try:
            for part in freeradius.PARTS:
                raddb = freeradius.render(settings, lab.home / f"raddb-{SECOND}-{part}")
                log_file = lab.log_file(f"{SECOND}-{part}")
                lab.remember(f"{SECOND}-{part}", freeradius.start(settings, raddb, part, log_file=log_file))
            second = lab.start_service_as("collector", f"{SECOND}-collector")
        finally:
            lab.settings = first
        assert second.is_running()
        stage.more_nodes[settings.node] = settings.spool_dir
        return [stage.server, Server(auth_port=port, acct_port=port + 1)]

    def inject(self, run: Run) -> None:
        for part in freeradius.PARTS:
            run.stage.kill(f"radius-{part}")

    def heal(self, run: Run) -> None:
        for part in freeradius.PARTS:
            run.stage.start(f"radius-{part}")

    def tidy(self, run: Run) -> None:
        stage = run.stage
        for name in ("collector", *freeradius.PARTS):
            stage.lab.end(f"{SECOND}-{name}")
        stage.more_nodes.clear()
        stage.sql("DELETE FROM spool_positions WHERE node = %s", f"{SECOND}-{self.id}")


class Hanging(SecondServer):
    """The first of two servers hangs instead (SIGSTOP): its port is there, and nobody answers."""

    id, title = "b18b", "first of two RADIUS servers hangs"

    def inject(self, run: Run) -> None:
        _signal(run, signal.SIGSTOP)

    def heal(self, run: Run) -> None:
        _signal(run, signal.SIGCONT)


def _signal(run: Run, number: signal.Signals) -> None:
    for part in freeradius.PARTS:
        for pid in machine.children_of(run.stage.lab.process(f"radius-{part}").pid):
            os.kill(pid, number)


FAULTS = (Loss(), Duplicates(), Disorder(), Everything(), SecondServer(), Hanging())

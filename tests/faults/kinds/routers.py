"""Routers that restart, forget, reuse ids, have wrong clocks or narrow counters, and lose Starts and Stops."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from accounting.collector import connect
from accounting.jobs import close_stale_sessions
from faults.checks import Compared
from faults.fault import Fault, Run
from faults.nas import RouterPlan
from faults.stage import Stage
from simulator import wire
from simulator.wire import Code

_LATER_HOURS = (0.35, 1, 2, 4, 8, 13, 25, 49, 73, 169)
_STILL_OPEN = "SELECT count(*) FROM radacct_open WHERE acctstoptime IS NULL AND nas_server_id = ANY(%s)"
_TRY_S, _TRIES = 0.5, 60
# A router's whole second, and the time a packet takes.
_SLACK_S = 2.0
_HOUR_S, _DAY_S = 3600, 86_400

_FORGOTTEN = """
SELECT t.host, t.session, r.acctstoptime IS NULL, extract(epoch FROM r.acctstoptime)::float8 - t.seen,
    r.acctterminatecause
FROM (SELECT unnest(%s::inet[]) AS host, unnest(%s::text[]) AS session, unnest(%s::text[]) AS class,
        unnest(%s::text[]) AS username, unnest(%s::float8[]) AS seen) t
JOIN radacct r ON r.nasipaddress = t.host AND r.acctsessionid = t.session AND coalesce(r.class, '') = t.class
    AND r.username = t.username
WHERE r.nas_server_id = ANY(%s)
"""


def announce(stage: Stage, router: RouterPlan, status: str, *, clock_s: float = 0.0) -> None:
    """Accounting-On or -Off, sent until it is acknowledged; `clock_s` is how far the router's clock is off."""
    secret = stage.lab.secret.encode()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind((router.address, 0))
        opened.connect((stage.server.host, stage.server.acct_port))
        opened.settimeout(_TRY_S)
        begun = time.time()
        for identifier in range(_TRIES):
            attributes: list[wire.Attribute] = [
                ("Acct-Status-Type", status), ("Acct-Session-Id", "00000000"), ("NAS-IP-Address", router.address),
                ("Event-Timestamp", int(begun + clock_s)), ("Acct-Delay-Time", int(time.time() - begun)),
            ]  # fmt: skip
            opened.send(
                wire.hashed_request(
                    code=Code.ACCOUNTING_REQUEST, identifier=identifier, attributes=attributes, secret=secret
                )
            )
            try:
                opened.recv(4096)
            except (TimeoutError, ConnectionRefusedError):
                continue
            return
    raise TimeoutError(f"{status} of {router.address} was never acknowledged")


def close_silent(run: Run) -> None:
    """What the sweep does as time goes by, until the sessions that nobody ended have been silent long enough.

    Routers are asked about them and do not answer here, so it may take as long as the installation waits for that.
    """
    stage, now = run.stage, datetime.now(UTC)
    connection = connect(stage.lab.settings.database_url)
    try:
        for hours in _LATER_HOURS:
            later = now + timedelta(hours=hours)
            # Everything is counted, as the node would go on saying until then.
            stage.sql("UPDATE spool_positions SET updated_at = %s WHERE stream = 'acct'", later)
            close_stale_sessions(connection, later)
            if not stage.number(_STILL_OPEN, run.numbers):
                return
    finally:
        connection.close()
        stage.sql("UPDATE spool_positions SET updated_at = now() WHERE stream = 'acct'")


def forgotten_are_over(run: Run, compared: Compared) -> None:
    """Sessions without a Stop were ended when they were last seen, never later."""
    gone = [one for one in run.fleet.truth.sessions if one.forgotten and one.records_acked]
    rows = run.stage.sql(
        _FORGOTTEN,
        [one.router for one in gone], [one.session_id for one in gone], [one.class_text for one in gone],
        [one.username for one in gone], [one.last_acked_at for one in gone], run.numbers,
    )  # fmt: skip
    compared.note("sessions without a Stop that are still open", [row[:2] for row in rows if row[2]])
    late = [row for row in rows if row[3] is not None and row[3] > _SLACK_S]
    compared.note("sessions without a Stop that were ended after they were last seen", late)
    causes: dict[str, int] = {}
    for row in rows:
        causes[str(row[4])] = causes.get(str(row[4]), 0) + 1
    compared.figures["ended_without_stop"] = causes


class AccountingOn(Fault):
    """Three of four routers restart and say so: twice, with a clock an hour behind, with one an hour ahead."""

    id, title, hold_s = "b1", "routers restart with Accounting-On", 0.5

    def inject(self, run: Run) -> None:
        for router, clock_s in zip(run.routers, (0.0, -_HOUR_S, _HOUR_S), strict=False):
            run.fleet.call(lambda router=router: run.kept.setdefault("gone", []).extend(run.fleet.reboot(router)))
            time.sleep(0.1)
            announce(run.stage, router, "Accounting-On", clock_s=clock_s)
            announce(run.stage, router, "Accounting-On", clock_s=clock_s)
        announce(run.stage, run.routers[0], "Accounting-Off")

    def check(self, run: Run, compared: Compared) -> None:
        forgotten_are_over(run, compared)
        untouched = run.routers[-1].address
        rows = run.stage.sql(
            "SELECT count(*) FROM radacct WHERE nasipaddress = %s AND acctterminatecause ILIKE '%%reboot%%'", untouched
        )
        if rows[0][0]:
            compared.problems.append(f"{rows[0][0]} sessions of another router were ended by it")


class SilentReboot(Fault):
    """Routers lose their power and say nothing afterwards; customers dial again at once."""

    id, title, hold_s = "b2", "routers restart without a word", 0.5

    def inject(self, run: Run) -> None:
        for router in run.routers[:3]:
            run.fleet.call(lambda router=router: run.fleet.reboot(router))

    def settle(self, run: Run) -> None:
        close_silent(run)

    def check(self, run: Run, compared: Compared) -> None:
        forgotten_are_over(run, compared)


class IdsAgain(Fault):
    """Two hours later the same customers have the same Acct-Session-Id again; half of the routers return no Class."""

    id, title, hold_s = "b3", "session ids used again", 0.5
    load: ClassVar[dict[str, Any]] = {
        "once": True,
        "backdated_s": 2.0 * _HOUR_S,
        "records_a_session": 20,
        "lost_stops": 0.3,
    }

    def prepare(self, run: Run) -> None:
        for router in run.routers[:2]:
            router.echoes_class = False

    def inject(self, run: Run) -> None:
        def go_on() -> None:
            for router in run.routers:
                run.fleet.reboot(router, same_ids=True)
            run.fleet.happen_now()

        run.fleet.call(go_on)

    def settle(self, run: Run) -> None:
        close_silent(run)

    def check(self, run: Run, compared: Compared) -> None:
        again: dict[tuple[str, str, str], int] = {}
        for one in run.fleet.truth.sessions:
            key = (one.router, one.session_id, one.username)
            again[key] = again.get(key, 0) + 1
        compared.figures["ids_used_twice"] = sum(count > 1 for count in again.values())
        if not compared.figures["ids_used_twice"]:
            compared.problems.append("no id was used twice, so nothing was tried")


class WrongClocks(Fault):
    """Clocks in 1970, an hour behind, an hour ahead and four hundred days ahead."""

    id, title, is_weather = "b4", "router clocks wrong by up to decades", True

    def prepare(self, run: Run) -> None:
        skews = (5 - time.time(), -float(_HOUR_S), float(_HOUR_S), 400.0 * _DAY_S)
        for router, skew_s in zip(run.routers, skews, strict=True):
            router.clock_skew_s = skew_s

    def check(self, run: Run, compared: Compared) -> None:
        begun = min(one.began_at for one in run.fleet.truth.sessions)
        wrong = run.stage.sql(
            "SELECT acctsessionid, acctstarttime FROM radacct WHERE nas_server_id = ANY(%s)"
            " AND (acctstarttime < to_timestamp(%s) OR acctupdatetime > now() OR acctstoptime > now())",
            run.numbers, begun - _SLACK_S,
        )  # fmt: skip
        compared.note("sessions dated by a wrong clock", wrong)
        days = run.stage.sql(
            "SELECT DISTINCT day FROM usage_daily WHERE nas_server_id = ANY(%s)"
            " AND day NOT BETWEEN current_date - 1 AND current_date + 1", run.numbers,
        )  # fmt: skip
        compared.note("days on which nobody was online", days)


class LostStops(Fault):
    """Three in ten sessions end without a Stop, and a tenth began without a Start; customers dial again at once."""

    id, title, is_weather = "b8", "30 % of Stops, 10 % of Starts lost", True
    load: ClassVar[dict[str, Any]] = {"lost_stops": 0.3, "lost_starts": 0.1}

    def settle(self, run: Run) -> None:
        close_silent(run)

    def check(self, run: Run, compared: Compared) -> None:
        forgotten_are_over(run, compared)


class TwoSweeps(LostStops):
    """The same, and two sweeps look for silent sessions at the same moment, as with two schedulers."""

    id, title = "a13", "two sweeps at the same moment"

    def settle(self, run: Run) -> None:
        with ThreadPoolExecutor(max_workers=2) as pool:
            for done in [pool.submit(close_silent, run) for _ in range(2)]:
                done.result()


class NarrowCounters(Fault):
    """Up to 1.9 GB between two records: counters pass 4 GiB many times, at half of the routers without Gigawords."""

    id, title, is_weather = "b10", "counters past 4 GiB, no Gigawords", True
    load: ClassVar[dict[str, Any]] = {"backdated_s": 0.9 * _DAY_S, "pace": 300.0, "bytes_a_record": 1_900_000_000}

    def prepare(self, run: Run) -> None:
        for router in run.routers[:2]:
            router.gigawords = False

    def check(self, run: Run, compared: Compared) -> None:
        wide = [one for one in run.fleet.truth.sessions if one.download_bytes >= 1 << 32]
        narrow = {router.address for router in run.routers if not router.gigawords}
        compared.figures["sessions_past_4_gib"] = len(wide)
        compared.figures["of_them_without_gigawords"] = sum(one.router in narrow for one in wide)
        if not compared.figures["of_them_without_gigawords"]:
            compared.problems.append("no counter wrapped, so nothing was tried")


FAULTS = (
    TwoSweeps(), AccountingOn(), SilentReboot(), IdsAgain(), WrongClocks(), LostStops(), NarrowCounters(),
)  # fmt: skip

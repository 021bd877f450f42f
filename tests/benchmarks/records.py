"""How many accounting records a second, from the packet to the committed row, side by side.

Every subscriber has an open session; interims of random sessions arrive. Ours acknowledges once a record is in the
spool and commits it a moment later, so its rate runs from the first packet to the last commit; rlm_sql acknowledges
what it has committed; the ceiling commits nothing. The generator knows what it sent: whatever is stored for a session
must be at least what was acknowledged and at most what was sent.

A burst is what comes after a power cut: some seconds of as many records as are acknowledged. The collector gives way to
it and catches up afterwards, so of a burst both is told: how fast it was acknowledged, and when all of it was
committed.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg

from benchmarks import load, machine, verdict
from benchmarks.lab import Lab, LabError
from benchmarks.load import Answered, Load
from benchmarks.servers import OURS, SQL, Server
from benchmarks.verdict import Meter, Result, Round

MODE = "acct"
# As a login minted it: subscription, tier, decision.
CLASS_FORMAT = "lts1:%1$ld:0:%1$012lx"
_OPEN_SECONDS = 300.0
_BURST_SECONDS = 2.0
_COMMIT_SECONDS = 240.0
_POLL_SECONDS = 0.02
_COUNTED = "SELECT coalesce(sum(records), 0) FROM spool_positions WHERE stream = 'acct'"
_SET_ASIDE = "SELECT count(*) FROM quarantined_records"

# What stock FreeRADIUS would have stored at the generator's Starts, identity included.
_OPEN_AT_SQL = """
INSERT INTO radacct (acctsessionid, acctuniqueid, username, nasipaddress, nasportid, nasporttype, acctstarttime,
    acctupdatetime, acctsessiontime, acctinputoctets, acctoutputoctets, callingstationid, servicetype, framedprotocol,
    framedipaddress, class)
SELECT session, md5(name || ',' || session || ',127.0.0.1,,,' || n), name, '127.0.0.1', n::text, 'Ethernet', now(),
    now(), 0, 0, 0, '', 'Framed-User', 'PPP', '10.0.0.0'::inet + n, ''
FROM generate_series(1, %s) n, lpad(to_hex(n), 8, '0') session, concat('user', to_char(n, 'FM000000')) name
"""
_WRONG_SESSIONS = """
SELECT count(*) FROM truth t LEFT JOIN (
    SELECT acctsessionid, count(*) AS rows, max(acctinputoctets + acctoutputoctets) AS octets
    FROM radacct WHERE username LIKE 'user%' GROUP BY acctsessionid
) r ON r.acctsessionid = t.session
WHERE r.rows IS DISTINCT FROM 1 OR r.octets < t.acked OR r.octets > t.sent
"""
# Bytes that were booked, by day, beside those of the sessions.
_BOOKED = """
SELECT (SELECT coalesce(sum(acctinputoctets + acctoutputoctets), 0) FROM radacct),
    (SELECT coalesce(sum(download_bytes + upload_bytes), 0) FROM usage_daily)
"""


def measure(lab: Lab, servers: Sequence[Server], *, seconds: float, rounds: int) -> Result:
    """Opens all sessions, then interims for every server in turn, as many rounds as asked for."""
    bench = _Bench(lab, seconds)
    opened = bench.open_sessions(servers)
    done: list[Round] = []
    for number in range(rounds + 1):
        for server in (servers[(index + number) % len(servers)] for index in range(len(servers))):
            lab.say(f"accounting, round {number} of {rounds}{'' if number else ' (not counted)'}: {server.name}")
            done.append(bench.round(server, number))
    ours = next(server for server in servers if server.name == OURS)
    bursts = [bench.burst(ours, number + 1) for number in range(rounds)]
    return bench.result(servers, [item for item in done if item.number], opened, bursts)


class _Bench:
    """The rounds of one measurement; counters of a server's sessions go on rising from round to round."""

    def __init__(self, lab: Lab, seconds: float) -> None:
        self._lab = lab
        self._seconds = seconds
        self._program = load.build(lab.home.parent)
        self._truth = lab.home / "truth.csv"
        self._ticks: dict[str, int] = {}
        self._begun_at = int(time.time())
        self._wrong: list[str] = []
        self._wrong_at_sql = 0

    def open_sessions(self, servers: Sequence[Server]) -> Round:
        """Each subscriber's Start: at ours as packets, at rlm_sql as rows; returns ours as a round."""
        lab = self._lab
        # The generator's Class says tier 0, as the login of a subscriber at full speed would.
        lab.sql("DELETE FROM subscription_fup_states")
        for server in servers:
            if server.name == SQL:
                with psycopg.connect(server.database_url) as connection:
                    connection.execute(_OPEN_AT_SQL, [lab.subscribers])
        ours = next(server for server in servers if server.name == OURS)
        lab.say(f"accounting: opening {lab.subscribers} sessions")
        opened = self._run(ours, 0, self._load(ours, _OPEN_SECONDS, in_order=True, start_first=True))
        if opened.answered.ok < lab.subscribers * (1 - verdict.MAX_LOST_SHARE):
            raise LabError(f"{opened.answered.ok} of {lab.subscribers} Starts were acknowledged")
        return opened

    def burst(self, server: Server, number: int) -> Round:
        """A round so short that nothing need be committed while it lasts."""
        self._lab.say(f"accounting, burst {number}: {server.name}")
        return self.round(server, number, seconds=_BURST_SECONDS)

    def round(self, server: Server, number: int, seconds: float | None = None) -> Round:
        """Interims for a while, and the look at what was stored."""
        first_tick = self._ticks.get(server.name, 0)
        wanted = self._load(server, seconds or self._seconds, first_tick=first_tick, truth_file=self._truth)
        done = self._run(server, number, wanted)
        self._ticks[server.name] = done.answered.tick
        self._compare(server, number)
        return done

    def _run(self, server: Server, number: int, wanted: Load) -> Round:
        lab, is_ours = self._lab, server.name == OURS
        before = lab.number(_COUNTED) if is_ours else 0
        meter = Meter(lab, server)
        answered = load.run(self._program, wanted)
        finished = time.monotonic()
        recorded, committed_at = _wait_committed(lab, before, answered) if is_ours else (answered.ok, 0.0)
        took = committed_at - answered.first_sent if is_ours else answered.seconds
        spent = meter.spent()
        return Round(
            number=number,
            server=server.name,
            mode=MODE,
            answered=answered,
            rate=round(answered.ok / took, 1) if took > 0 else 0.0,
            recorded=recorded,
            drain_s=round(max(0.0, committed_at - finished), 2),
            cores=verdict.cores(spent, took),
            cpu_us=verdict.cpu_us(spent, answered.ok),
        )

    def _load(self, server: Server, seconds: float, **options: Any) -> Load:
        return Load(
            mode=MODE,
            port=server.acct_port,
            secret=self._lab.secret,
            population=self._lab.subscribers,
            seconds=seconds,
            begun_at=self._begun_at,
            class_format=CLASS_FORMAT,
            **options,
        )

    def _compare(self, server: Server, number: int) -> None:
        if not server.database_url:
            return
        wrong = wrong_sessions(server.database_url, self._truth)
        if server.name == SQL:
            self._wrong_at_sql += wrong
        elif wrong:
            self._wrong.append(f"{server.name}, round {number}: {wrong} sessions hold other bytes than were reported")

    def result(
        self, servers: Sequence[Server], rounds: Sequence[Round], opened: Round, bursts: Sequence[Round]
    ) -> Result:
        lab, values = self._lab, verdict.side_by_side(rounds, MODE)
        burst = verdict.medians(bursts, OURS, MODE)
        result = Result(name="accounting", values=values)
        values |= {
            "subscribers": lab.subscribers,
            "starts_rate": round(opened.rate),
            "ratio_acked_to_ceiling": verdict.ratio(values["acked_rate"], values["ceiling_rate"]),
            "ratio_acked_to_rlm_sql": verdict.ratio(values["acked_rate"], values["rlm_sql_rate"]),
            "burst": burst | {"seconds": _BURST_SECONDS},
            "ratio_burst_to_rlm_sql": verdict.ratio(burst["acked_rate"], values["rlm_sql_rate"]),
            "sessions_wrong_at_rlm_sql": self._wrong_at_sql,
            "resident_mb": {item.name: machine.resident_mb(item.processes[-1].pid) for item in servers},
            "collector_resident_mb": machine.resident_mb(lab.process("collector").pid),
            "in_flight": load.IN_FLIGHT,
            "machine": machine.describe(),
            "versions": machine.versions(),
            "rounds": verdict.flat([opened, *rounds, *bursts]),
        }
        result.invalid += [*self._wrong, *self._problems([opened, *rounds, *bursts])]
        result.head = ("records/s", "ours", "rlm_sql", "ceiling", "x rlm_sql", "x ceiling", "p50 ms", "p99 ms")
        in_bursts = values | {name: burst[name] for name in ("acked_rate", "p50_ms", "p99_ms")}
        result.rows = [
            _row("committed", values, "rate"),
            _row("acknowledged", values, "acked_rate"),
            _row("in bursts", in_bursts, "acked_rate"),
        ]
        result.remarks = self._remarks(values)
        return result

    def _problems(self, rounds: Sequence[Round]) -> list[str]:
        found = [problem for item in rounds for problem in verdict.problems(item)]
        found += [problem for item in rounds if item.server == OURS for problem in verdict.unrecorded(item)]
        of_sessions, by_day = self._lab.sql(_BOOKED)[0]
        if of_sessions != by_day:
            found.append(f"sessions hold {of_sessions} bytes, days {by_day}")
        set_aside = self._lab.number(_SET_ASIDE)
        return [*found, f"{set_aside} records were set aside"] if set_aside else found

    def _remarks(self, values: dict[str, Any]) -> list[str]:
        committed = f"{values['recorded']} committed, the last ones {values['drain_s']} s after the load ended"
        return [
            f"{values['answered']} interims acknowledged, {committed}; bytes as reported, each booked once",
            f"bursts of {_BURST_SECONDS:.0f} s: all committed {values['burst']['drain_s']} s after they ended",
            f"opening: {values['starts_rate']} Starts/s from packet to committed row",
            f"sessions of rlm_sql with other bytes than were reported: {values['sessions_wrong_at_rlm_sql']}",
            *verdict.remarks(values, "record"),
        ]


def _wait_committed(lab: Lab, before: int, answered: Answered) -> tuple[int, float]:
    """How many records were counted, and the monotonic time at which all acknowledged ones were."""
    counted, deadline = 0, time.monotonic() + _COMMIT_SECONDS
    while counted < answered.ok and time.monotonic() < deadline:
        counted = lab.number(_COUNTED) - before
        if counted < answered.ok:
            time.sleep(_POLL_SECONDS)
    return counted, time.monotonic()


def wrong_sessions(url: str, truth_file: Path) -> int:
    """Sessions of the generator's truth that are stored never, twice, or with other bytes than were reported."""
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TEMP TABLE truth (session text, username text, acked bigint, sent bigint)")
        with connection.cursor() as cursor, cursor.copy("COPY truth FROM STDIN (FORMAT csv, HEADER)") as copy:
            copy.write(truth_file.read_bytes())
        connection.execute("ANALYZE truth")
        row = connection.execute(_WRONG_SESSIONS).fetchone()
    return int(row[0]) if row else 0


def _row(name: str, values: dict[str, Any], key: str) -> tuple[object, ...]:
    ours, sql, ceiling = values[key], values["rlm_sql_rate"], values["ceiling_rate"]
    times = (verdict.ratio(ours, sql), verdict.ratio(ours, ceiling))
    return (name, ours, sql, ceiling, *times, values["p50_ms"], values["p99_ms"])

"""An installation with one tenant, a spool to write packets into, and a collector on both."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from sqlalchemy.orm import Session

from accounting.collector import Collector, Limits, connect
from db.queries.accounting import Connection
from factories import make_nas, make_plan, make_subscription, make_tenant

# 17:00 in Jakarta, far from any edge of a day.
NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
GIB = 1 << 30


@dataclass
class Clock:
    """The time as the collector under test sees it."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **over: float) -> datetime:
        self.now += timedelta(**over)
        return self.now


@dataclass
class SpoolWriter:
    """Writes packets as FreeRADIUS does: one line each, named by the hour."""

    directory: Path
    clock: Clock
    source: str
    written: int = 0

    def packet(self, kind: str, *, at: datetime | None = None, source: str | None = None, **over: Any) -> bytes:
        """A line; attributes by name with underscores. Session time and octets only where given."""
        moment = at or self.clock.now
        attributes = {
            "User-Name": "budi",
            "Acct-Session-Id": "81000001",
            "Acct-Status-Type": kind,
            "Event-Timestamp": moment.strftime("%b %e %Y %H:%M:%S UTC"),
            "NAS-IP-Address": "192.168.88.1",
            "Calling-Station-Id": "AA:BB:CC:00:00:01",
            "Framed-IP-Address": "100.64.0.1",
            "Acct-Delay-Time": 0,
        } | {name.replace("_", "-"): value for name, value in over.items()}
        told = {name: value for name, value in attributes.items() if value is not None}
        head = f"{int(moment.timestamp())}.{moment.microsecond:06d} {source or self.source}"
        return f"{head} {json.dumps(told)}\n".encode()

    def put(self, *lines: bytes, name: str | None = None) -> None:
        self.directory.mkdir(exist_ok=True)
        with (self.directory / (name or "acct-2026112110.jsonl")).open("ab") as file:
            file.writelines(lines)
        self.written += len(lines)

    def send(self, kind: str, **over: Any) -> None:
        self.put(self.packet(kind, **over))


def class_of(subscription_id: int, *, tier: int = 0, decision: str = "d1") -> str:
    return "0x" + f"lts1:{subscription_id}:{tier}:{decision}".encode().hex()


@dataclass
class Isp:
    """Ids of what every test needs, and quick reads."""

    db_url: str
    tenant_id: int
    plan_id: int
    nas_id: int
    nas_host: str
    subscription_id: int
    customer_id: int
    connection: Connection = field(repr=False)

    def rows(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(statement, values).fetchall()

    def row(self, statement: str, *values: Any) -> dict[str, Any]:
        (found,) = self.rows(statement, *values)
        return found

    def one(self, statement: str, *values: Any) -> Any:
        (value,) = self.row(statement, *values).values()
        return value

    def do(self, statement: str, *values: Any) -> None:
        self.connection.execute(statement, values)

    def used(self) -> tuple[int, int]:
        """Download and upload of everybody in usage_daily."""
        found = self.row(
            "SELECT coalesce(sum(download_bytes), 0)::bigint AS down, coalesce(sum(upload_bytes), 0)::bigint AS up"
            " FROM usage_daily"
        )
        return found["down"], found["up"]

    def invariants(self) -> None:
        """What must hold whatever came in: every byte booked once, times in order."""
        assert (
            self.rows(
                "SELECT * FROM (SELECT subscription_id, sum(acctoutputoctets) AS down, sum(acctinputoctets) AS up,"
                " sum(acctsessiontime) AS seconds, count(*) AS sessions FROM radacct"
                " WHERE subscription_id IS NOT NULL GROUP BY 1) r"
                " FULL JOIN (SELECT subscription_id, sum(download_bytes) AS d, sum(upload_bytes) AS u,"
                " sum(seconds) AS s, sum(sessions) AS n FROM usage_daily GROUP BY 1) u USING (subscription_id)"
                " WHERE (down, up, r.seconds, r.sessions) IS DISTINCT FROM (d, u, s, n)"
            )
            == []
        )
        assert (
            self.rows(
                "SELECT * FROM radacct WHERE acctstarttime > acctupdatetime OR acctupdatetime > acctstoptime"
                " OR acctsessiontime > extract(epoch FROM coalesce(acctstoptime, acctupdatetime) - acctstarttime) + 60"
            )
            == []
        )
        assert self.rows("SELECT acctuniqueid FROM radacct GROUP BY 1 HAVING count(*) > 1") == []


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def isp(db: Session, db_url: str, keys_file: Path) -> Iterator[Isp]:
    """A tenant in Jakarta, a plan whose only tier lies at 10 GiB a month, a router, and the subscription budi."""
    tenant = make_tenant(db)
    plan = make_plan(
        db,
        download_kbps=20_000,
        upload_kbps=10_000,
        tiers=[
            {
                "threshold_bytes": 10 * GIB,
                "reset_period": "monthly",
                "reduced_download_kbps": 2_000,
                "reduced_upload_kbps": 1_000,
            }
        ],
    )
    subscription = make_subscription(db, plan=plan, username="budi", billing_day=15)
    nas = make_nas(db)
    db.commit()
    with psycopg.connect(db_url, autocommit=True) as connection:
        yield Isp(
            db_url=db_url,
            tenant_id=tenant.id,
            plan_id=plan.id,
            nas_id=nas.id,
            nas_host=str(nas.host),
            subscription_id=subscription.id,
            customer_id=subscription.customer_id,
            connection=connection,
        )


@pytest.fixture
def spool(tmp_path: Path, clock: Clock, isp: Isp) -> SpoolWriter:
    return SpoolWriter(directory=tmp_path / "spool", clock=clock, source=isp.nas_host)


@pytest.fixture
def nudges() -> list[int]:
    """One entry for each wake-up of the sender."""
    return []


MakeCollector = Callable[..., Collector]


@pytest.fixture
def make_collector(isp: Isp, spool: SpoolWriter, clock: Clock, nudges: list[int]) -> Iterator[MakeCollector]:
    """Collectors on the test's database and spool; closed at the end."""
    made: list[Collector] = []

    def make(*, limits: Limits | None = None, **over: Any) -> Collector:
        values = {
            "connect": lambda: connect(isp.db_url),
            "spool_dir": spool.directory,
            "node": "node1",
            "nudge": lambda: nudges.append(1),
            "clock": clock,
        } | over
        collector = Collector(limits=limits, **values)
        made.append(collector)
        return collector

    yield make
    for collector in made:
        collector.close()


@pytest.fixture
def collector(make_collector: MakeCollector) -> Collector:
    return make_collector()


def wait_until(is_so: Callable[[], bool], timeout_s: float = 30.0) -> None:
    """Asks again and again; notices and other processes take their time."""
    deadline = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.005)


def drain(collector: Collector) -> int:
    """Count until nothing is left."""
    total = 0
    while counted := collector.step():
        total += counted
    return total

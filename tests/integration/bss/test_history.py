"""History over months, whatever was moved, summed or let go; and who had an address, by any of its attributes."""

import json
from datetime import UTC, date, datetime, timedelta
from ipaddress import ip_address
from typing import Any

import psycopg
import pytest
from sqlalchemy.orm import Session

from bss import history
from bss.actor import Actor
from bss.failure import Invalid, NotFound
from db.engine import psycopg_of
from db.models import AuditLog, NasServer, Subscription, Tenant
from db.queries import history as queries
from db.queries.prefixes import known_lengths
from factories import make_nas, make_session, make_subscription, make_tenant

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
PPP = {"framedprotocol": "PPP", "nasporttype": "Ethernet"}
HOTSPOT = {"nasporttype": "Wireless-802.11"}


@pytest.fixture
def tenant(db: Session, keys_file: object) -> Tenant:
    return make_tenant(db)


@pytest.fixture
def budi(db: Session, tenant: Tenant) -> Subscription:
    return make_subscription(db, tenant=tenant, username="budi")


@pytest.fixture
def nas(db: Session, tenant: Tenant) -> NasServer:
    return make_nas(db, tenant=tenant)


@pytest.fixture
def actor(tenant: Tenant) -> Actor:
    return Actor.system(tenant_id=tenant.id, name="test")


def session_at(db: Session, owner: Subscription, nas: NasServer, start: datetime, hours: float, **over: Any) -> Any:
    end = start + timedelta(hours=hours)
    values = {
        "acctstarttime": start, "acctupdatetime": end, "acctstoptime": end, "acctsessiontime": int(hours * 3600),
        "acctoutputoctets": 1000, "acctinputoctets": 10,
    }  # fmt: skip
    return make_session(db, owner, nas, **PPP | values | over)


def read(db: Session, actor: Actor, tenant: Tenant, owner: Subscription, **over: Any) -> history.History:
    wanted = {"first_day": None, "last_day": None, "service": None, "after": None, "size": 50} | over
    span = history.range_of(
        tenant, now=NOW, **{name: wanted.pop(name) for name in ("first_day", "last_day", "service")}
    )
    return history.of_subscription(db, actor=actor, subscription_id=owner.id, span=span, **wanted)


def test_pages_go_from_the_newest_to_the_oldest_without_gap_or_repeat(
    db: Session, tenant: Tenant, actor: Actor, budi: Subscription, nas: NasServer
) -> None:
    # Three of them begin at the same moment.
    starts = [NOW - timedelta(days=20) + timedelta(hours=number // 3) for number in range(20)]
    rows = [session_at(db, budi, nas, start, 1) for start in starts]
    session_at(db, make_subscription(db, tenant=tenant), nas, NOW - timedelta(days=3), 1)
    running = make_session(db, budi, nas, acctstarttime=NOW - timedelta(hours=1), **PPP)
    seen: list[str] = []
    after, pages = None, 0
    while True:
        part = read(db, actor, tenant, budi, after=after, size=4)
        seen += [one.id for one in part.sessions]
        after, pages = part.next_after, pages + 1
        if after is None:
            break
    wanted = [running, *sorted(rows, key=lambda row: (row.acctstarttime, row.radacctid), reverse=True)]
    assert seen == [row.acctuniqueid for row in wanted]
    assert pages == 6


def test_days_are_the_providers_and_the_service_narrows_sessions_and_totals(
    db: Session, tenant: Tenant, actor: Actor, budi: Subscription, nas: NasServer
) -> None:
    # Jakarta's 10 November begins at 17:00 UTC the day before.
    early = session_at(db, budi, nas, datetime(2026, 11, 9, 16, 59, tzinfo=UTC), 1)
    inside = session_at(db, budi, nas, datetime(2026, 11, 9, 17, 0, tzinfo=UTC), 1)
    spot = session_at(db, budi, nas, datetime(2026, 11, 10, 16, 59, tzinfo=UTC), 3, **HOTSPOT, framedprotocol=None)
    late = session_at(db, budi, nas, datetime(2026, 11, 10, 17, 0, tzinfo=UTC), 1)
    day = {"first_day": date(2026, 11, 10), "last_day": date(2026, 11, 10)}

    found = read(db, actor, tenant, budi, **day)
    assert [one.id for one in found.sessions] == [spot.acctuniqueid, inside.acctuniqueid]
    assert {early.acctuniqueid, late.acctuniqueid}.isdisjoint(one.id for one in found.sessions)

    hotspot = read(db, actor, tenant, budi, **day, service="hotspot")
    assert [one.service for one in hotspot.sessions] == ["hotspot"]
    assert (hotspot.total.total_bytes, hotspot.total.seconds, hotspot.total.sessions) == (1010, 10_800, 1)
    assert read(db, actor, tenant, budi, **day, service="vpn").total.sessions == 0


def test_totals_and_the_graph_are_sums_of_days_and_of_months_whose_days_were_let_go(
    db: Session, tenant: Tenant, actor: Actor, budi: Subscription, nas: NasServer
) -> None:
    connection = psycopg_of(db)
    for day, amount in ((date(2026, 10, 5), 7), (date(2026, 11, 3), 100), (date(2026, 11, 4), 50)):
        connection.execute("INSERT INTO usage_daily VALUES (%s, %s, %s, %s, 1, 60, 2)", [budi.id, day, nas.id, amount])
    for month, amount in ((date(2026, 9, 1), 1000), (date(2026, 10, 1), 7)):
        connection.execute("INSERT INTO usage_monthly VALUES (%s, %s, %s, 1, 60, 2)", [budi.id, month, amount])
    by_day = read(db, actor, tenant, budi, first_day=date(2026, 11, 1))
    assert by_day.by == "day"
    assert [(one.label, one.download_bytes) for one in by_day.amounts] == [
        (date(2026, 11, 3), 100), (date(2026, 11, 4), 50),
    ]  # fmt: skip
    assert (by_day.total.download_bytes, by_day.total.seconds, by_day.total.sessions) == (150, 120, 4)

    by_month = read(db, actor, tenant, budi, first_day=date(2026, 1, 1))
    assert by_month.by == "month"
    assert [(one.label, one.download_bytes) for one in by_month.amounts] == [
        (date(2026, 9, 1), 1000), (date(2026, 10, 1), 7), (date(2026, 11, 1), 150),
    ]  # fmt: skip
    assert by_month.total.download_bytes == 1157

    connection.execute(
        "INSERT INTO usage_hourly VALUES (%s, '2026-11-04 03:00+00', '2026-11-04', 50, 1, 60)", [budi.id]
    )
    by_hour = read(db, actor, tenant, budi, first_day=date(2026, 11, 4), last_day=date(2026, 11, 4))
    assert (by_hour.by, [one.download_bytes for one in by_hour.amounts]) == ("hour", [50])


@pytest.mark.parametrize(
    "wrong",
    [
        {"first_day": date(2026, 11, 2), "last_day": date(2026, 11, 1)},
        {"first_day": date(1990, 1, 1)},
        {"service": "carrier pigeon"},
        {"after": "yesterday"},
        {"after": "2026-11-01T00:00:00~1"},
        {"after": f"2026-11-01T00:00:00+00:00~{1 << 70}"},
    ],
)
def test_what_cannot_be_meant_is_refused(
    db: Session, tenant: Tenant, actor: Actor, budi: Subscription, wrong: dict[str, Any]
) -> None:
    with pytest.raises(Invalid):
        read(db, actor, tenant, budi, **wrong)


def test_nobody_reads_the_history_of_another_provider(
    db: Session, tenant: Tenant, actor: Actor, nas: NasServer
) -> None:
    stranger = make_subscription(db, tenant=make_tenant(db))
    with pytest.raises(NotFound):
        read(db, actor, tenant, stranger)


def test_an_export_has_everything_and_says_who_took_it(
    db: Session, tenant: Tenant, actor: Actor, budi: Subscription, nas: NasServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "MOST_ROWS", 7)
    for number in range(23):
        session_at(db, budi, nas, NOW - timedelta(hours=30 + number), 0.5)
    span = history.range_of(tenant, now=NOW, first_day=None, last_day=None, service=None)
    rows = list(history.export(db, actor=actor, now=NOW, subscription_id=budi.id, span=span, as_what="csv"))
    assert rows[0] == history.COLUMNS
    assert len(rows) == 24
    assert [row[0] for row in rows[1:]] == sorted((row[0] for row in rows[1:]), reverse=True)
    db.flush()
    (log,) = db.query(AuditLog).filter_by(action="history.exported")
    assert log.customer_id == budi.customer_id


# --- who had an address -------------------------------------------------------------------------------------------


def holders(db: Session, actor: Actor, address: str, at: datetime | None = None) -> list[tuple[str, str]]:
    found = history.who_had(db, actor=actor, now=NOW, address=address, at=at)
    return [(one.held, one.session.username) for one in found]


def test_an_address_that_passed_from_hand_to_hand_has_one_holder_at_a_time(
    db: Session, tenant: Tenant, actor: Actor, budi: Subscription, nas: NasServer
) -> None:
    ani = make_subscription(db, tenant=tenant, username="ani")
    first = datetime(2026, 10, 31, 20, 0, tzinfo=UTC)
    session_at(db, budi, nas, first, 10, framedipaddress="100.64.0.7")
    session_at(db, ani, nas, first + timedelta(hours=11), 2, framedipaddress="100.64.0.7")
    make_session(db, budi, nas, acctstarttime=NOW - timedelta(days=3), framedipaddress="100.64.0.7")

    def at(hours: float) -> list[tuple[str, str]]:
        return holders(db, actor, "100.64.0.7", first + timedelta(hours=hours))

    assert at(-0.1) == []
    assert at(0) == at(9.9) == [("framedipaddress", "budi")]
    assert at(10.5) == []
    assert at(12) == [("framedipaddress", "ani")]
    assert holders(db, actor, "100.64.0.7") == [("framedipaddress", "budi")]
    assert holders(db, actor, "100.64.0.8") == []
    db.flush()
    logs = db.query(AuditLog).filter_by(action="address.looked_up").all()
    assert json.dumps([log.new_values for log in logs]).count("100.64.0.7") == 6


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("framedipv6address", "2001:db8:1:2::9"),
        ("framedipv6prefix", "2001:db8:1:2::/64"),
        ("delegatedipv6prefix", "2001:db8:1::/56"),
        ("delegatedipv6prefix", "2001:db8::/32"),
        ("delegatedipv6prefix", "2001:db8:1::/57"),
    ],
)
def test_an_ipv6_address_is_found_by_itself_and_by_every_prefix_that_holds_it(
    db: Session, actor: Actor, budi: Subscription, nas: NasServer, column: str, value: str
) -> None:
    make_session(db, budi, nas, acctstarttime=NOW - timedelta(days=3), **{column: value})
    assert holders(db, actor, "2001:0DB8:1:2:0::9") == [(column, "budi")]
    assert holders(db, actor, "2001:db9::1") == []


def test_only_lengths_that_occur_are_looked_for(db: Session, actor: Actor, budi: Subscription, nas: NasServer) -> None:
    address = ip_address("2001:db8:1:2::9")
    assert set(queries.who_had_statement(address, known_lengths(psycopg_of(db)))[1]) == {"address"}
    make_session(db, budi, nas, acctstarttime=NOW - timedelta(days=3), delegatedipv6prefix="2001:db8:1::/56")
    make_session(db, budi, nas, acctstarttime=NOW - timedelta(days=2), delegatedipv6prefix="2001:db8:1::/48")
    make_session(db, budi, nas, acctstarttime=NOW - timedelta(days=1), delegatedipv6prefix="2001:db8::/56")

    _, values = queries.who_had_statement(address, known_lengths(psycopg_of(db)))

    assert values == {
        "address": "2001:db8:1:2::9",
        "delegatedipv6prefix_48": "2001:db8:1::/48",
        "delegatedipv6prefix_56": "2001:db8:1::/56",
    }


def test_only_the_own_provider_is_told(db: Session, actor: Actor, keys_file: object) -> None:
    other = make_tenant(db)
    make_session(
        db, make_subscription(db, tenant=other), make_nas(db, tenant=other), framedipaddress="100.64.0.9",
        acctstarttime=NOW - timedelta(days=1),
    )  # fmt: skip
    assert holders(db, actor, "100.64.0.9") == []


@pytest.mark.parametrize("text", ["", "budi", "100.64.0", "::g", "1" * 500])
def test_what_is_no_address_is_refused(db: Session, actor: Actor, text: str) -> None:
    with pytest.raises(Invalid):
        holders(db, actor, text)


@pytest.mark.parametrize("is_v4", [True, False])
def test_the_plan_reads_by_index_and_leaves_out_months_that_were_over(
    db_url: str, keys_file: object, is_v4: bool
) -> None:
    with psycopg.connect(db_url, autocommit=True) as connection:
        connection.execute("SELECT ensure_month_partitions('radacct', '2024-01-01', 36)")
        # So little is there that reading all of it would be cheapest.
        connection.execute("SET enable_seqscan = off")
        address = ip_address("100.64.0.7" if is_v4 else "2001:db8::7")
        lengths = {} if is_v4 else {"framedipv6prefix": [64], "delegatedipv6prefix": [56, 60]}
        statement, values = queries.who_had_statement(address, lengths)
        values |= {"tenant_id": 1, "at": datetime(2026, 6, 15, tzinfo=UTC), "limit": 50}
        (plan,) = connection.execute(f"EXPLAIN (FORMAT JSON) {statement}".encode(), values).fetchone() or (None,)
    nodes = list(_nodes(plan[0]["Plan"]))
    read = [node for node in nodes if str(node.get("Relation Name", "")).startswith("radacct")]
    assert {node["Node Type"] for node in read} <= {"Index Scan", "Bitmap Heap Scan"}
    months = {node["Relation Name"] for node in read}
    assert "radacct_open" in months
    assert "radacct_2026_06" in months
    assert not months & {"radacct_2026_05", "radacct_2024_01"}
    by = "framedipaddress" if is_v4 else "prefix"
    assert any(by in str(node.get("Index Cond")) and "acctstarttime" in str(node.get("Index Cond")) for node in nodes)


def _nodes(plan: dict[str, Any]) -> Any:
    yield plan
    for child in plan.get("Plans", []):
        yield from _nodes(child)

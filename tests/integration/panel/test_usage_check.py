"""The small page of what a subscription does at this moment."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

import routeros
from browser.seed_panel import Seeded
from db.models import RadAcct, Subscription
from factories import make_session, make_subscription
from simulator import ApiServer


@pytest.fixture
def online(db: Session, seeded: Seeded) -> RadAcct:
    row = db.scalars(
        select(RadAcct).where(RadAcct.subscription_id == seeded.service.id, RadAcct.acctstoptime.is_(None))
    ).first()
    assert row is not None
    row.framedipaddress, row.download_kbps, row.upload_kbps, row.acctinterval = "100.64.9.9", 8300, 512, 300
    db.commit()
    return row


@pytest.fixture
def api(seeded: Seeded, db: Session, online: RadAcct) -> Iterator[ApiServer]:
    router = next(row for row in seeded.routers if row.id == online.nas_server_id)
    with ApiServer(host="127.0.6.4") as server:
        router.host, router.api_port = server.host, server.port
        router.api_username, router.api_password = server.username, server.password
        db.commit()
        yield server
        routeros.pool.close()


def test_the_customer_page_shows_bandwidth_and_leads_to_the_small_page(
    owner: FlaskClient, seeded: Seeded, online: RadAcct
) -> None:
    page = owner.get(f"/customers/{seeded.budi.id}?subscription={seeded.service.id}").text

    assert f"/subscriptions/{seeded.service.id}/usage" in page
    assert "8.3 Mbps" in page
    assert "between the last two reports" in page


def test_it_opens_at_once_then_asks_the_router_and_says_who_told_what(
    owner: FlaskClient, seeded: Seeded, online: RadAcct, api: ApiServer
) -> None:
    path = f"/subscriptions/{seeded.service.id}/usage"
    api.tables.put("/queue/simple", {"target": "100.64.9.9/32", "rate": "120000/2500000", "dynamic": "true"})

    first = owner.get(path).text
    asked_before = len(api.commands)
    part = owner.get(f"{path}/now", headers={"HX-Request": "true"}).text

    assert f'hx-get="{path}/now"' in first
    assert "asking the router" in first
    assert asked_before == 0
    assert "2.5 Mbps" in part
    assert "the queue of this customer" in part
    assert "8.3 Mbps" in part
    assert "This billing month" in part


def test_a_dead_router_leaves_the_reports_and_its_reason(
    owner: FlaskClient, seeded: Seeded, online: RadAcct, api: ApiServer
) -> None:
    api.faults.is_silent = True

    part = owner.get(f"/subscriptions/{seeded.service.id}/usage/now").text

    assert "8.3 Mbps" in part
    assert "did not answer" in part


def test_whoever_is_offline_has_the_last_session_or_none(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    never: Subscription = make_subscription(db, tenant=seeded.tenant, username="never")
    before: Subscription = make_subscription(db, tenant=seeded.tenant, username="before")
    ended = datetime.now(UTC) - timedelta(hours=3)
    make_session(
        db, before, seeded.routers[0], acctstarttime=ended - timedelta(hours=2), acctstoptime=ended,
        acctsessiontime=7200, acctoutputoctets=5_000_000_000,
    )  # fmt: skip
    db.commit()

    assert "never online yet" in owner.get(f"/subscriptions/{never.id}/usage/now").text
    page = owner.get(f"/subscriptions/{before.id}/usage/now").text
    assert "last session ended" in page
    assert "5 GB" in page
    assert owner.get("/subscriptions/999999/usage").status_code == 404

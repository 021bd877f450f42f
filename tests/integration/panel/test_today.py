"""The first page: what it counts, for whom, and its curves."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from browser.seed_panel import Seeded
from db.models import OnlineSample, SessionChange, SubscriptionMac, User
from db.queries.samples import EVERY, KEPT, take_samples
from factories import make_user
from webadmin.panel import charts


def test_what_waits_for_somebody_is_counted_and_leads_to_its_list(owner: FlaskClient, db: Session) -> None:
    page = owner.get("/").text
    assert "device waits for approval" in page
    assert "/routers?state=quiet" in page
    db.execute(delete(SubscriptionMac))
    db.execute(delete(SessionChange))
    db.commit()
    assert "device waits for approval" not in owner.get("/").text


def test_money_is_for_whoever_may_see_it_and_figures_for_whoever_sees_customers(
    owner: FlaskClient, client_of: Callable[[User], FlaskClient], seeded: Seeded, db: Session
) -> None:
    desk = make_user(db, tenant=seeded.tenant, permissions=["view_customers"], email="desk@example.net")
    nobody = make_user(db, tenant=seeded.tenant, permissions=[], email="nobody@example.net")
    db.commit()
    assert "Money today" in owner.get("/").text
    seen = client_of(desk).get("/").text
    assert "Online now" in seen
    assert "Money today" not in seen
    assert "Nothing to show here" in client_of(nobody).get("/").text


def test_a_sample_is_taken_once_in_five_minutes_and_old_ones_are_forgotten(
    db_url: str, seeded: Seeded, db: Session
) -> None:
    now = datetime(2026, 11, 27, 10, 3, tzinfo=UTC)
    db.add(
        OnlineSample(tenant_id=seeded.tenant.id, taken_at=now - KEPT - EVERY, online=1, download_kbps=1, upload_kbps=1)
    )
    db.commit()
    with psycopg.connect(db_url, autocommit=True) as connection:
        assert take_samples(connection, now) == 1
        assert take_samples(connection, now + timedelta(seconds=90)) == 0
        assert take_samples(connection, now + EVERY) == 1
    rows = db.scalars(select(OnlineSample).order_by(OnlineSample.taken_at)).all()
    assert [row.taken_at.minute for row in rows] == [0, 5]
    assert rows[0].online > 0


def test_the_page_says_how_many_were_online_yesterday_at_this_time(
    owner: FlaskClient, seeded: Seeded, db: Session
) -> None:
    now = datetime.now(UTC)
    for back in range(3):
        moment = now.replace(minute=now.minute // 5 * 5, second=0, microsecond=0) - timedelta(days=1) + back * EVERY
        db.add(OnlineSample(tenant_id=seeded.tenant.id, taken_at=moment, online=4321, download_kbps=10, upload_kbps=5))
    db.commit()
    assert "yesterday at this time 4,321" in owner.get("/").text


@pytest.mark.parametrize(("most", "top"), [(0, 1), (1, 1), (7, 8), (11, 20), (812, 1000), (6001, 8000)])
def test_a_scale_ends_at_a_round_number(most: int, top: int) -> None:
    assert charts.round_top(most) == top


def test_a_line_is_broken_where_nothing_is_known() -> None:
    assert charts.line([1, None, 2, 2], 2) == "M0.0,52.0 M400.0,4.0 L600.0,4.0"

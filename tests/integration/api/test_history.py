"""History, its files and holders of addresses over HTTP."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from db.models import AuditLog, User
from tests.integration.panel.test_history import NOW, a_customer


def test_history_is_read_by_pages_and_taken_as_files(
    db: Session, admin: User, client_of: Callable[..., FlaskClient]
) -> None:
    subscription, _ = a_customer(db, 5)
    client = client_of(admin)
    url = f"/api/v1/subscriptions/{subscription.id}/history"
    first = client.get(url, query_string={"page_size": 3}).get_json()
    assert len(first["sessions"]) == 3
    second = client.get(url, query_string={"page_size": 3, "after": first["next_after"]}).get_json()
    assert (len(second["sessions"]), second["next_after"]) == (2, None)
    assert first["sessions"][0]["download_bytes"] == 5_000_000_000

    rows = list(csv.reader(io.StringIO(client.get(f"{url}.csv").get_data().decode("utf-8-sig"))))
    assert len(rows) == 6
    assert client.get(f"{url}.xlsx").get_data()[:2] == b"PK"


@pytest.mark.parametrize(
    "query",
    [
        {"first_day": "yesterday"},
        {"service": "pigeon"},
        {"after": "x"},
        {"page_size": 0},
        {"colour": "red"},
        {"first_day": "1425-11-16", "last_day": "0678-02-08"},
        {"last_day": "0001-01-02"},
        {"last_day": "9999-12-31"},
    ],
)
def test_what_cannot_be_meant_is_a_clear_refusal(
    db: Session, admin: User, client_of: Callable[..., FlaskClient], query: dict[str, str]
) -> None:
    subscription, _ = a_customer(db, 1)
    answer = client_of(admin).get(f"/api/v1/subscriptions/{subscription.id}/history", query_string=query)
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["field"] == next(iter(query))


def test_holders_need_their_own_permission_and_each_question_is_kept(
    db: Session, admin: User, client_of: Callable[..., FlaskClient]
) -> None:
    a_customer(db, 1)
    at = (NOW - timedelta(hours=2, minutes=30)).astimezone(UTC).isoformat()
    url, query = "/api/v1/address-holders", {"address": "100.64.0.7", "at": at}
    assert client_of(admin, "view_customers").get(url, query_string=query).status_code == 403
    (holder,) = client_of(admin).get(url, query_string=query).get_json()["items"]
    assert holder["session"]["framed_ip"] == "100.64.0.7"
    assert datetime.fromisoformat(holder["session"]["started_at"]) < NOW
    assert client_of(admin).get(url, query_string={"address": "x"}).status_code == 422
    assert db.query(AuditLog).filter_by(action="address.looked_up").count() == 1

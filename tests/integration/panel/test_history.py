"""The history's page, its files, and the page that says who had an address: over the panel, the API and the command."""

import csv
import io
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from browser.seed_panel import Seeded
from bss import history
from cli.main import root
from db.models import AuditLog, NasServer, Subscription, User
from db.queries.vouchers import EXPORTED
from factories import make_nas, make_session, make_subscription, make_user
from webadmin.panel.heads import HEADS, in_language

NOW = datetime.now(UTC)
EVIL = '=HYPERLINK("http://evil.example","x")'


def a_customer(db: Session, count: int = 3) -> tuple[Subscription, NasServer]:
    """A subscription whose name would be a formula, with so many sessions of an hour."""
    subscription, nas = make_subscription(db, username=EVIL), make_nas(db, name="+tower")
    for number in range(count):
        start = NOW - timedelta(hours=2 * number + 3)
        make_session(
            db, subscription, nas, acctstarttime=start, acctupdatetime=start, acctsessiontime=3600,
            acctstoptime=start + timedelta(hours=1), acctoutputoctets=5_000_000_000, acctinputoctets=1000,
            framedipaddress="100.64.0.7", framedprotocol="PPP", acctterminatecause="User-Request",
        )  # fmt: skip
    db.commit()
    return subscription, nas


def test_the_page_shows_sessions_totals_and_pages(owner: FlaskClient, db: Session, seeded: Seeded) -> None:
    subscription, _ = a_customer(db, 60)
    page = owner.get(f"/subscriptions/{subscription.id}/history").text
    assert page.count("100.64.0.7") == 50
    assert 'rel="next"' in page
    following = page.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    rest = owner.get(following).text
    assert rest.count("100.64.0.7") == 10
    assert 'rel="next"' not in rest

    assert (
        "No session in these days"
        in owner.get(f"/subscriptions/{subscription.id}/history?first_day=2020-01-01&last_day=2020-02-01").text
    )
    wrong = owner.get(f"/subscriptions/{subscription.id}/history?first_day=2026-02-01&last_day=2026-01-01")
    assert (wrong.status_code, "is after the last day" in wrong.text.lower()) == (200, True)
    assert owner.get("/subscriptions/99999/history").status_code == 404
    assert f"/subscriptions/{subscription.id}/history" in owner.get(f"/customers/{subscription.customer_id}").text


def test_files_hold_every_row_and_no_formula(owner: FlaskClient, db: Session, seeded: Seeded) -> None:
    subscription, _ = a_customer(db, 60)
    answer = owner.get(f"/subscriptions/{subscription.id}/history.csv")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="history-{subscription.id}.csv"'
    rows = list(csv.reader(io.StringIO(answer.get_data().decode("utf-8-sig"))))
    assert len(rows) == 61
    assert rows[0][:3] == ["Began (UTC)", "Ended (UTC)", "Time online (seconds)"]
    assert rows[1][4] == f"'{EVIL}"
    assert rows[1][9] == "'+tower"
    assert rows[1][10] == "5000000000"

    workbook = owner.get(f"/subscriptions/{subscription.id}/history.xlsx")
    book = zipfile.ZipFile(io.BytesIO(workbook.get_data()))
    sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet
    assert sheet.count("<row ") == 61
    assert "5000000000" in sheet
    assert db.query(AuditLog).filter_by(action="history.exported").count() == 2


def test_the_head_of_a_file_is_in_the_readers_language(
    owner: FlaskClient, db: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert HEADS.keys() >= {*history.COLUMNS, *EXPORTED}
    subscription, _ = a_customer(db, 3)
    owner.post("/settings/preferences", data={"language": "id"})

    csv_file = owner.get(f"/subscriptions/{subscription.id}/history.csv").get_data().decode("utf-8-sig")
    workbook = owner.get(f"/subscriptions/{subscription.id}/history.xlsx").get_data()
    strings = zipfile.ZipFile(io.BytesIO(workbook)).read("xl/worksheets/sheet1.xml").decode()

    head, *rows = csv.reader(io.StringIO(csv_file))
    # Two words that the catalogue has for long.
    assert (head[3], head[5]) == ("Layanan", "Alamat")
    assert "<t>Layanan</t>" in strings
    assert len(rows) == 3


def test_a_head_without_words_stays_and_a_file_without_rows_has_none(owner: FlaskClient) -> None:
    with owner.application.test_request_context("/"):
        assert list(in_language([("code", "unheard_of"), (1, 2)])) == [["Code", "unheard_of"], (1, 2)]
        assert list(in_language([])) == []


def test_who_had_an_address_is_told_to_who_may_know_and_recorded(
    owner: FlaskClient, db: Session, seeded: Seeded, client_of: Callable[[User], FlaskClient]
) -> None:
    subscription, _ = a_customer(db, 1)
    assert "An address and a time" in owner.get("/addresses").text
    at = (NOW - timedelta(hours=2, minutes=30)).isoformat().replace("+00:00", "Z")
    page = owner.get("/addresses", query_string={"address": "100.64.0.7", "at": at}).text
    assert "HYPERLINK" in page
    assert "Nobody had it then" in owner.get("/addresses?address=100.64.0.99").text
    assert "Is no IP address" in owner.get("/addresses?address=budi").text
    assert "not readable" in owner.get("/addresses?address=100.64.0.7&at=noon").text
    assert db.query(AuditLog).filter_by(action="address.looked_up").count() == 2

    helper = make_user(db, tenant_id=subscription.tenant_id, permissions=["view_customers"])
    db.commit()
    client = client_of(helper)
    assert client.get("/addresses?address=100.64.0.7").status_code == 403
    assert 'href="/addresses"' not in client.get("/customers").text


def test_the_command_line_tells_the_same(db: Session, seeded: Seeded) -> None:
    subscription, _ = a_customer(db, 3)
    listed = CliRunner().invoke(root, ["usage", "history", str(subscription.subscription_code), "--json"])
    assert listed.exit_code == 0, listed.output
    told = json.loads(listed.output)
    assert (len(told["sessions"]), told["sessions"][0]["service"]) == (3, "pppoe")
    # 10:30 in Jakarta is 03:30 UTC.
    moment = (NOW - timedelta(hours=2, minutes=30) + timedelta(hours=7)).strftime("%Y-%m-%d %H:%M:%S")
    asked = CliRunner().invoke(root, ["address", "100.64.0.7", "--at", moment, "--json"])
    assert asked.exit_code == 0, asked.output
    assert [row["username"] for row in json.loads(asked.output)] == [EVIL]
    assert CliRunner().invoke(root, ["address", "nonsense"]).exit_code == 1


@pytest.mark.parametrize("path", ["/history", "/history.csv", "/history.xlsx"])
@pytest.mark.parametrize("is_read", [True, False], ids=["read", "given up"])
def test_a_file_gives_its_connection_back(
    app: Flask, owner: FlaskClient, db: Session, seeded: Seeded, path: str, is_read: bool
) -> None:
    subscription, _ = a_customer(db, 60)
    answer = owner.get(f"/subscriptions/{subscription.id}{path}", buffered=False)
    if is_read:
        assert answer.data
    answer.close()

    assert app.extensions["lintas_engine"].pool.checkedout() == 0

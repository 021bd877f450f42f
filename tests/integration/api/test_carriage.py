"""What HTTP asks of every route: part of an answer, ETags, changes at the right version, changes once only."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from bss import payments
from db.engine import psycopg_of
from db.models import Customer, IdempotencyKey, Payment, SessionChange, Tenant, User
from db.queries import idempotency as kept
from factories import make_customer, make_nas, make_session, make_subscription
from webadmin.api import idempotency

API = "/api/v1"
KEY = {"Idempotency-Key": "till-7"}


@pytest.fixture
def customer(db: Session, tenant: Tenant) -> Customer:
    return make_customer(db, tenant=tenant, name="Budi")


# --- part of an answer ------------------------------------------------------------------------------------------------


def test_a_row_and_a_list_are_answered_with_the_asked_fields_only(
    db: Session, customer: Customer, client: FlaskClient
) -> None:
    db.commit()

    row = client.get(f"{API}/customers/{customer.id}?fields=id,name")
    listed = client.get(f"{API}/customers?fields=name&fields=id").json

    assert row.json == {"id": customer.id, "name": "Budi"}
    assert listed["items"] == [{"id": customer.id, "name": "Budi"}]
    assert set(listed) == {"items", "pagination", "summary"}


@pytest.mark.parametrize("asked", ["nope", "id,nope", "", "id,,name", "service_password", "x" * 9000])
def test_a_field_that_is_none_is_that_arguments_problem(client: FlaskClient, asked: str) -> None:
    answer = client.get(f"{API}/customers", query_string={"fields": asked})

    assert answer.status_code == 422
    assert answer.json["errors"][0]["field"] == "fields"


def test_what_is_not_asked_for_is_not_fetched(
    db: Session, customer: Customer, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    db.commit()

    def fetched(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("webadmin.api.customers.with_owned", fetched)
    monkeypatch.setattr("webadmin.api.customers.with_tags", fetched)

    assert client.get(f"{API}/customers?fields=id,name").status_code == 200
    assert client.get(f"{API}/customers/{customer.id}?fields=id").status_code == 200


# --- ETags ------------------------------------------------------------------------------------------------------------


def test_an_answer_that_the_client_has_is_not_sent_again(db: Session, customer: Customer, client: FlaskClient) -> None:
    db.commit()
    path = f"{API}/customers/{customer.id}"
    tag = client.get(path).headers["ETag"]

    same = client.get(path, headers={"If-None-Match": f'"other", W/{tag}'})
    part = client.get(f"{path}?fields=id", headers={"If-None-Match": tag})
    client.patch(path, json={"name": "Budi Santoso"})
    changed = client.get(path, headers={"If-None-Match": tag})

    assert (same.status_code, same.data, same.headers["ETag"]) == (304, b"", tag)
    assert part.status_code == 200
    assert part.headers["ETag"].startswith('"1-')
    assert changed.status_code == 200
    assert changed.headers["ETag"] != tag


def test_an_etag_changes_with_what_no_version_counts(db: Session, customer: Customer, client: FlaskClient) -> None:
    db.commit()
    path = f"{API}/customers/{customer.id}"
    before = client.get(path).headers["ETag"]

    client.post(f"{path}/tags", json={"tag": "VIP"})

    assert client.get(path).headers["ETag"] != before


@pytest.mark.parametrize("what", ["patch", "delete", "suspend"])
def test_a_change_of_what_somebody_else_saved_meanwhile_is_412(
    db: Session, customer: Customer, client: FlaskClient, what: str
) -> None:
    db.commit()
    path = f"{API}/customers/{customer.id}"
    tag = client.get(path).headers["ETag"]
    assert client.patch(path, json={"name": "Somebody else was here"}).status_code == 200

    def change(match: str) -> int:
        headers = {"If-Match": match}
        if what == "patch":
            return client.patch(path, json={"name": "Mine"}, headers=headers).status_code
        if what == "delete":
            return client.delete(path, headers=headers).status_code
        return client.post(f"{path}/suspend", headers=headers).status_code

    assert change(tag) == 412
    assert change('"nonsense"') == 412
    assert change(client.get(path).headers["ETag"]) == 200


def test_any_row_matches_a_star_and_versions_that_differ_are_refused(
    db: Session, customer: Customer, client: FlaskClient
) -> None:
    db.commit()
    path = f"{API}/customers/{customer.id}"
    tag = client.get(path).headers["ETag"]

    assert client.patch(path, json={"name": "A"}, headers={"If-Match": "*"}).status_code == 200
    both = client.patch(path, json={"name": "B", "version": 7}, headers={"If-Match": tag})
    assert (both.status_code, both.json["errors"][0]["field"]) == (422, "version")


def test_where_nothing_has_a_version_if_match_is_refused_rather_than_lost(client: FlaskClient) -> None:
    answer = client.post(f"{API}/blacklist", json={"mac": "AA:BB:CC:DD:EE:FF"}, headers={"If-Match": '"1-aa"'})

    assert answer.status_code == 422
    assert client.get(f"{API}/blacklist").json["items"] == []


# --- once only --------------------------------------------------------------------------------------------------------


def test_a_creation_that_is_sent_again_is_answered_as_before(db: Session, client: FlaskClient) -> None:
    body = {"name": "Siti", "phone": "081234567890"}

    first = client.post(f"{API}/customers", json=body, headers=KEY)
    again = client.post(f"{API}/customers", json=dict(reversed(body.items())), headers=KEY)

    assert (first.status_code, again.status_code) == (201, 201), first.json
    assert first.data == again.data
    assert (first.headers.get("Idempotency-Replayed"), again.headers["Idempotency-Replayed"]) == (None, "true")
    assert db.scalar(select(func.count()).select_from(Customer)) == 1


def test_a_key_with_another_request_is_refused(db: Session, customer: Customer, client: FlaskClient) -> None:
    db.commit()
    body = {"customer_id": customer.id, "amount": "5000.00"}
    client.post(f"{API}/payments", json=body, headers=KEY)

    others = [
        client.post(f"{API}/payments", json=body | {"amount": "6000.00"}, headers=KEY),
        client.post(f"{API}/customers", json={"name": "Siti"}, headers=KEY),
        client.post(f"{API}/payments?x=1", json=body, headers=KEY),
    ]

    assert [answer.status_code for answer in others] == [422, 422, 422]
    assert others[0].json["errors"][0]["field"] == "Idempotency-Key"
    assert db.scalar(select(func.count()).select_from(Payment)) == 1


def test_keys_of_two_tokens_are_two(
    db: Session, admin: User, client_of: Callable[..., FlaskClient], client: FlaskClient
) -> None:
    other = client_of(admin)

    assert client.post(f"{API}/customers", json={"name": "One"}, headers=KEY).json["name"] == "One"
    assert other.post(f"{API}/customers", json={"name": "Two"}, headers=KEY).json["name"] == "Two"


@pytest.mark.parametrize("key", ["", "x" * 101, "a\tb"])
def test_what_is_no_key_is_refused(client: FlaskClient, key: str) -> None:
    answer = client.post(f"{API}/customers", json={"name": "Siti"}, headers={"Idempotency-Key": key})

    assert answer.status_code == 422
    assert answer.json["errors"][0]["field"] == "Idempotency-Key"


def test_what_was_refused_may_be_sent_again_under_its_key(client: FlaskClient) -> None:
    assert client.post(f"{API}/customers", json={"name": ""}, headers=KEY).status_code == 422
    assert client.post(f"{API}/customers", json={"name": "Siti"}, headers=KEY).status_code == 201


def test_a_secret_that_is_shown_once_lies_encrypted(db: Session, client: FlaskClient, keys_file: Path) -> None:
    body = {"name": "RB-1", "host": "192.0.2.10"}
    secret = client.post(f"{API}/nas", json=body, headers=KEY).json["radius_secret"]

    again = client.post(f"{API}/nas", json=body, headers=KEY)
    raw = db.scalar(text("SELECT encode(body_enc, 'escape') FROM idempotency_keys"))

    assert again.json["radius_secret"] == secret
    assert secret not in raw


def test_answer_and_change_are_kept_together_or_not_at_all(
    db: Session, customer: Customer, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    db.commit()
    body = {"customer_id": customer.id, "amount": "5000.00"}

    def dies(*_: object, **__: object) -> None:
        raise RuntimeError("the power went off")

    with monkeypatch.context() as patch:
        patch.setattr(kept, "finish", dies)
        assert client.post(f"{API}/payments", json=body, headers=KEY).status_code == 500
    assert db.scalar(select(func.count()).select_from(Payment)) == 0
    assert db.scalar(select(func.count()).select_from(IdempotencyKey)) == 0

    assert client.post(f"{API}/payments", json=body, headers=KEY).status_code == 201
    assert db.scalar(select(func.count()).select_from(Payment)) == 1


def test_while_the_first_is_at_work_the_second_is_told_so(
    app: Flask, db: Session, customer: Customer, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    db.commit()
    body, inside, go_on = {"customer_id": customer.id, "amount": "5000.00"}, threading.Event(), threading.Event()
    answers: list[int] = []
    real = payments.receive

    def slow(*args: object, **given: object) -> object:
        inside.set()
        assert go_on.wait(10)
        return real(*args, **given)

    monkeypatch.setattr(payments, "receive", slow)
    header = {"HTTP_AUTHORIZATION": client.environ_base["HTTP_AUTHORIZATION"]}

    def first() -> None:
        with app.test_client() as own:
            own.environ_base.update(header)
            answers.append(own.post(f"{API}/payments", json=body, headers=KEY).status_code)

    thread = threading.Thread(target=first)
    thread.start()
    assert inside.wait(10)
    second = client.post(f"{API}/payments", json=body, headers=KEY)
    go_on.set()
    thread.join(10)
    third = client.post(f"{API}/payments", json=body, headers=KEY)

    assert (second.status_code, second.json["code"]) == (409, "conflict")
    assert answers == [201]
    assert (third.status_code, third.headers["Idempotency-Replayed"]) == (201, "true")
    assert db.scalar(select(func.count()).select_from(Payment)) == 1


def test_a_request_whose_server_died_after_committing_half_is_carried_out_again_later(
    db: Session, admin: User, client: FlaskClient, customer: Customer
) -> None:
    db.commit()
    body = {"customer_id": customer.id, "amount": "5000.00"}
    client.post(f"{API}/payments", json=body, headers=KEY)
    half = "UPDATE idempotency_keys SET http_status = NULL, busy_until = now() + interval '1 minute'"
    db.execute(text(half))
    db.commit()

    assert client.post(f"{API}/payments", json=body, headers=KEY).status_code == 409
    db.execute(text("UPDATE idempotency_keys SET busy_until = now() - interval '1 second'"))
    db.commit()
    late = client.post(f"{API}/payments", json=body, headers=KEY)

    # The books know the key for good: the money is there once.
    assert (late.status_code, late.json["is_new"]) == (201, False)


def test_a_held_back_commit_still_wakes_the_sender(
    db: Session, tenant: Tenant, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = make_subscription(db, tenant=tenant)
    make_session(db, row, make_nas(db, tenant=tenant))
    db.commit()
    woken: list[int] = []
    monkeypatch.setattr("webadmin.database.nudge_coa", lambda: woken.append(1))

    answer = client.post(f"{API}/subscriptions/{row.id}/suspend", headers=KEY)

    assert answer.status_code == 200, answer.json
    assert woken == [1]
    assert db.scalar(select(func.count()).select_from(SessionChange)) == 1


def test_an_answer_too_long_to_be_kept_says_so(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "MAX_BODY", 10)

    assert client.post(f"{API}/customers", json={"name": "Siti"}, headers=KEY).status_code == 201
    again = client.post(f"{API}/customers", json={"name": "Siti"}, headers=KEY)

    assert again.status_code == 409
    assert "too long" in again.json["detail"]


def test_a_day_later_the_key_is_free_and_what_is_kept_has_a_bound(db: Session, client: FlaskClient) -> None:
    for number in range(5):
        assert client.post(f"{API}/blacklist", json={"mac": f"AA:BB:CC:DD:EE:0{number}"},
                           headers={"Idempotency-Key": f"k{number}"}).status_code == 201  # fmt: skip
    db.execute(text("UPDATE idempotency_keys SET created_at = now() - interval '25 hours' WHERE key = 'k0'"))
    db.commit()
    # Kept for a day, whether somebody has cleared up or not.
    free = client.post(f"{API}/blacklist", json={"mac": "AA:BB:CC:DD:EE:99"}, headers={"Idempotency-Key": "k0"})
    assert (free.status_code, "Idempotency-Replayed" in free.headers) == (201, False)

    gone = kept.forget(psycopg_of(db), before=datetime.now(UTC) - timedelta(hours=24), most=3)

    assert gone == 2
    assert sorted(db.scalars(select(IdempotencyKey.key))) == ["k0", "k3", "k4"]

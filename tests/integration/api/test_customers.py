"""Customers over HTTP: the whole record, what belongs to it, operators, and work on many."""

import io
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zipfile import ZipFile

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from bss import operators, payments
from bss.actor import Actor
from bss.customers import tags, tasks
from bss.permissions import FOR_OPERATORS
from db.models import Customer, NasServer, RouterSecret, Subscription, Tenant, UsageDaily, User
from factories import make_customer, make_nas, make_plan, make_session, make_subscription, make_user

API = "/api/v1"
Client = FlaskClient


def ok(answer: Any, status: int = 200) -> Any:
    assert answer.status_code == status, answer.json
    return answer.json


def test_the_whole_record_goes_in_and_comes_out_but_for_the_identity_number(client: Client) -> None:
    body = {
        "name": "John Doe",
        "phone": "0812345678",
        "email": "john@example.net",
        "city": "Bandung",
        "province": "Jawa Barat",
        "postal_code": "40111",
        "latitude": -6.2088,
        "longitude": 106.8456,
        "birth_date": "1990-02-28",
        "gender": "male",
        "company_name": "PT Maju",
        "tax_id": "01.234",
        "metadata": {"pole": "A-17"},
        "notes": "<b>bold</b>",
    }

    made = ok(client.post(f"{API}/customers", json=body | {"id_card_number": "3273012345670001", "tags": ["VIP"]}), 201)
    read = ok(client.get(f"{API}/customers/{made['id']}"))

    assert {name: read[name] for name in body} == body | {"phone": "+62812345678"}
    assert (read["whatsapp"], read["country"], read["status"]) == ("+62812345678", "Indonesia", "prospect")
    assert read["tags"] == [{"tag": "VIP", "color": "#007bff"}]
    assert "3273012345670001" not in str(read)
    shown = ok(client.get(f"{API}/customers/{made['id']}/id-card-number"))
    assert shown == {"id_card_number": "3273012345670001"}
    actions = [row["action"] for row in ok(client.get(f"{API}/customers/{made['id']}/activity"))["items"]]
    assert actions == ["customer.id_card_shown", "customer.tag_added", "customer.created"]


@pytest.mark.parametrize(
    ("over", "field"),
    [
        ({"latitude": 91, "longitude": 0}, "latitude"),
        ({"latitude": 1}, "longitude"),
        ({"gender": "x"}, "gender"),
        ({"birth_date": "yesterday"}, "birth_date"),
        ({"name": "x" * 256}, "name"),
        ({"tags": [{"colour": "red"}]}, "tags"),
        ({"metadata": "text"}, "metadata"),
        ({"status": "terminated"}, "status"),
        ({"nickname": "x"}, "nickname"),
    ],
)
def test_what_cannot_be_kept_is_422_with_the_field(client: Client, over: dict[str, Any], field: str) -> None:
    answer = client.post(f"{API}/customers", json={"name": "Budi"} | over)

    assert answer.status_code == 422
    assert answer.json["errors"][0]["field"].startswith(field)


def test_a_customer_and_his_account_are_made_in_one_call_or_not_at_all(
    client: Client, db: Session, tenant: Tenant
) -> None:
    plan, router = make_plan(db, tenant=tenant), make_nas(db, tenant=tenant)
    db.commit()
    account = {
        "username": "budi",
        "password": "hunter2hunter2",
        "service_plan_id": plan.id,
        "nas_server_id": router.id,
        "expires_at": "2030-01-01T00:00:00+00:00",
    }

    made = ok(
        client.post(f"{API}/customers", json={"name": "Budi", "subscription": account, "device_name": "ONT"}), 201
    )
    refused = client.post(f"{API}/customers", json={"name": "Ani", "subscription": account})

    assert (made["status"], made["active_subscriptions"]) == ("active", 1)
    assert made["subscriptions"][0]["username"] == "budi"
    assert "hunter2" not in str(made)
    assert [row["device_name"] for row in ok(client.get(f"{API}/customers/{made['id']}/equipment"))["items"]] == ["ONT"]
    assert (refused.status_code, refused.json["errors"][0]["field"]) == (409, "username")
    assert db.scalars(select(Customer.name)).all() == ["Budi"]


def test_the_eleventh_customer_of_an_hour_is_429(client: Client) -> None:
    ok(client.patch(f"{API}/provider", json={"tokens_add_per_hour": 10}))
    for number in range(10):
        ok(client.post(f"{API}/customers", json={"name": f"C{number}"}), 201)

    answer = client.post(f"{API}/customers", json={"name": "The eleventh"})

    assert (answer.status_code, answer.json["code"]) == (429, "rate_limited")


def test_the_providers_settings_are_read_and_changed(client: Client) -> None:
    before = ok(client.get(f"{API}/provider"))
    after = ok(client.patch(f"{API}/provider", json={"require_whatsapp": True, "customer_code_prefix": "net"}))

    assert (before["require_whatsapp"], before["customer_code_prefix"]) == (False, "CUST")
    assert (after["require_whatsapp"], after["customer_code_prefix"]) == (True, "NET")
    assert client.post(f"{API}/customers", json={"name": "Budi"}).status_code == 422
    assert client.patch(f"{API}/provider", json={"country_code": "999"}).status_code == 422
    moved = ok(client.patch(f"{API}/provider", json={"timezone": "Asia/Makassar", "currency": "kes"}))
    assert (moved["timezone"], moved["currency"]) == ("Asia/Makassar", "KES")
    assert client.patch(f"{API}/provider", json={"tokens_add_per_hour": 0}).status_code == 422


def test_contacts_tags_equipment_and_family(client: Client, db: Session, tenant: Tenant) -> None:
    head, child = make_customer(db, tenant=tenant), make_customer(db, tenant=tenant)
    db.commit()
    url = f"{API}/customers/{head.id}"

    contact = ok(
        client.post(f"{url}/contacts", json={"type": "phone", "value": "021 5551234", "is_primary": True}), 201
    )
    ok(client.patch(f"{url}/contacts/{contact['id']}", json={"notes": "office"}))
    piece = ok(client.post(f"{url}/equipment", json={"device_name": "ONT", "mac_address": "aabbccddeeff"}), 201)
    ok(client.patch(f"{url}/equipment/{piece['id']}", json={"device_type": "ont"}))
    ok(client.post(f"{url}/tags", json={"tag": "VIP", "color": "gold"}), 201)
    family = ok(client.patch(f"{API}/customers/{child.id}/family", json={"parent_customer_id": head.id}))

    assert ok(client.get(f"{url}/contacts"))["items"] == [contact | {"notes": "office"}]
    assert ok(client.get(f"{url}/equipment"))["items"][0]["mac_address"].upper() == "AA:BB:CC:DD:EE:FF"
    assert ok(client.get(f"{url}/tags"))["items"] == [{"tag": "VIP", "color": "#ffd700"}]
    assert ok(client.get(f"{API}/customers/tags"))["items"] == [{"tag": "VIP", "color": "#ffd700", "customers": 1}]
    assert (family["parent"]["id"], [row["id"] for row in family["members"]]) == (head.id, [child.id])
    assert client.post(f"{url}/tags", json={"tag": "vip"}).status_code == 409
    assert client.delete(f"{url}/tags/VIP").status_code == 204
    assert client.delete(f"{url}/contacts/{contact['id']}").status_code == 204
    assert client.delete(f"{url}/equipment/{piece['id']}").status_code == 204
    assert client.delete(f"{url}/tags/VIP").status_code == 404


def test_who_came_by_a_recommendation_is_listed(client: Client) -> None:
    first = ok(client.post(f"{API}/customers", json={"name": "Budi"}), 201)
    code = first["referral_code"]
    second = ok(client.post(f"{API}/customers", json={"name": "Ani", "referred_by": code}), 201)

    found = ok(client.get(f"{API}/customers/{first['id']}/referrals"))
    back = ok(client.get(f"{API}/customers/{second['id']}/referrals"))

    assert ([row["name"] for row in found["referred"]], back["referred_by"]["name"]) == (["Ani"], "Budi")


def test_a_customer_is_deleted_listed_as_deleted_and_restored(client: Client, db: Session, tenant: Tenant) -> None:
    customer = make_customer(db, tenant=tenant, name="Budi")
    db.commit()

    ok(client.delete(f"{API}/customers/{customer.id}"))
    assert ok(client.get(f"{API}/customers"))["items"] == []
    deleted = ok(client.get(f"{API}/customers", query_string={"deleted": "true"}))["items"]
    ok(client.post(f"{API}/customers/{customer.id}/restore"))

    assert [row["id"] for row in deleted] == [customer.id]
    assert [row["name"] for row in ok(client.get(f"{API}/customers"))["items"]] == ["Budi"]


FILTERS = {
    "status": {"status": "suspended"},
    "type": {"customer_type": "business"},
    "city": {"city": "Bogor"},
    "province": {"province": "Jawa Barat"},
    "any of the tags": {"tags": ["VIP", "none"]},
    "debt": {"balance_filter": "debt"},
    "at most": {"balance_max": "-1"},
    "place": {"bounds": "-6.3,106.8,-6.1,106.9"},
    "around a place": {"near": "-6.21,106.85,5"},
    "seen lately": {"last_seen_after": "2020-01-01T00:00:00+00:00"},
    "used much": {"usage_since": "2026-01-01", "usage_min_bytes": "1000"},
    "kind of access": {"connection_type": "hotspot"},
    "name": {"search": "dICTA"},
    "code": {"search": "T-0042"},
    "phone": {"search": "0812-3456"},
    "WhatsApp": {"search": "+62857777"},
    "e-mail": {"search": "dicta@exam"},
    "username": {"search": "fiber-d"},
    "online": {"is_online": "true"},
}


@pytest.mark.parametrize("what", FILTERS)
def test_each_filter_finds_the_one_and_no_other(client: Client, db: Session, tenant: Tenant, what: str) -> None:
    wanted = make_customer(
        db, tenant=tenant, name="Benedicta", customer_code="CUST-T-0042", phone="+6281234567", whatsapp="+62857777123",
        email="benedicta@example.net", status="suspended", customer_type="business", city="Bogor",
        province="Jawa Barat", balance=-5, latitude="-6.2088", longitude="106.8456",
    )  # fmt: skip
    make_customer(db, tenant=tenant, name="Other", latitude="-6.3", longitude="106.9", city="Depok", phone="+6281999")
    service = make_subscription(db, tenant=tenant, customer=wanted, connection_type="hotspot", username="fiber-dicta")
    router = make_nas(db, tenant=tenant)
    make_session(db, service, router)
    db.add(
        UsageDaily(
            subscription_id=service.id, nas_server_id=router.id, day=date(2026, 2, 1), download_bytes=900,
            upload_bytes=200,
        )
    )  # fmt: skip
    actor = Actor.system(tenant_id=tenant.id, name="test")
    tags.add(db, actor=actor, now=datetime.now(UTC), customer_id=wanted.id, tag="vip")
    db.commit()

    found = ok(client.get(f"{API}/customers", query_string=FILTERS[what]))

    assert [row["name"] for row in found["items"]] == ["Benedicta"]
    assert (found["pagination"]["total_items"], found["pagination"]["is_total_exact"]) == (1, True)


def test_debtors_stand_first_then_whoever_was_changed_last(client: Client, db: Session, tenant: Tenant) -> None:
    balances = {"a": 0, "b": -1, "c": 5, "d": -900}
    for number, (name, balance) in enumerate(balances.items()):
        make_customer(
            db, tenant=tenant, name=name, balance=balance, updated_at=datetime(2026, 1, 1 + number, tzinfo=UTC)
        )
    db.commit()

    first = ok(client.get(f"{API}/customers", query_string={"sort": "debt_first", "page_size": 2}))
    cursor = first["pagination"]["next_cursor"]
    rest = ok(client.get(f"{API}/customers", query_string={"sort": "debt_first", "page_size": 2, "cursor": cursor}))

    assert [row["name"] for row in first["items"] + rest["items"]] == ["d", "b", "c", "a"]


def test_a_search_with_very_many_matches_pages_through_all_in_order(
    client: Client, db: Session, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("db.queries.customer_lists.MOST_COUNTED", 5)
    names = [f"Budi {number:02d}" for number in range(12)]
    for name in names:
        make_customer(db, tenant=tenant, name=name)
        make_customer(db, tenant=tenant, name=f"Other {name[-2:]}")
    db.commit()
    asked = {"search": "budi", "sort": "name", "page_size": 5}

    seen, cursor = [], None
    while True:
        page = ok(client.get(f"{API}/customers", query_string=asked | ({"cursor": cursor} if cursor else {})))
        seen += [row["name"] for row in page["items"]]
        cursor = page["pagination"]["next_cursor"]
        if cursor is None:
            break
    second = ok(client.get(f"{API}/customers", query_string=asked | {"page": 2}))

    assert seen == names
    assert [row["name"] for row in second["items"]] == names[5:10]
    assert (second["pagination"]["is_total_exact"], second["pagination"]["page"]) == (False, 2)


def test_statistics_add_up(client: Client, db: Session, tenant: Tenant) -> None:
    for balance, status in ((-100, "active"), (-50, "suspended"), (30, "active"), (0, "prospect")):
        make_customer(db, tenant=tenant, balance=balance, status=status)
    db.commit()

    assert ok(client.get(f"{API}/customers/statistics")) == {
        "total_customers": 4,
        "active_customers": 2,
        "customers_with_debt": 2,
        "total_debt": "150.00",
        "total_debt_signed": "-150.00",
        "total_credit": "30.00",
        "total_revenue": "0.00",
        "average_spent": "0.00",
        "maximum_spent": "0.00",
    }


def test_what_customers_paid_is_told_to_those_who_may_see_money(
    client: Client, client_of: Callable[..., Client], db: Session, tenant: Tenant
) -> None:
    rows = [make_customer(db, tenant=tenant) for _ in range(3)]
    actor, now = Actor.system(tenant_id=tenant.id, name="test"), datetime.now(UTC)
    for row, amount in ((rows[0], 6000), (rows[0], 1000), (rows[1], 3000)):
        payments.receive(db, actor=actor, now=now, customer_id=row.id, amount=amount, method="cash")
    looks = client_of(make_user(db, tenant=tenant, permissions=["view_customers"]))

    told = ok(client.get(f"{API}/customers/statistics"))

    assert (told["average_spent"], told["maximum_spent"], told["total_credit"]) == ("3333.33", "7000.00", "10000.00")
    assert "average_spent" not in ok(looks.get(f"{API}/customers/statistics"))


def test_who_was_not_seen_and_used_little_is_found_too(client: Client, db: Session, tenant: Tenant) -> None:
    router = make_nas(db, tenant=tenant)
    online, quiet = (make_customer(db, tenant=tenant, name=name) for name in ("online", "quiet"))
    make_session(db, make_subscription(db, tenant=tenant, customer=online), router)
    db.commit()

    def names(**query: str) -> list[str]:
        return sorted(row["name"] for row in ok(client.get(f"{API}/customers", query_string=query))["items"])

    assert names(last_seen_before="2020-01-01T00:00:00+00:00") == ["quiet"]
    assert names(usage_max_bytes="0") == ["online", "quiet"]
    assert names(near="0,0,1000") == []
    assert client.get(f"{API}/customers?near=1,2").status_code == 422
    assert client.get(f"{API}/customers?near=1,2,5000").status_code == 422
    assert quiet.id != online.id


# --- many ----------------------------------------------------------------------------------------------------------


def send(client: Client, text: str, **query: str) -> Any:
    data = {"file": (io.BytesIO(text.encode()), "customers.csv")}
    return client.post(f"{API}/customers/import", data=data, query_string=query)


def test_a_short_file_is_imported_while_one_waits_and_its_errors_can_be_taken_away(client: Client, db: Session) -> None:
    text = "name,phone,password,username,plan\nBudi,0812345678,,,\n,0812345679,,,\nAni,,secretsecret,ani,none\n"

    rehearsed = ok(send(client, text, dry_run="true"), 201)
    job = ok(send(client, text), 201)
    errors = client.get(f"{API}/customer-jobs/{job['id']}/errors.csv").get_data(as_text=True)

    assert (rehearsed["action"], rehearsed["done"], rehearsed["failed"]) == ("preview", 1, 2)
    assert (job["state"], job["total"], job["done"], job["failed"]) == ("done", 3, 1, 2)
    assert [(row["row"], row["errors"][0]["field"]) for row in job["errors"]] == [(3, "name"), (4, "plan")]
    assert job["errors"][1]["data"] == {"name": "Ani", "username": "ani", "plan": "none"}
    assert "secretsecret" not in str(job) + errors
    assert errors.splitlines()[1].startswith("3,name is missing")
    assert db.scalars(select(Customer.name)).all() == ["Budi"]
    assert ok(client.get(f"{API}/customer-jobs"))["pagination"]["total_items"] == 2


def test_a_long_file_goes_in_the_background(client: Client) -> None:
    text = "name\n" + "\n".join(f"Customer {number}" for number in range(30))

    job = ok(send(client, text), 201)

    assert (job["state"], job["done"]) == ("running", 0)
    assert send(client, "name\nA\n").status_code == 409
    assert ok(client.post(f"{API}/customer-jobs/{job['id']}/stop"))["state"] == "stopped"


def test_what_is_no_file_of_customers_is_422(client: Client) -> None:
    assert send(client, "colour\nred\n").json["errors"][0]["field"] == "file"
    assert client.post(f"{API}/customers/import").status_code == 422
    assert client.post(f"{API}/customers/import", data={"file": "text"}).status_code == 422


def test_one_action_on_many_tells_of_each(client: Client, db: Session, tenant: Tenant) -> None:
    good, over = make_customer(db, tenant=tenant), make_customer(db, tenant=tenant, status="terminated")
    db.commit()

    job = ok(
        client.post(
            f"{API}/customers/bulk",
            json={"action": "suspend", "customer_ids": [good.id, over.id], "reason": "overdue"},
        ),
        201,
    )
    items = ok(client.get(f"{API}/customer-jobs/{job['id']}/items"))["items"]

    assert [(row["customer_id"], row["state"]) for row in items] == [(good.id, "done"), (None, "failed")]
    db.refresh(good)
    assert (good.status, good.suspend_reason) == ("suspended", "overdue")
    by_filter = {"action": "add_tag", "filter": {"status": "suspended"}, "tag": "late"}
    assert ok(client.post(f"{API}/customers/bulk", json=by_filter), 201)["done"] == 1
    assert client.post(f"{API}/customers/bulk", json={"action": "suspend"}).status_code == 422


def test_an_action_on_many_needs_the_permission_of_the_action(
    client_of: Callable[..., Client], db: Session, tenant: Tenant
) -> None:
    customer = make_customer(db, tenant=tenant)
    narrow = client_of(make_user(db, tenant=tenant, permissions=["act_on_many", "edit_customers"]))

    def do(action: str, **more: Any) -> int:
        body = {"action": action, "customer_ids": [customer.id], **more}
        return narrow.post(f"{API}/customers/bulk", json=body).status_code

    assert do("add_tag", tag="x") == 201
    assert do("delete") == do("suspend") == 403


def test_the_list_is_taken_away_without_secrets_and_formulas(client: Client, db: Session, tenant: Tenant) -> None:
    customer = make_customer(db, tenant=tenant, name="=cmd|'/c calc'!A0", city="Bogor", phone="+62812345678")
    make_subscription(db, tenant=tenant, customer=customer, username="budi", service_password="hunter2hunter2")
    make_customer(db, tenant=tenant, name="Other", city="Depok")
    db.commit()

    text = client.get(f"{API}/customers/export.csv", query_string={"city": "Bogor"}).get_data(as_text=True)
    book = client.get(f"{API}/customers/export.xlsx").get_data()

    head, row = text.lstrip("\ufeff").splitlines()
    assert head.startswith("customer_code,status,name,whatsapp")
    assert "'=cmd" in row
    assert "budi" in row
    assert "hunter2" not in text
    assert ZipFile(io.BytesIO(book)).namelist()


def test_what_was_exported_can_be_imported_again(client: Client, db: Session, tenant: Tenant) -> None:
    made = make_customer(db, tenant=tenant, name="-Budi", phone="+62812345678", notes="=1+1")
    db.commit()
    text = client.get(f"{API}/customers/export.csv").get_data(as_text=True)
    ok(client.delete(f"{API}/customers/{made.id}"))
    head, row = text.splitlines()
    keep = [
        number for number, name in enumerate(head.lstrip("\ufeff").split(",")) if name in ("name", "phone", "notes")
    ]
    lines = "\n".join(",".join(line.split(",")[number] for number in keep) for line in (head, row))

    job = ok(send(client, lines), 201)

    back = db.scalars(select(Customer).where(Customer.deleted_at.is_(None))).one()
    assert (job["failed"], back.name, back.phone, back.notes) == (0, "-Budi", "+62812345678", "=1+1")


# --- operators -----------------------------------------------------------------------------------------------------


@pytest.fixture
def north(db: Session, tenant: Tenant) -> User:
    """Staff of an operator, with everything that such staff can hold."""
    actor, now = Actor.system(tenant_id=tenant.id, name="test"), datetime.now(UTC)
    operator = operators.create(db, actor=actor, now=now, name="North", level=10)
    return make_user(db, tenant=tenant, permissions=sorted(FOR_OPERATORS), operator_id=operator.id)


def test_operators_are_added_moved_and_removed(client: Client, db: Session, tenant: Tenant) -> None:
    top = ok(client.post(f"{API}/operators", json={"name": "Top", "level": 10, "commission_rate": "12.50"}), 201)
    below = ok(
        client.post(f"{API}/operators", json={"name": "Below", "level": 20, "parent_operator_id": top["id"]}), 201
    )
    user = make_user(db, tenant=tenant)
    db.commit()

    assert (
        client.post(f"{API}/operators", json={"name": "x", "level": 5, "parent_operator_id": top["id"]}).status_code
        == 422
    )
    assert (
        ok(client.patch(f"{API}/operators/{below['id']}", json={"commission_rate": "5.00"}))["commission_rate"]
        == "5.00"
    )
    ok(client.patch(f"{API}/staff/{user.id}/operator", json={"operator_id": below["id"]}))
    listed = {
        row["name"]: (row["staff"], row["commission_rate"]) for row in ok(client.get(f"{API}/operators"))["items"]
    }
    assert listed == {"Top": (0, "12.50"), "Below": (1, "5.00")}
    assert client.delete(f"{API}/operators/{below['id']}").status_code == 409
    ok(client.patch(f"{API}/staff/{user.id}/operator", json={"operator_id": None}))
    assert client.delete(f"{API}/operators/{below['id']}").status_code == 204


def test_an_operators_staff_see_and_touch_their_own_and_nothing_of_the_provider(
    client_of: Callable[..., Client], db: Session, tenant: Tenant, north: User
) -> None:
    router = make_nas(db, tenant=tenant)
    mine = make_customer(db, tenant=tenant, name="Mine", operator_id=north.operator_id)
    other = make_customer(db, tenant=tenant, name="Hidden-one")
    own, foreign = (make_subscription(db, tenant=tenant, customer=row) for row in (mine, other))
    sessions = [make_session(db, row, router) for row in (own, foreign)]
    theirs = client_of(north)

    added = ok(theirs.post(f"{API}/customers", json={"name": "New"}), 201)

    assert {row["name"] for row in ok(theirs.get(f"{API}/customers"))["items"]} == {"Mine", "New"}
    assert added["operator_id"] == north.operator_id
    assert [row["username"] for row in ok(theirs.get(f"{API}/subscriptions"))["items"]] == [own.username]
    assert [row["username"] for row in ok(theirs.get(f"{API}/sessions"))["items"]] == [own.username]
    assert ok(theirs.get(f"{API}/customers/statistics"))["total_customers"] == 2
    for method, path in (
        ("GET", f"customers/{other.id}"),
        ("PATCH", f"customers/{other.id}"),
        ("DELETE", f"customers/{other.id}"),
        ("GET", f"subscriptions/{foreign.id}"),
        ("POST", f"subscriptions/{foreign.id}/suspend"),
        ("GET", f"subscriptions/{foreign.id}/history"),
        ("POST", f"sessions/{sessions[1].acctuniqueid}/disconnect"),
        ("POST", f"customers/{other.id}/tags"),
    ):
        body = {"tag": "x"} if path.endswith("tags") else {} if method == "PATCH" else None
        answer = theirs.open(f"{API}/{path}", method=method, json=body)
        assert answer.status_code == 404, (method, path, answer.json)
    for path in ("operators", "nas", "provider", "retention", "address-holders?address=1.2.3.4", "quarantined-records"):
        assert theirs.get(f"{API}/{path}").status_code in (403, 404), path
    assert db.scalar(select(Customer.status).where(Customer.id == other.id)) == "active"
    assert isinstance(router, NasServer)


def test_no_address_of_the_api_shows_an_operator_what_is_not_his(
    client_of: Callable[..., Client], app: Any, db: Session, tenant: Tenant, north: User
) -> None:
    """Every GET that has no argument, and every one of the foreign customer and subscription."""
    router = make_nas(db, tenant=tenant)
    other = make_customer(db, tenant=tenant, name="Hidden-one", phone="+6281777", status="active")
    foreign = make_subscription(db, tenant=tenant, customer=other, username="hidden-name")
    make_session(db, foreign, router)
    make_customer(db, tenant=tenant, name="Mine", operator_id=north.operator_id)
    theirs, tried = client_of(north), 0

    for rule in app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or not rule.rule.startswith(f"{API}/"):
            continue
        if rule.arguments - {"customer_id", "subscription_id"}:
            continue
        path = rule.rule.replace("<int:customer_id>", str(other.id)).replace("<int:subscription_id>", str(foreign.id))
        text = theirs.get(path).get_data().decode(errors="replace")
        tried += 1
        assert "hidden" not in text.lower(), path
        assert "+6281777" not in text, path
    assert tried > 40


def test_a_customer_changes_hands_when_both_agree(
    client_of: Callable[..., Client], client: Client, db: Session, tenant: Tenant, north: User
) -> None:
    south = ok(client.post(f"{API}/operators", json={"name": "South", "level": 15}), 201)
    mine = make_customer(db, tenant=tenant, operator_id=north.operator_id)
    their_staff = make_user(db, tenant=tenant, permissions=sorted(FOR_OPERATORS), operator_id=south["id"])
    ours, theirs = client_of(north), client_of(their_staff)

    asked = ok(ours.post(f"{API}/customers/{mine.id}/transfer", json={"to_operator_id": south["id"]}), 201)
    assert asked["status"] == "confirmed_from"
    assert ours.post(f"{API}/customer-transfers/{asked['id']}/confirm").status_code == 409
    assert theirs.get(f"{API}/customers/{mine.id}").status_code == 404
    waiting = ok(theirs.get(f"{API}/customer-transfers", query_string={"only_open": "true"}))["items"]
    done = ok(theirs.post(f"{API}/customer-transfers/{asked['id']}/confirm"))

    assert [row["id"] for row in waiting] == [asked["id"]]
    assert done["status"] == "done"
    assert ok(theirs.get(f"{API}/customers/{mine.id}"))["operator_id"] == south["id"]
    assert ours.get(f"{API}/customers/{mine.id}").status_code == 404
    assert db.scalar(select(Subscription.id).limit(1)) is None


def test_a_customer_tells_what_he_paid_where_he_was_seen_last_and_which_subscription_speaks_for_him(
    client: FlaskClient, client_of: Callable[..., FlaskClient], admin: User, tenant: Tenant, db: Session
) -> None:
    row, router = make_customer(db, tenant=tenant), make_nas(db, tenant=tenant, name="Tower")
    made = {"tenant": tenant, "customer": row}
    over = make_subscription(db, **made, username="old", status="suspended")
    used = make_subscription(db, **made, username="budi", nas=router, assigned_ip="10.0.0.9", price="150000")
    make_session(db, over, router, acctstarttime=datetime.now(UTC) - timedelta(days=1), framedipaddress="10.0.0.1")
    make_session(db, used, router, framedipaddress="10.0.0.9", callingstationid="AA:BB:CC:DD:EE:01")
    db.add(RouterSecret(tenant_id=tenant.id, nas_server_id=router.id, subscription_id=used.id, username="budi"))
    db.commit()
    modem = {"item_type": "equipment", "description": "Modem", "unit_price": "70000.00"}
    billed = {"customer_id": row.id, "items": [modem]}
    invoice = ok(client.post(f"{API}/invoices", json=billed), 201)
    paid = {"customer_id": row.id, "amount": "70000.00", "method": "cash", "invoice_id": invoice["invoice"]["id"]}
    ok(client.post(f"{API}/payments", json=paid), 201)

    shown, listed = ok(client.get(f"{API}/customers/{row.id}")), ok(client.get(f"{API}/customers"))
    poor = ok(client_of(admin, "view_customers").get(f"{API}/customers"))

    first = shown["primary_subscription"]
    assert (first["username"], first["price"], first["assigned_ip"]) == ("budi", "150000.00", "10.0.0.9")
    assert (first["nas"]["name"], first["nas"]["host"], first["plan"]["download_kbps"] > 0) == (
        "Tower", str(router.host), True,
    )  # fmt: skip
    assert (shown["last_ip"], shown["last_mac"]) == ("10.0.0.9", "AA:BB:CC:DD:EE:01")
    assert datetime.fromisoformat(shown["last_seen_at"]) > datetime.now(UTC) - timedelta(days=1)
    assert [one["username"] for one in shown["router_secrets"]] == ["budi"]
    assert "password" not in str(shown["router_secrets"])
    assert (shown["total_revenue"], shown["total_spent"]) == ("70000.00", "70000.00")
    assert listed["items"][0]["total_revenue"] == listed["summary"]["total_revenue"] == "70000.00"
    assert "total_revenue" not in poor["summary"]
    assert "total_spent" not in poor["items"][0]


def test_a_customer_is_registered_in_the_background_once_for_each_key(
    client: FlaskClient, client_of: Callable[..., FlaskClient], admin: User, tenant: Tenant, db: Session
) -> None:
    plan = make_plan(db, tenant=tenant)
    db.commit()
    url, head = f"{API}/customers/registrations", {"Idempotency-Key": "r-1"}
    service = {"username": "budi", "password": "rahasia-9", "service_plan_id": plan.id}
    body = {"name": "Budi", "birth_date": "1990-02-28", "subscription": service, "initial_balance": "-5000.00"}

    asked = client.post(url, json=body, headers=head)
    again = client.post(url, json=body, headers=head)

    assert (asked.status_code, asked.json["state"], again.json["id"]) == (202, "waiting", asked.json["id"])
    assert "rahasia" not in str(asked.json)
    assert tasks.add_registered() == {"tried": 1}
    done = ok(client.get(f"{url}/{asked.json['id']}"))
    assert done["state"] == "done"
    assert ok(client.get(f"{API}/customers/{done['customer_id']}"))["balance"] == "-5000.00"
    assert [row["id"] for row in ok(client.get(f"{url}?state=done"))["items"]] == [done["id"]]
    assert client.post(f"{url}/{done['id']}/repeat").status_code == 409
    assert client.post(url, json={"phone": "0812345678"}).status_code == 422
    no_money = client_of(admin, "create_customers")
    assert no_money.post(url, json={"name": "Ani", "initial_balance": "5.00"}).status_code == 403
    assert client_of(admin, "view_customers").get(url).status_code == 403

"""Whoever writes a row that a login depends on, the servers hear of it when it is committed, and not before."""

import re
from typing import NamedTuple

import psycopg
import pytest
from sqlalchemy.orm import Session

from db.models import SubscriptionFupState, SubscriptionLimits, SubscriptionMac
from db.queries.access import PROFILE_BY_NAME
from factories import make_customer, make_nas, make_plan, make_subscription, make_tenant
from tests.integration.db.conftest import Ear, clear

Connection = psycopg.Connection


class Rows(NamedTuple):
    """One row in every watched table."""

    tenant: int
    customer: int
    plan: int
    subscription: int
    nas: int


@pytest.fixture
def db_url(module_db_url: str, module_keys: None) -> str:
    clear(module_db_url)
    return module_db_url


@pytest.fixture
def rows(db: Session) -> Rows:
    tenant = make_tenant(db)
    customer = make_customer(db, tenant=tenant)
    plan = make_plan(db, tenant=tenant, tiers=[{"reduction_percent": 50}])
    subscription = make_subscription(db, tenant=tenant, customer=customer, plan=plan)
    nas = make_nas(db, tenant=tenant)
    db.add(SubscriptionLimits(subscription_id=subscription.id, session_timeout_s=600))
    db.add(SubscriptionFupState(subscription_id=subscription.id))
    db.add(SubscriptionMac(tenant_id=tenant.id, subscription_id=subscription.id, mac="02:00:00:00:00:01"))
    db.commit()
    return Rows(tenant.id, customer.id, plan.id, subscription.id, nas.id)


# Statement and notice; names in braces are the numbers of `Rows`.
CHANGES = [
    ("UPDATE subscriptions SET status = 'suspended'", ["subscription {subscription}"]),
    ("UPDATE subscriptions SET notes = 'x'", ["subscription {subscription}"]),
    ("UPDATE subscription_limits SET session_timeout_s = 900", ["subscription {subscription}"]),
    ("DELETE FROM subscription_limits", ["subscription {subscription}"]),
    ("TRUNCATE subscription_limits", ["subscription *"]),
    (
        (
            "INSERT INTO subscription_macs (tenant_id, subscription_id, mac) VALUES ({tenant}, {subscription},"
            " '02:00:00:00:00:02')"
        ),
        ["subscription {subscription}"],
    ),
    ("UPDATE subscription_macs SET status = 'blocked'", ["subscription {subscription}"]),
    ("DELETE FROM subscription_macs", ["subscription {subscription}"]),
    ("TRUNCATE subscription_macs", ["subscription *"]),
    ("UPDATE subscription_fup_states SET tier = 1", ["subscription {subscription}"]),
    ("DELETE FROM subscription_fup_states", ["subscription {subscription}"]),
    ("TRUNCATE subscription_fup_states", ["subscription *"]),
    ("UPDATE customers SET status = 'blacklisted'", ["customer {customer}"]),
    ("UPDATE service_plans SET download_kbps = 1", ["plan {plan}"]),
    ("UPDATE plan_fup_rules SET reduction_percent = 60", ["plan {plan}"]),
    ("DELETE FROM plan_fup_rules", ["plan {plan}"]),
    ("TRUNCATE plan_fup_rules", ["plan *"]),
    (
        (
            "INSERT INTO plan_fup_rules (tenant_id, service_plan_id, tier, threshold_bytes, reduction_percent)"
            " VALUES ({tenant}, {plan}, 2, 5, 5)"
        ),
        ["plan {plan}"],
    ),
    ("UPDATE tenants SET timezone = 'UTC' WHERE id = {tenant}", ["tenant {tenant}"]),
    ("UPDATE nas_servers SET is_active = false", ["nas *"]),
    ("UPDATE nas_servers SET deleted_at = now()", ["nas *"]),
    ("UPDATE nas_servers SET radius_secret_enc = 'x'", ["nas *"]),
    ("UPDATE nas_servers SET host = '10.9.9.9'", ["nas *"]),
    ("UPDATE nas_servers SET require_message_authenticator = false", ["nas *"]),
    ("DELETE FROM nas_servers", ["nas *"]),
    (
        "DELETE FROM subscriptions",
        ["subscription {subscription}"],
    ),
]


@pytest.mark.parametrize(("statement", "notices"), CHANGES, ids=[statement[:60] for statement, _ in CHANGES])
def test_a_change_is_heard(statement: str, notices: list[str], rows: Rows, connection: Connection, ear: Ear) -> None:
    connection.execute(statement.format(**rows._asdict()))

    assert sorted(set(ear.heard())) == sorted(notice.format(**rows._asdict()) for notice in notices)


def test_a_new_row_in_every_watched_table_is_heard(rows: Rows, db: Session, ear: Ear) -> None:
    ear.heard()
    tenant = make_tenant(db)
    customer = make_customer(db, tenant=tenant)
    plan = make_plan(db, tenant=tenant, tiers=[{"reduction_percent": 50}])
    subscription = make_subscription(db, tenant=tenant, customer=customer, plan=plan)
    make_nas(db, tenant=tenant)
    db.commit()

    assert set(ear.heard()) == {
        f"tenant {tenant.id}",
        f"customer {customer.id}",
        f"plan {plan.id}",
        f"subscription {subscription.id}",
        "nas *",
    }


def test_a_row_that_changes_hands_is_heard_for_both(rows: Rows, db: Session, connection: Connection, ear: Ear) -> None:
    other = make_subscription(db).id
    db.commit()
    ear.heard()

    connection.execute("UPDATE subscription_macs SET subscription_id = %s", [other])

    (notice,) = ear.heard()
    word, _, numbers = notice.partition(" ")
    assert word == "subscription"
    assert {int(number) for number in numbers.split(",")} == {rows.subscription, other}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE nas_servers SET last_seen_at = now(), status = 'online'",
        "UPDATE nas_servers SET location = 'roof'",
        "UPDATE subscriptions SET status = 'suspended' WHERE false",
        "DELETE FROM customers WHERE false",
    ],
)
def test_what_no_login_depends_on_is_not_heard(statement: str, rows: Rows, connection: Connection, ear: Ear) -> None:
    connection.execute(statement)

    assert ear.heard() == []


def test_nothing_is_heard_of_work_that_was_rolled_back(rows: Rows, connection: Connection, ear: Ear) -> None:
    with connection.transaction(force_rollback=True):
        connection.execute("UPDATE subscriptions SET status = 'suspended'")
        connection.execute("UPDATE nas_servers SET is_active = false")
        connection.execute("TRUNCATE plan_fup_rules")

    assert ear.heard() == []


def test_nothing_is_heard_before_the_commit(rows: Rows, db_url: str, ear: Ear) -> None:
    with psycopg.connect(db_url) as connection:
        connection.execute("UPDATE subscriptions SET status = 'suspended'")
        assert ear.heard() == []
        connection.commit()
        assert ear.heard() == [f"subscription {rows.subscription}"]


@pytest.mark.parametrize("count", [500, 501])
def test_a_change_of_very_many_rows_is_heard_as_one_of_all(
    count: int, rows: Rows, connection: Connection, ear: Ear
) -> None:
    connection.execute(
        "INSERT INTO subscriptions (tenant_id, customer_id, service_plan_id, subscription_code, username,"
        " service_password_enc) SELECT %s, %s, %s, 'C' || n, 'many' || n, 'x' FROM generate_series(1, %s) n",
        [rows.tenant, rows.customer, rows.plan, count],
    )
    (inserted,) = ear.heard()
    connection.execute("UPDATE subscriptions SET notes = 'x' WHERE username LIKE 'many%'")
    (updated,) = ear.heard()
    connection.execute("DELETE FROM subscriptions WHERE username LIKE 'many%'")
    (deleted,) = ear.heard()

    for notice in (inserted, updated, deleted):
        if count > 500:
            assert notice == "subscription *"
        else:
            assert len(set(notice.removeprefix("subscription ").split(","))) == count


def test_a_notice_of_many_rows_with_long_numbers_still_fits(rows: Rows, connection: Connection, ear: Ear) -> None:
    """NOTIFY refuses 8000 bytes and more, and with it the change."""
    connection.execute(
        "INSERT INTO subscriptions (id, tenant_id, customer_id, service_plan_id, subscription_code, username,"
        " service_password_enc) OVERRIDING SYSTEM VALUE SELECT 9000000000000000000 + n, %s, %s, %s, 'C' || n,"
        " 'many' || n, 'x' FROM generate_series(1, 500) n",
        [rows.tenant, rows.customer, rows.plan],
    )

    (notice,) = ear.heard()
    assert notice == "subscription *"


def test_every_table_a_profile_is_read_from_is_watched(connection: Connection) -> None:
    read = set(re.findall(r"\b(?:FROM|JOIN) ([a-z_]+) [a-z]\b", PROFILE_BY_NAME))
    watched = {
        table
        for (table,) in connection.execute(
            "SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger WHERE tgname LIKE 'access_changed_%'"
        )
    }

    # Sessions are told by the collector, on a channel of their own. That an allowance is used up is told by its state,
    # so that the days which show it are read anew.
    assert read - {"radacct_open"} | {"subscription_quota_states"} == watched

"""Attributes by hand: refused where they are typed, kept with the name they belong to, and written down."""

from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from bss import attributes, plans, subscriptions
from bss.actor import Actor
from bss.failure import Invalid
from db.models import AuditLog, RadCheck, RadReply, SessionChange, Subscription
from domain.access import AttributeItem
from factories import make_nas, make_plan, make_session, make_subscription
from tests.integration.bss.conftest import NOW

pytestmark = pytest.mark.usefixtures("keys_file")


def reply(attribute: str, value: str, op: str = ":=") -> dict[str, str]:
    return {"attribute": attribute, "op": op, "value": value}


def put(db: Session, actor: Actor, subscription: Subscription, **lists: Any) -> Any:
    return subscriptions.set_attributes(db, actor=actor, now=NOW, subscription_id=subscription.id, **lists)


def sent(db: Session, actor: Actor, subscription: Subscription, **more: Any) -> dict[str, str]:
    found = attributes.effective(db, actor=actor, now=NOW, subscription_id=subscription.id, **more)
    assert found.problem is None
    return {row.attribute: row.value for row in found.replies}


@pytest.mark.parametrize(
    ("row", "field", "words"),
    [
        (reply("Mikrotik-Colour", "red"), "attribute", "not an attribute"),
        (reply("Class", "x"), "attribute", "by the server itself"),
        (reply("Mikrotik-Total-Limit-Gigawords", "1"), "attribute", "Mikrotik-Total-Limit"),
        (reply("Framed-Pool", "a", "+="), "op", "use := or ="),
        (reply("Framed-Pool", "a", "=="), "op", "use := or ="),
        (reply("Framed-IP-Address", "127.0.0.1"), "value", "10.20.0.15"),
        (reply("Idle-Timeout", "-5"), "value", "900"),
        (reply("Session-Timeout", str(2**32)), "value", "86400"),
        (reply("Framed-Pool", ""), "value", "fill it in"),
        (reply("Framed-Pool", "x" * 254), "value", "shorten"),
        ({"attribute": "Framed-Pool", "op": ":=", "value": 5}, "value", "fill it in"),
    ],
)
def test_what_cannot_be_sent_is_refused_where_it_is_typed(
    db: Session, actor: Actor, row: dict[str, Any], field: str, words: str
) -> None:
    subscription, plan = make_subscription(db), make_plan(db)

    with pytest.raises(Invalid) as refused:
        put(db, actor, subscription, replies=[reply("Port-Limit", "2"), row])
    with pytest.raises(Invalid) as of_plan:
        plans.edit(db, actor=actor, now=NOW, plan_id=plan.id, changes={"reply_attributes": [row]})

    (problem,) = refused.value.problems
    assert problem.field == f"replies.1.{field}"
    assert words in str(problem)
    assert of_plan.value.problems[0].field == f"reply_attributes.0.{field}"


@pytest.mark.parametrize(
    "rows",
    [
        [reply("Framed-Pool", "a"), reply("Framed-Pool", "b")],
        [reply("Framed-Route", "10.1.0.0/16"), reply("Framed-Route", "10.2.0.0/16")],
        [reply("Tunnel-Type", "VLAN")],
        [reply("Port-Limit", "2")] * 51,
    ],
)
def test_rows_that_make_no_whole_are_refused(db: Session, actor: Actor, rows: list[dict[str, str]]) -> None:
    with pytest.raises(Invalid):
        put(db, actor, make_subscription(db), replies=rows)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (reply("Simultaneous-Use", "1"), "how many logins"),
        (reply("NAS-IP-Address", "10.0.0.1", "=="), "bind the subscription to a router"),
        (reply("Cleartext-Password", "x"), "password"),
        (reply("Framed-Pool", "x", "=="), "use Calling-Station-Id"),
        (reply("NAS-Port-Id", "x", ":="), "use =="),
        (reply("NAS-Port-Id", "(a+)+", "=~"), "pattern"),
        (reply("NAS-Port", "many", ">"), "whole number"),
    ],
)
def test_a_condition_that_cannot_be_checked_is_refused_and_its_own_place_named(
    db: Session, actor: Actor, row: dict[str, str], words: str
) -> None:
    with pytest.raises(Invalid, match=words):
        put(db, actor, make_subscription(db), checks=[row])


def test_rows_are_stored_in_order_with_the_dictionarys_spelling_and_written_down(db: Session, actor: Actor) -> None:
    subscription = make_subscription(db)
    rows = [
        reply("framed-route", "10.1.0.0/16", "+="),
        reply("Framed-Route", "10.2.0.0/16", "+="),
        reply("Mikrotik-Wireless-PSK", "very secret"),
    ]
    checks = [reply("calling-station-id", "02-00-00-00-00-01", "==")]

    put(db, actor, subscription, replies=rows, checks=checks)

    own = subscriptions.attributes_of(db, actor=actor, subscription_id=subscription.id)
    assert [row.attribute for row in own.replies] == ["Framed-Route", "Framed-Route", "Mikrotik-Wireless-PSK"]
    assert own.checks == [AttributeItem("Calling-Station-Id", "==", "02-00-00-00-00-01")]
    written = db.scalars(select(AuditLog).where(AuditLog.action == "subscription.attributes_changed")).one()
    assert written.old_values == {"checks": [], "replies": []}
    assert "very secret" not in str(written.new_values)
    assert "10.2.0.0/16" in str(written.new_values)
    assert put(db, actor, subscription, replies=rows).effect.sessions == 0
    assert len(db.scalars(select(AuditLog).where(AuditLog.action == "subscription.attributes_changed")).all()) == 1


def test_a_users_rows_win_over_the_plans_and_both_over_the_policys_own(db: Session, actor: Actor) -> None:
    plan = make_plan(db, ip_pool="pool-a")
    subscription = make_subscription(db, plan=plan)
    rows = [reply("Framed-Pool", "pool-plan"), reply("Port-Limit", "2", "="), reply("Filter-Id", "plan.in", "+=")]
    plans.edit(db, actor=actor, now=NOW, plan_id=plan.id, changes={"reply_attributes": rows})
    put(
        db,
        actor,
        subscription,
        replies=[reply("Framed-Pool", "pool-own"), reply("Port-Limit", "9", "="), reply("Mikrotik-Group", "gold")],
    )

    now_sent = sent(db, actor, subscription)

    assert now_sent["Framed-Pool"] == "pool-own"
    assert now_sent["Port-Limit"] == "2"
    assert now_sent["Filter-Id"] == "plan.in"
    assert now_sent["Mikrotik-Group"] == "gold"
    assert "Mikrotik-Group" not in sent(db, actor, subscription, vendor="cisco")


def test_a_rate_limit_by_hand_reaches_running_sessions_at_once(db: Session, actor: Actor) -> None:
    subscription, nas = make_subscription(db), make_nas(db)
    make_session(db, subscription, nas)

    done = put(db, actor, subscription, replies=[reply("Mikrotik-Rate-Limit", "1M/2M")])

    (change,) = db.scalars(select(SessionChange).where(SessionChange.id.in_(done.effect.coa_ids))).all()
    assert change.attributes == {"Mikrotik-Rate-Limit": "1M/2M"}
    assert (
        put(
            db, actor, subscription, replies=[reply("Mikrotik-Rate-Limit", "1M/2M"), reply("Port-Limit", "2")]
        ).effect.sessions
        == 0
    )


def test_rows_follow_a_new_name_and_end_with_it(db: Session, actor: Actor) -> None:
    subscription = make_subscription(db, username="old-name")
    put(db, actor, subscription, replies=[reply("Port-Limit", "2")], checks=[reply("NAS-Port-Id", "ether1", "==")])

    subscriptions.edit(db, actor=actor, now=NOW, subscription_id=subscription.id, changes={"username": "new-name"})
    assert set(db.scalars(select(RadReply.username))) == set(db.scalars(select(RadCheck.username))) == {"new-name"}

    subscriptions.terminate(db, actor=actor, now=NOW, subscription_id=subscription.id)
    assert db.scalars(select(RadReply)).all() == db.scalars(select(RadCheck)).all() == []


def test_a_row_from_elsewhere_that_cannot_be_said_is_named(db: Session, actor: Actor) -> None:
    subscription = make_subscription(db, username="budi")
    row = {"tenant_id": subscription.tenant_id, "username": "budi", "attribute": "Session-TimeOut", "value": "1"}
    db.add(RadReply(op=":=", **row))
    db.flush()

    found = attributes.effective(db, actor=actor, now=NOW, subscription_id=subscription.id)

    assert found.refusal == "policy_error"
    assert "Session-TimeOut" in str(found.problem)


def test_a_guaranteed_speed_is_told_the_router_and_stays_below_the_speed(db: Session, actor: Actor) -> None:
    values = {"name": "Least", "download_kbps": 10_000, "upload_kbps": 5_000}
    plan = plans.create(
        db, actor=actor, now=NOW, values=values | {"min_download_kbps": 2_000, "min_upload_kbps": 1_000}
    )

    assert sent(db, actor, make_subscription(db, plan=plan))["Mikrotik-Rate-Limit"] == "5M/10M 0/0 0/0 0/0 8 1M/2M"
    for wrong in ({"min_download_kbps": 20_000}, {"min_download_kbps": None}):
        with pytest.raises(Invalid):
            plans.edit(db, actor=actor, now=NOW, plan_id=plan.id, changes=wrong)
        db.expire_all()

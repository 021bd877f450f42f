"""From an order at a gateway to money in the books: once, to the unit, and whatever order the news come in."""

import json
from datetime import timedelta
from decimal import Decimal
from itertools import permutations

import pytest
from sqlalchemy import select

from bss import payments
from bss.failure import Conflict
from bss.gateways import orders, reconciling
from db.models import AuditLog, GatewayLog, GatewayOrder, NasServer, SessionChange
from domain.gateway import ORDER_ID
from factories import make_nas, make_session
from tests.integration.gateways.conftest import KEYS, Desk

WORLD = ("midtrans", "xendit", "stripe")


@pytest.mark.parametrize("kind", WORLD)
def test_a_payment_at_a_gateway_pays_the_invoice_once(desk: Desk, kind: str) -> None:
    invoice = desk.invoice()
    order = desk.order(kind, invoice)
    assert order.status == "pending"
    assert order.redirect_url
    notice = desk.pay(order)

    heard = [desk.hear(kind, notice) for _ in range(3)]

    assert [one.outcome for one in heard] == ["done", "repeated", "repeated"]
    assert desk.again(invoice).status == "paid"
    assert desk.again(order).status == "paid"
    (payment,) = desk.payments()
    assert (payment.amount, payment.gateway, payment.invoice_id) == (Decimal(150000), kind, invoice.id)
    assert payment.gateway_transaction_id == order.transaction_id
    assert desk.balance(invoice.customer_id) == 0
    assert desk.books_are_right()


def test_an_invoice_in_shillings_is_paid_by_a_prompt_on_the_phone(desk: Desk) -> None:
    desk.tenant.currency = "KES"
    desk.db.commit()
    invoice = desk.invoice(1500, customer=desk.customer(phone="+254712345678"))
    order = desk.order("mpesa", invoice)
    assert order.redirect_url is None
    assert order.instructions["phone"] == "+254712345678"

    assert desk.hear("mpesa", desk.pay(order)).outcome == "done"

    assert desk.again(invoice).status == "paid"
    assert desk.payments()[0].method == "mpesa"


@pytest.mark.parametrize(
    ("payment_type", "method"),
    [
        ("bank_transfer", "transfer"),
        ("echannel", "transfer"),
        ("gopay", "gopay"),
        ("qris", "qris"),
        ("shopeepay", "midtrans"),
    ],
)
def test_the_way_of_paying_at_midtrans_has_our_name(desk: Desk, payment_type: str, method: str) -> None:
    order = desk.order()
    desk.servers["midtrans"].pay(order.order_id, payment_type)

    desk.hear("midtrans", desk.servers["midtrans"].notice(order.order_id))

    assert desk.payments()[0].method == method
    assert desk.again(order).payment_type == payment_type


def test_a_settlement_told_twice_is_one_payment_and_a_late_expire_leaves_it_paid(desk: Desk) -> None:
    invoice = desk.invoice()
    order = desk.order("midtrans", invoice)
    midtrans = desk.servers["midtrans"]
    desk.hear("midtrans", desk.pay(order))
    midtrans.become(order.order_id, "settlement")
    desk.hear("midtrans", midtrans.notice(order.order_id, transaction_time="2026-11-27 10:00:01"))
    midtrans.become(order.order_id, "expire")

    desk.hear("midtrans", midtrans.notice(order.order_id))

    assert desk.again(order).status == "paid"
    assert desk.again(invoice).status == "paid"
    assert len(desk.payments()) == 1


def test_every_order_of_the_same_news_ends_in_the_same_books(desk: Desk) -> None:
    midtrans = desk.servers["midtrans"]
    news = ("pending", "settlement", "expire", "cancel")
    ends = set()
    for way in permutations(news):
        invoice = desk.invoice()
        order = desk.order("midtrans", invoice)
        for status in way:
            midtrans.become(order.order_id, status)
            desk.hear("midtrans", midtrans.notice(order.order_id))
        total = sum(payment.amount for payment in desk.payments(invoice.customer_id))
        ends.add((desk.again(order).status, desk.again(invoice).status, total, desk.balance(invoice.customer_id)))

    assert ends == {("paid", "paid", Decimal(150000), Decimal(0))}
    assert desk.books_are_right()


def test_a_valid_signature_with_another_status_moves_nothing(desk: Desk) -> None:
    """The signature does not cover it, so one captured message can say anything."""
    invoice = desk.invoice()
    order = desk.order("midtrans", invoice)
    midtrans = desk.servers["midtrans"]
    midtrans.become(order.order_id, "deny")
    for claims in ("settlement", "capture", "refund", "expire"):
        desk.hear("midtrans", midtrans.notice(order.order_id, transaction_status=claims, fraud_status="accept"))

    assert desk.again(order).status == "failed"
    assert desk.again(invoice).status == "unpaid"
    assert not desk.payments()


def test_a_challenged_card_is_held_until_the_gateway_decides(desk: Desk) -> None:
    invoice = desk.invoice()
    order = desk.order("midtrans", invoice)
    midtrans = desk.servers["midtrans"]
    midtrans.become(order.order_id, "capture", "credit_card", fraud="challenge")
    desk.hear("midtrans", midtrans.notice(order.order_id))
    assert desk.again(order).status == "held"
    assert not desk.payments()

    midtrans.become(order.order_id, "capture", fraud="accept")
    desk.hear("midtrans", midtrans.notice(order.order_id))

    assert desk.again(invoice).status == "paid"


def test_paying_brings_the_customer_back_with_a_change_for_his_session(desk: Desk, db_url: str) -> None:
    subscription = desk.subscriber(status="expired")
    nas: NasServer = make_nas(desk.db, tenant=desk.tenant)
    make_session(desk.db, subscription, nas, class_=f"lts1:{subscription.id}:0:garden")
    desk.db.commit()
    invoice = desk.invoice(subscription=subscription)
    order = desk.order("midtrans", invoice)

    heard = desk.hear("midtrans", desk.pay(order))

    assert heard.outcome == "done"
    assert desk.again(invoice).status == "paid"
    row = desk.again(subscription)
    assert row.status == "active"
    assert row.expires_at > desk.now
    changes = desk.db.scalars(select(SessionChange).where(SessionChange.subscription_id == subscription.id)).all()
    assert set(heard.effect.change_ids) == {change.id for change in changes}


def test_the_balance_is_taken_off_what_is_asked_for(desk: Desk) -> None:
    customer = desk.customer()
    payments.receive(desk.db, actor=desk.actor, now=desk.now, customer_id=customer.id, amount=60000, method="cash")
    invoice = desk.invoice(100000, customer=customer)

    order = desk.order("midtrans", invoice)
    desk.hear("midtrans", desk.pay(order))

    assert order.amount == Decimal(40000)
    assert desk.again(invoice).status == "paid"
    assert desk.balance(customer.id) == 0


def test_money_for_the_balance_is_a_top_up(desk: Desk) -> None:
    customer = desk.customer()
    order = desk.order("xendit", customer_id=customer.id, amount="50000")

    desk.hear("xendit", desk.pay(order))

    assert order.purpose == "recharge"
    assert desk.balance(customer.id) == Decimal(50000)
    assert desk.payments()[0].purpose == "recharge"


def test_an_invoice_that_was_paid_in_cash_meanwhile_leaves_the_gateways_money_as_credit(desk: Desk) -> None:
    invoice = desk.invoice()
    order = desk.order("midtrans", invoice)
    payments.receive(
        desk.db, actor=desk.actor, now=desk.now, customer_id=invoice.customer_id, amount=150000, method="cash",
        invoice_id=invoice.id,
    )  # fmt: skip
    desk.db.commit()

    desk.hear("midtrans", desk.pay(order))

    assert desk.again(order).status == "paid"
    assert desk.balance(invoice.customer_id) == Decimal(150000)
    assert desk.books_are_right()


def test_two_clicks_are_one_order_and_an_order_has_a_name_that_gateways_take(desk: Desk) -> None:
    invoice = desk.invoice()
    first, second = desk.order("midtrans", invoice), desk.order("midtrans", invoice)

    assert first.id == second.id
    assert ORDER_ID.fullmatch(first.order_id)
    assert first.order_id.startswith(invoice.invoice_number or "?")
    assert desk.servers["midtrans"].questions("/snap/") == 1


def test_a_gateway_that_refuses_or_is_away_leaves_a_failed_order_with_its_reason(desk: Desk) -> None:
    invoice = desk.invoice()
    desk.servers["midtrans"].bad_day.errors = 1

    with pytest.raises(Conflict, match="out of order"):
        desk.order("midtrans", invoice)

    (failed,) = desk.db.scalars(select(GatewayOrder)).all()
    assert (failed.status, "out of order" in failed.problem) == ("failed", True)
    assert desk.order("midtrans", invoice).status == "pending"


def test_a_lost_webhook_is_made_up_for_by_asking(desk: Desk) -> None:
    invoice = desk.invoice()
    order = desk.order("midtrans", invoice)
    desk.pay(order)

    early = reconciling.reconcile(desk.db, clock=lambda: desk.now + timedelta(minutes=9))
    late = reconciling.reconcile(desk.db, clock=lambda: desk.now + timedelta(minutes=11))

    assert (early.asked, late.asked, late.paid) == (0, 1, 1)
    assert desk.again(invoice).status == "paid"
    assert desk.again(order).next_check_at is None


def test_a_gateway_that_was_down_for_an_hour_is_asked_until_it_answers(desk: Desk) -> None:
    paid = [desk.order("midtrans", desk.invoice()) for _ in range(3)]
    notices = [desk.pay(order) for order in paid]
    desk.servers["midtrans"].bad_day.errors = -1
    assert [desk.hear("midtrans", notice).outcome for notice in notices] == ["later"] * 3
    for minutes in range(1, 60, 6):
        done = reconciling.reconcile(desk.db, clock=lambda at=minutes: desk.now + timedelta(minutes=at))
        assert done.paid == 0
    desk.servers["midtrans"].bad_day.errors = 0

    done = reconciling.reconcile(desk.db, clock=lambda: desk.now + timedelta(minutes=75))

    assert done.paid == 3
    assert all(desk.again(order).status == "paid" for order in paid)
    assert [desk.hear("midtrans", notice).outcome for notice in notices] == ["done"] * 3
    assert len(desk.payments()) == 3


def test_an_order_that_nobody_paid_ends_and_is_asked_about_no_more(desk: Desk) -> None:
    invoice = desk.invoice()
    order = desk.order("midtrans", invoice)
    for hours in range(1, 24 * 5):
        reconciling.reconcile(desk.db, clock=lambda at=hours: desk.now + timedelta(hours=at))

    assert desk.again(order).status == "expired"
    assert order.next_check_at is None
    assert desk.again(invoice).status == "unpaid"
    assert desk.servers["midtrans"].questions("/status") < 50


def test_money_that_comes_after_the_end_is_booked_all_the_same(desk: Desk) -> None:
    invoice = desk.invoice()
    order = desk.order("midtrans", invoice)
    reconciling.reconcile(desk.db, clock=lambda: desk.now + timedelta(hours=26))
    assert desk.again(order).status == "expired"

    assert desk.hear("midtrans", desk.pay(order)).outcome == "done"

    assert desk.again(invoice).status == "paid"


def test_an_order_is_cancelled_at_the_gateway_too(desk: Desk) -> None:
    order = desk.order("xendit")

    orders.cancel(desk.db, actor=desk.actor, now=desk.now, row_id=order.id)

    assert desk.again(order).status in ("cancelled", "expired")
    assert desk.servers["xendit"].of_order(order.order_id).status == "EXPIRED"
    with pytest.raises(Conflict):
        orders.cancel(desk.db, actor=desk.actor, now=desk.now, row_id=order.id)


@pytest.mark.parametrize("kind", WORLD)
def test_a_refund_goes_back_over_the_gateway_and_through_the_books(desk: Desk, kind: str) -> None:
    invoice = desk.invoice()
    order = desk.order(kind, invoice)
    desk.hear(kind, desk.pay(order))

    orders.refund(desk.db, actor=desk.actor, now=desk.now, row_id=order.id, reason="moved away")

    assert desk.again(order).status == "refunded"
    assert desk.again(invoice).status == "refunded"
    assert desk.payments()[0].status == "refunded"
    assert desk.balance(invoice.customer_id) == 0
    assert desk.books_are_right()
    with pytest.raises(Conflict):
        orders.refund(desk.db, actor=desk.actor, now=desk.now, row_id=order.id, reason="again")


def test_money_that_was_used_since_is_not_given_back_by_the_gateway(desk: Desk) -> None:
    customer = desk.customer()
    order = desk.order("midtrans", customer_id=customer.id, amount=150000)
    desk.hear("midtrans", desk.pay(order))
    desk.invoice(150000, customer=customer)
    desk.db.commit()

    with pytest.raises(Conflict, match="is left"):
        orders.refund(desk.db, actor=desk.actor, now=desk.now, row_id=order.id, reason="wrong")

    assert desk.servers["midtrans"].transactions[order.order_id].refunded == 0


def test_a_refund_made_at_the_gateway_itself_is_booked_when_it_is_told(desk: Desk) -> None:
    invoice = desk.invoice()
    order = desk.order("midtrans", invoice)
    desk.hear("midtrans", desk.pay(order))
    midtrans = desk.servers["midtrans"]
    midtrans.transactions[order.order_id].refunded = 150000
    midtrans.become(order.order_id, "refund")

    desk.hear("midtrans", midtrans.notice(order.order_id))
    desk.hear("midtrans", midtrans.notice(order.order_id, transaction_time="2026-11-27 10:00:09"))

    assert desk.again(order).status == "refunded"
    assert desk.payments()[0].status == "refunded"
    assert desk.books_are_right()


def test_a_refund_told_before_the_payment_ends_in_the_same_books(desk: Desk) -> None:
    order = desk.order()
    midtrans = desk.servers["midtrans"]
    midtrans.pay(order.order_id)
    midtrans.transactions[order.order_id].refunded = 150000
    midtrans.become(order.order_id, "refund")

    desk.hear("midtrans", midtrans.notice(order.order_id))

    assert desk.again(order).status == "refunded"
    assert [payment.status for payment in desk.payments()] == ["refunded"]
    assert desk.balance(order.customer_id) == 0


def test_a_transfer_is_booked_when_staff_see_it(desk: Desk) -> None:
    invoice = desk.invoice()
    order = desk.order("transfer", invoice)
    assert order.instructions["account_number"] == "1234567890"

    orders.confirm(desk.db, actor=desk.actor, now=desk.now, row_id=order.id)
    desk.db.commit()

    assert desk.again(invoice).status == "paid"
    assert (desk.payments()[0].method, desk.payments()[0].gateway) == ("transfer", "transfer")
    with pytest.raises(Conflict):
        orders.confirm(desk.db, actor=desk.actor, now=desk.now, row_id=order.id)


def test_nobody_confirms_by_hand_what_a_gateway_can_be_asked(desk: Desk) -> None:
    order = desk.order("midtrans")

    with pytest.raises(Conflict, match="tells by itself"):
        orders.confirm(desk.db, actor=desk.actor, now=desk.now, row_id=order.id)


def test_what_was_said_is_in_the_log_without_any_secret(desk: Desk) -> None:
    for kind in WORLD:
        order = desk.order(kind)
        desk.hear(kind, desk.pay(order))
        orders.refund(desk.db, actor=desk.actor, now=desk.now, row_id=order.id, reason="moved away")

    rows = desk.db.scalars(select(GatewayLog)).all()
    trail = desk.db.scalars(select(AuditLog)).all()
    text = json.dumps([[row.request, row.response, row.problem, row.claims] for row in rows])
    text += json.dumps([[row.old_values, row.new_values] for row in trail])
    assert {row.event for row in rows} == {"create", "notification", "status_check", "refund"}
    assert not [
        secret for keys in KEYS.values() for name, secret in keys.items() if "canary" in secret and secret in text
    ]

"""Money that nobody may guess about waits for a person: all of it, once, and nothing else."""

from decimal import Decimal

import pytest

from bss.failure import Conflict, Invalid
from bss.gateways import parked, reconciling
from db.models import GatewayOrder
from tests.integration.gateways.conftest import Desk


@pytest.mark.parametrize("gross", [149999, 150001, 1, 15000000])
def test_an_amount_that_is_not_the_orders_is_parked_and_never_settled(desk: Desk, gross: int) -> None:
    invoice = desk.invoice()
    order = desk.order("midtrans", invoice)
    desk.servers["midtrans"].transactions[order.order_id].gross = gross

    for _ in range(2):
        desk.hear("midtrans", desk.pay(order))
        reconciling.reconcile(desk.db, clock=lambda: desk.now, everything=True)

    (row,) = desk.parked()
    assert (row.reason, row.amount, row.expected, row.status) == ("amount", Decimal(gross), Decimal(150000), "open")
    assert desk.again(invoice).status == "unpaid"
    assert desk.again(order).status == "held"
    assert not desk.payments()


def test_another_currency_is_parked_and_cannot_be_assigned(desk: Desk) -> None:
    order = desk.order()
    desk.servers["midtrans"].transactions[order.order_id].currency = "USD"
    desk.hear("midtrans", desk.pay(order))

    (row,) = desk.parked()
    assert row.reason == "currency"
    with pytest.raises(Conflict, match="the books are in IDR"):
        parked.assign(desk.db, actor=desk.actor, now=desk.now, parked_id=row.id, customer_id=order.customer_id)


@pytest.mark.parametrize("kind", ["midtrans", "xendit"])
def test_a_payment_for_an_order_of_nobody_is_parked_once_it_is_paid(desk: Desk, kind: str) -> None:
    server = desk.servers[kind]
    desk.gateway(kind)
    server.sold_elsewhere("SHOP-77", 75000)

    heard = [desk.hear(kind, server.notice("SHOP-77")).outcome for _ in range(2)]

    assert heard == ["done", "repeated"]
    (row,) = desk.parked()
    assert (row.reason, row.order_id, row.amount) == ("unknown_order", "SHOP-77", Decimal(75000))
    assert not desk.payments()


def test_an_order_of_nobody_that_is_not_paid_is_only_written_down(desk: Desk) -> None:
    desk.gateway("midtrans")
    midtrans = desk.servers["midtrans"]
    midtrans.sold_elsewhere("SHOP-77", 75000, "pending")

    assert desk.hear("midtrans", midtrans.notice("SHOP-77")).outcome == "done"
    assert not desk.parked()


def test_an_order_of_another_provider_is_nobodys_here(desk: Desk) -> None:
    """The same account entered by two providers: each is paid for its own orders only."""
    order = desk.order()
    desk.db.add(
        GatewayOrder(
            tenant_id=order.tenant_id, gateway_id=desk.gateway("xendit").id, order_id="OTHER-1",
            customer_id=order.customer_id, purpose="recharge", amount=1000, currency="IDR", page_key="k",
            expires_at=desk.now,
        )
    )  # fmt: skip
    desk.db.commit()
    midtrans = desk.servers["midtrans"]
    midtrans.sold_elsewhere("OTHER-1", 1000)

    desk.hear("midtrans", midtrans.notice("OTHER-1"))

    assert [row.reason for row in desk.parked()] == ["unknown_order"]
    assert not desk.payments()


def test_a_person_assigns_parked_money_and_it_is_booked_once(desk: Desk) -> None:
    invoice = desk.invoice()
    order = desk.order("midtrans", invoice)
    desk.servers["midtrans"].transactions[order.order_id].gross = 160000
    desk.hear("midtrans", desk.pay(order))
    (row,) = desk.parked()

    done = parked.assign(
        desk.db, actor=desk.actor, now=desk.now, parked_id=row.id, customer_id=invoice.customer_id,
        invoice_id=invoice.id, note="asked by phone",
    )  # fmt: skip
    desk.db.commit()

    assert done.row.status == "assigned"
    assert desk.again(invoice).status == "paid"
    assert desk.again(order).status == "paid"
    assert desk.balance(invoice.customer_id) == Decimal(10000)
    with pytest.raises(Conflict, match="dealt with already"):
        parked.dismiss(desk.db, actor=desk.actor, now=desk.now, parked_id=row.id, note="x")
    desk.db.rollback()
    reconciling.reconcile(desk.db, clock=lambda: desk.now, everything=True)
    assert len(desk.payments()) == 1
    assert desk.books_are_right()


def test_a_person_gives_parked_money_back_over_the_gateway(desk: Desk) -> None:
    desk.gateway("midtrans")
    midtrans = desk.servers["midtrans"]
    midtrans.sold_elsewhere("SHOP-77", 75000)
    desk.hear("midtrans", midtrans.notice("SHOP-77"))
    (row,) = desk.parked()

    parked.give_back(desk.db, actor=desk.actor, now=desk.now, parked_id=row.id, note="not ours")

    assert desk.again(row).status == "refunded"
    assert midtrans.transactions["SHOP-77"].refunded == 75000
    assert not desk.payments()


def test_a_gateway_that_does_not_give_back_leaves_it_open(desk: Desk) -> None:
    desk.gateway("midtrans")
    midtrans = desk.servers["midtrans"]
    midtrans.sold_elsewhere("SHOP-77", 75000)
    desk.hear("midtrans", midtrans.notice("SHOP-77"))
    (row,) = desk.parked()
    midtrans.become("SHOP-77", "capture")

    with pytest.raises(Conflict):
        parked.give_back(desk.db, actor=desk.actor, now=desk.now, parked_id=row.id, note="not ours")

    assert desk.again(row).status == "open"


def test_dismissing_needs_a_reason(desk: Desk) -> None:
    desk.gateway("midtrans")
    midtrans = desk.servers["midtrans"]
    midtrans.sold_elsewhere("SHOP-77", 75000)
    desk.hear("midtrans", midtrans.notice("SHOP-77"))
    (row,) = desk.parked()

    with pytest.raises(Invalid):
        parked.dismiss(desk.db, actor=desk.actor, now=desk.now, parked_id=row.id, note=" ")
    parked.dismiss(desk.db, actor=desk.actor, now=desk.now, parked_id=row.id, note="the shop's own sale")

    assert (row.status, row.resolved_by) == ("dismissed", "test")


def test_money_at_the_till_waits_however_often_it_is_told(desk: Desk) -> None:
    desk.tenant.currency = "KES"
    desk.db.commit()
    customer = desk.customer()
    told = desk.servers["mpesa"].till_notice("RKTQDM7W6S", "1500.00", customer.customer_code)
    other = desk.servers["mpesa"].till_notice("RKTQDM7W6S", "9999999.00", customer.customer_code)
    desk.gateway("mpesa")

    heard = [desk.hear("mpesa", one).outcome for one in (told, told, other)]

    assert heard == ["done", "repeated", "repeated"]
    (row,) = desk.parked()
    assert (row.reason, row.amount, row.order_id) == ("unconfirmed", Decimal(1500), customer.customer_code)
    assert not desk.payments()
    parked.assign(desk.db, actor=desk.actor, now=desk.now, parked_id=row.id, customer_id=customer.id)
    assert desk.balance(customer.id) == Decimal(1500)


def test_a_forged_callback_of_a_prompt_pays_nothing(desk: Desk) -> None:
    desk.tenant.currency = "KES"
    desk.db.commit()
    invoice = desk.invoice(1500, customer=desk.customer(phone="+254712345678"))
    order = desk.order("mpesa", invoice)
    forged = desk.servers["mpesa"].notice(order.reference, ResultCode=0, Amount=1500)

    desk.hear("mpesa", forged)
    desk.servers["mpesa"].answer_prompt(order.reference, "1032")
    desk.hear("mpesa", desk.servers["mpesa"].notice(order.reference, ResultCode=0))

    assert desk.again(order).status == "cancelled"
    assert desk.again(invoice).status == "unpaid"
    assert not desk.payments()


def test_a_charge_back_waits_for_a_person_who_takes_it_out_of_the_books(desk: Desk) -> None:
    invoice = desk.invoice()
    order = desk.order("stripe", invoice)
    stripe = desk.servers["stripe"]
    desk.hear("stripe", desk.pay(order))
    stripe.of_order(order.order_id).is_disputed = True

    desk.hear("stripe", stripe.notice(order.order_id, "charge.dispute.created"))

    (row,) = desk.parked()
    assert row.reason == "charged_back"
    assert desk.again(invoice).status == "paid"
    parked.take_back(desk.db, actor=desk.actor, now=desk.now, parked_id=row.id, note="the bank took it back")
    assert desk.again(invoice).status == "refunded"
    assert desk.payments()[0].status == "refunded"


def test_a_part_given_back_at_the_gateway_itself_waits_for_a_person(desk: Desk) -> None:
    order = desk.order()
    midtrans = desk.servers["midtrans"]
    desk.hear("midtrans", desk.pay(order))
    midtrans.transactions[order.order_id].refunded = 50000
    midtrans.become(order.order_id, "partial_refund")

    desk.hear("midtrans", midtrans.notice(order.order_id))

    assert [row.reason for row in desk.parked()] == ["refunded_there"]
    assert desk.payments()[0].status == "completed"

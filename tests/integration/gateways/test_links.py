"""Links to pay: unguessable, counted, ended by time, by hand and by being paid."""

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from bss import payments
from bss.failure import Conflict, Invalid, NotFound
from bss.gateways import links, orders
from tests.integration.gateways.conftest import AT, Desk


def make(desk: Desk, **over: object) -> tuple[links.PaymentLink, str]:
    issued = links.create(desk.db, actor=desk.actor, now=desk.now, **over)  # type: ignore[arg-type]
    desk.db.commit()
    return issued.row, issued.secret


def test_a_link_shows_what_is_due_and_offers_what_takes_the_currency(desk: Desk) -> None:
    invoice = desk.invoice()
    for kind in ("midtrans", "mpesa", "transfer"):
        desk.gateway(kind)
    _, token = make(desk, invoice_id=invoice.id)

    bill = links.bill(desk.db, now=desk.now, token=token)

    assert (bill.state, bill.amount, bill.currency) == ("open", Decimal(150000), "IDR")
    assert [row.kind for row in bill.gateways] == ["midtrans", "transfer"]


def test_only_a_hash_of_the_token_is_kept(desk: Desk) -> None:
    link, token = make(desk, invoice_id=desk.invoice().id)

    assert len(token) == 43
    whole = desk.db.execute(text("SELECT payment_links::text FROM payment_links")).scalars().all()
    trail = desk.db.execute(text("SELECT audit_logs::text FROM audit_logs")).scalars().all()
    assert not any(token in row for row in [*whole, *trail])
    assert link.token_hash == links.hash_of(token)


@pytest.mark.parametrize("token", ["", "x", "A" * 43, "../" * 14 + "x", "é" * 43, "A" * 44])
def test_a_guess_finds_nothing(desk: Desk, token: str) -> None:
    make(desk, invoice_id=desk.invoice().id)

    with pytest.raises(NotFound):
        links.bill(desk.db, now=desk.now, token=token)


def test_openings_are_counted_and_a_page_that_reloads_itself_is_not(desk: Desk) -> None:
    link, token = make(desk, invoice_id=desk.invoice().id)
    for seconds in (0, 5, 30, 90, 100, 200):
        now = desk.now + timedelta(seconds=seconds)
        links.opened(desk.db, now=now, bill=links.bill(desk.db, now=now, token=token))
        desk.db.commit()
        desk.again(link)

    assert link.open_count == 3


def test_a_link_ends_by_time_by_hand_and_by_being_paid(desk: Desk) -> None:
    invoice = desk.invoice()
    _, short = make(desk, invoice_id=invoice.id, days=1)
    by_hand, withdrawn = make(desk, invoice_id=invoice.id)
    paid, token = make(desk, invoice_id=invoice.id, days=None)
    links.withdraw(desk.db, actor=desk.actor, now=desk.now, link_id=by_hand.id)
    order = desk.order("midtrans", invoice, link_id=paid.id)
    later = desk.now + timedelta(days=2)
    assert links.bill(desk.db, now=later, token=short).state == "expired"
    assert links.bill(desk.db, now=desk.now, token=withdrawn).state == "withdrawn"
    assert links.bill(desk.db, now=desk.now, token=token).state == "open"

    desk.servers["midtrans"].become(order.order_id, "pending")
    desk.hear("midtrans", desk.servers["midtrans"].notice(order.order_id))
    assert links.bill(desk.db, now=desk.now, token=token).state == "pending"
    desk.hear("midtrans", desk.pay(order))

    assert links.bill(desk.db, now=desk.now, token=token).state == "paid"
    assert desk.again(paid).paid_at is not None


def test_a_link_to_an_invoice_that_was_paid_in_cash_says_paid(desk: Desk) -> None:
    invoice = desk.invoice()
    _, token = make(desk, invoice_id=invoice.id)
    payments.receive(
        desk.db, actor=desk.actor, now=desk.now, customer_id=invoice.customer_id, amount=150000, method="cash",
        invoice_id=invoice.id,
    )  # fmt: skip

    assert links.bill(desk.db, now=desk.now, token=token).state == "paid"


def test_a_link_for_the_balance_is_paid_once(desk: Desk) -> None:
    customer = desk.customer()
    link, token = make(desk, customer_id=customer.id, amount="50000")
    order = desk.order("xendit", customer_id=customer.id, amount=link.amount, link_id=link.id)

    desk.hear("xendit", desk.pay(order))

    assert links.bill(desk.db, now=desk.now, token=token).state == "paid"
    assert desk.balance(customer.id) == Decimal(50000)


def test_a_link_can_offer_a_part_of_the_gateways(desk: Desk) -> None:
    desk.gateway("midtrans")
    only = desk.gateway("transfer")
    _, token = make(desk, invoice_id=desk.invoice().id, gateway_ids=[only.id])

    assert [row.id for row in links.bill(desk.db, now=desk.now, token=token).gateways] == [only.id]
    with pytest.raises(Invalid):
        make(desk, invoice_id=desk.invoice().id, gateway_ids=[only.id + 999])


def test_there_is_no_link_for_what_is_not_open(desk: Desk) -> None:
    invoice = desk.invoice()
    payments.receive(
        desk.db, actor=desk.actor, now=desk.now, customer_id=invoice.customer_id, amount=150000, method="cash",
        invoice_id=invoice.id,
    )  # fmt: skip

    with pytest.raises(Conflict):
        make(desk, invoice_id=invoice.id)
    with pytest.raises(Invalid):
        make(desk, invoice_id=invoice.id, customer_id=invoice.customer_id, amount=1)


def test_sending_is_noted_by_channel(desk: Desk) -> None:
    link, _ = make(desk, invoice_id=desk.invoice().id)
    links.mark_sent(desk.db, actor=desk.actor, now=desk.now, link_id=link.id, channel="whatsapp")
    links.mark_sent(desk.db, actor=desk.actor, now=desk.now, link_id=link.id, channel="email")

    assert set(link.sent_via) == {"whatsapp", "email"}


def test_the_covered_invoice_is_not_asked_for(desk: Desk) -> None:
    invoice = desk.invoice()
    with pytest.raises(Conflict):
        orders.place(
            desk.db, actor=desk.actor, now=desk.now, gateway_id=desk.gateway("mpesa").id, at=AT, invoice_id=invoice.id
        )

"""Each gateway against the simulated one, over HTTP on a real socket: order, payment, status, cancel, refund."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from gateways import ABOUT, NotOffered, Payer, Refused, WebhookRefused, open_gateway, wrong_key
from gateways.interface import CHARGED_BACK, UNKNOWN
from tests.unit.gateways.at_gateways import SECRETS, Bench, bench, opened, order

ALL = ("midtrans", "xendit", "mpesa", "stripe")
WITH_REFUND = ("midtrans", "xendit", "stripe")


@pytest.fixture(params=ALL)
def any_bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with bench(request.param) as made:
        yield made


@pytest.fixture(params=WITH_REFUND)
def refunding(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with bench(request.param) as made:
        yield made


@pytest.fixture
def midtrans() -> Iterator[Bench]:
    with bench("midtrans") as made:
        yield made


@pytest.fixture
def mpesa() -> Iterator[Bench]:
    with bench("mpesa") as made:
        yield made


@pytest.fixture
def stripe() -> Iterator[Bench]:
    with bench("stripe") as made:
        yield made


def test_an_order_is_paid_and_its_status_says_so_to_the_unit(any_bench: Bench) -> None:
    wanted = order(any_bench.gateway.kind)
    created = any_bench.gateway.create(wanted)
    placed = any_bench.placed(created, wanted)

    before = any_bench.gateway.status(placed)
    any_bench.pay(created, wanted)
    after = any_bench.gateway.status(placed)

    assert before.status in (UNKNOWN, "pending")
    assert (after.status, after.amount, after.currency) == ("paid", Decimal(150000), wanted.currency)
    assert after.order_id == wanted.order_id
    assert after.transaction_id


def test_a_webhook_names_the_order_that_it_is_about(any_bench: Bench) -> None:
    wanted = order(any_bench.gateway.kind)
    created = any_bench.gateway.create(wanted)
    any_bench.pay(created, wanted)
    headers, body = any_bench.notice(created, wanted)

    event = any_bench.gateway.parse_webhook(headers, body, now=datetime.now(UTC))
    again = any_bench.gateway.parse_webhook(headers, body, now=datetime.now(UTC))

    assert wanted.order_id == event.order_id or created.reference == event.reference
    assert event.key == again.key
    assert event.unproven is None


def test_a_refund_in_parts_adds_up_and_the_same_key_gives_back_once(refunding: Bench) -> None:
    wanted = order(refunding.gateway.kind)
    created = refunding.gateway.create(wanted)
    refunding.pay(created, wanted)
    paid = refunding.gateway.status(refunding.placed(created, wanted))
    placed = refunding.placed(created, wanted, is_paid=True, transaction_id=paid.transaction_id)

    for key, part in (("R1", 50000), ("R1", 50000), ("R2", 100000)):
        assert refunding.gateway.refund(placed, Decimal(part), key=key, reason="moved away").is_done

    assert refunding.gateway.status(placed).refunded == Decimal(150000)
    assert refunding.gateway.status(placed).status == "refunded"
    with pytest.raises(Refused):
        refunding.gateway.refund(placed, Decimal(1), key="R3", reason="one too many")


def test_a_part_given_back_leaves_the_order_paid(refunding: Bench) -> None:
    wanted = order(refunding.gateway.kind)
    created = refunding.gateway.create(wanted)
    refunding.pay(created, wanted)
    paid = refunding.gateway.status(refunding.placed(created, wanted))
    placed = refunding.placed(created, wanted, is_paid=True, transaction_id=paid.transaction_id)

    refunding.gateway.refund(placed, Decimal(40000), key="R1", reason="a day without service")

    standing = refunding.gateway.status(placed)
    assert (standing.status, standing.refunded) == ("paid", Decimal(40000))


@pytest.mark.parametrize("kind", ["xendit", "stripe"])
def test_an_order_that_is_cancelled_can_no_longer_be_paid(kind: str) -> None:
    with bench(kind) as made:
        wanted = order(kind)
        placed = made.placed(made.gateway.create(wanted), wanted)

        made.gateway.cancel(placed)

        assert made.gateway.status(placed).status == "expired"


def test_a_pending_midtrans_order_is_cancelled_and_one_that_nobody_began_lapses(midtrans: Bench) -> None:
    wanted = order("midtrans")
    placed = midtrans.placed(midtrans.gateway.create(wanted), wanted)
    midtrans.gateway.cancel(placed)
    assert midtrans.gateway.status(placed).status == UNKNOWN

    midtrans.server.become(wanted.order_id, "pending", "bank_transfer")
    midtrans.gateway.cancel(placed)
    assert midtrans.gateway.status(placed).status == "cancelled"

    midtrans.server.become(wanted.order_id, "settlement")
    with pytest.raises(Refused):
        midtrans.gateway.cancel(placed)


@pytest.mark.parametrize(
    ("word", "fraud", "status"),
    [
        ("settlement", "accept", "paid"),
        ("capture", "accept", "paid"),
        ("capture", "challenge", "held"),
        ("capture", "something new", "held"),
        ("pending", "accept", "pending"),
        ("deny", "accept", "failed"),
        ("failure", "accept", "failed"),
        ("cancel", "accept", "cancelled"),
        ("expire", "accept", "expired"),
        ("refund", "accept", "refunded"),
        ("partial_refund", "accept", "paid"),
        ("chargeback", "accept", CHARGED_BACK),
    ],
)
def test_every_word_of_midtrans_has_one_meaning(midtrans: Bench, word: str, fraud: str, status: str) -> None:
    wanted = order("midtrans")
    placed = midtrans.placed(midtrans.gateway.create(wanted), wanted)
    midtrans.server.become(wanted.order_id, word, fraud=fraud)

    assert midtrans.gateway.status(placed).status == status


def test_midtrans_is_sent_what_its_documentation_asks_for(midtrans: Bench) -> None:
    midtrans.gateway.create(order("midtrans", payer=Payer(name="Budi")))

    body = midtrans.server.asked[-1].body
    assert body["transaction_details"] == {"order_id": "INV-20261127-0001-K7QX2M", "gross_amount": 150000}
    assert body["item_details"][0]["name"] == "Rumah 20 (INV-20261127-0001)"
    assert body["credit_card"] == {"secure": True}
    assert body["customer_details"] == {"first_name": "Budi"}
    assert midtrans.server.asked[-1].headers["x-override-notification"].startswith("https://isp.example/webhooks/")


@pytest.mark.parametrize("amount", ["150000.50", "0", "0.4"])
def test_midtrans_is_never_asked_for_a_part_of_a_rupiah(midtrans: Bench, amount: str) -> None:
    with pytest.raises(Refused):
        midtrans.gateway.create(order("midtrans", amount=Decimal(amount)))

    assert not midtrans.server.asked


def test_stripe_counts_rupiah_in_sen_and_yen_whole(stripe: Bench) -> None:
    stripe.gateway.create(order("stripe"))
    stripe.gateway.create(order("stripe", order_id="INV-2", currency="JPY", amount=Decimal(1200)))

    asked = [one.body["line_items[0][price_data][unit_amount]"] for one in stripe.server.asked]
    assert asked == ["15000000", "1200"]


def test_an_order_sent_to_stripe_twice_is_there_once(stripe: Bench) -> None:
    first, second = stripe.gateway.create(order("stripe")), stripe.gateway.create(order("stripe"))

    assert first.reference == second.reference
    assert len(stripe.server.sessions) == 1


def test_a_disputed_card_payment_waits_for_a_person(stripe: Bench) -> None:
    wanted = order("stripe")
    placed = stripe.placed(stripe.gateway.create(wanted), wanted)
    stripe.server.pay(wanted.order_id).is_disputed = True

    assert stripe.gateway.status(placed).status == CHARGED_BACK


def test_a_refund_event_of_stripe_names_our_order(stripe: Bench) -> None:
    wanted = order("stripe")
    stripe.gateway.create(wanted)
    stripe.server.pay(wanted.order_id)
    told = stripe.server.notice(wanted.order_id, "charge.refunded")

    headers = {name.lower(): value for name, value in told.headers.items()}
    assert stripe.gateway.parse_webhook(headers, told.body, now=datetime.now(UTC)).order_id == wanted.order_id


@pytest.mark.parametrize(
    ("result", "status"),
    [("0", "paid"), ("1", "failed"), ("1032", "cancelled"), ("1037", "expired"), ("2001", "failed")],
)
def test_every_end_of_a_prompt_has_one_meaning(mpesa: Bench, result: str, status: str) -> None:
    wanted = order("mpesa")
    placed = mpesa.placed(mpesa.gateway.create(wanted), wanted)
    assert mpesa.gateway.status(placed).status == "pending"

    mpesa.server.answer_prompt(placed.reference, result)

    assert mpesa.gateway.status(placed).status == status


def test_mpesa_fetches_one_token_for_many_questions_and_a_new_one_when_it_was_taken_back(mpesa: Bench) -> None:
    wanted = order("mpesa")
    placed = mpesa.placed(mpesa.gateway.create(wanted), wanted)
    for _ in range(5):
        mpesa.gateway.status(placed)
    assert mpesa.server.questions("/oauth/") == 1

    mpesa.server.tokens.clear()
    assert mpesa.gateway.status(placed).status == "pending"
    assert mpesa.server.questions("/oauth/") == 2


@pytest.mark.parametrize(("amount", "phone"), [("100.50", "+254712345678"), ("100", None), ("100", "+628123456789")])
def test_mpesa_is_not_asked_for_what_it_cannot_do(mpesa: Bench, amount: str, phone: str | None) -> None:
    with pytest.raises(Refused):
        mpesa.gateway.create(order("mpesa", amount=Decimal(amount), payer=Payer(name="Otieno", phone=phone)))

    assert not mpesa.server.asked


def test_money_at_the_till_is_told_as_unproven(mpesa: Bench) -> None:
    told = mpesa.server.till_notice("RKTQDM7W6S", "1500.00", "CUST-2026110001")

    event = mpesa.gateway.parse_webhook({}, told.body, now=datetime.now(UTC))

    assert event.unproven is not None
    assert (event.unproven.amount, event.unproven.transaction_id) == (Decimal(1500), "RKTQDM7W6S")
    assert event.key == "c2b:RKTQDM7W6S"


def test_what_a_gateway_cannot_do_is_said_and_not_asked(mpesa: Bench) -> None:
    placed = mpesa.placed(mpesa.gateway.create(order("mpesa")), order("mpesa"))
    asked = len(mpesa.server.asked)

    for tried in (lambda: mpesa.gateway.cancel(placed), lambda: mpesa.gateway.refund(placed, 1, key="k", reason="")):
        with pytest.raises(NotOffered):
            tried()

    assert len(mpesa.server.asked) == asked


def test_a_transfer_shows_where_to_pay_and_believes_nobody() -> None:
    bank = {"bank": "BCA", "account_number": "1234567890", "account_name": "PT Contoh"}
    gateway = open_gateway("transfer", bank, is_production=True)

    created = gateway.create(order("midtrans"))

    assert created.instructions == {**bank, "reference": "INV-20261127-0001-K7QX2M"}
    with pytest.raises(WebhookRefused):
        gateway.parse_webhook({}, b"{}", now=datetime.now(UTC))


def test_the_wrong_key_is_told_from_a_gateway_that_is_down(any_bench: Bench) -> None:
    kind = any_bench.gateway.kind
    assert any_bench.gateway.probe()

    wrong = dict.fromkeys(SECRETS[kind], "SB-wrong")
    with pytest.raises(Refused):
        opened(kind, any_bench.server, **wrong).gateway.probe()


@pytest.mark.parametrize(
    ("kind", "key", "is_production", "is_wrong"),
    [
        ("midtrans", "SB-Mid-server-x", True, True),
        ("midtrans", "SB-Mid-server-x", False, False),
        ("midtrans", "Mid-server-x", True, False),
        ("stripe", "sk_live_x", False, True),
        ("stripe", "sk_test_x", True, True),
        ("xendit", "xnd_production_x", False, True),
        ("mpesa", "anything", True, False),
    ],
)
def test_a_key_of_the_other_world_is_noticed(kind: str, key: str, is_production: bool, is_wrong: bool) -> None:
    assert wrong_key(kind, {ABOUT[kind].main_key: key}, is_production=is_production) is is_wrong

"""Webhooks that the gateway did not send: ten thousand ways of making one, none of which gets in."""

import hashlib
import hmac
import json
import random
import string
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways import WebhookRefused, open_gateway
from gateways.strict import MAX_WEBHOOK_BYTES
from tests.unit.gateways.at_gateways import NOW, SECRETS

KEY = SECRETS["midtrans"]["server_key"]
TOKEN = SECRETS["xendit"]["callback_token"]
WHSEC = SECRETS["stripe"]["webhook_secret"]
MIDTRANS = open_gateway("midtrans", SECRETS["midtrans"], is_production=False)
XENDIT = open_gateway("xendit", SECRETS["xendit"], is_production=False)
STRIPE = open_gateway("stripe", SECRETS["stripe"], is_production=False)
MPESA = open_gateway("mpesa", {**SECRETS["mpesa"], "shortcode": "174379"}, is_production=False)

Forged = tuple[dict[str, str], bytes]


def sign(order_id: str, code: str, gross: str, key: str = KEY) -> str:
    return hashlib.sha512(f"{order_id}{code}{gross}{key}".encode()).hexdigest()


def midtrans_data(**over: Any) -> dict[str, Any]:
    data = {
        "order_id": "INV-1-ABC",
        "status_code": "200",
        "gross_amount": "150000.00",
        "transaction_status": "settlement",
        "fraud_status": "accept",
        "transaction_id": "57d5293c-e65f-4a29-95e4-5959c3fa335b",
        "signature_key": sign("INV-1-ABC", "200", "150000.00"),
    }
    return data | over


def is_accepted(gateway: Any, forged: Forged) -> bool:
    try:
        gateway.parse_webhook(*forged, now=NOW)
    except WebhookRefused:
        return False
    return True


def test_the_true_one_gets_in() -> None:
    assert is_accepted(MIDTRANS, ({}, json.dumps(midtrans_data()).encode()))
    assert is_accepted(XENDIT, ({"x-callback-token": TOKEN}, b'{"id": "a", "external_id": "b", "status": "PAID"}'))


def random_text(dice: random.Random, letters: str, longest: int) -> str:
    return "".join(dice.choice(letters) for _ in range(dice.randint(0, longest)))


def changed_fields(dice: random.Random) -> dict[str, Any]:
    """One or more signed fields, or the signature, changed after signing."""
    digits, word = string.digits, string.ascii_letters + string.digits + "-_.~ /\\\0é"
    over: dict[str, Any] = {}
    while not over:
        if dice.random() < 0.4:
            over["order_id"] = random_text(dice, word, 60)
        if dice.random() < 0.3:
            over["status_code"] = dice.choice([random_text(dice, digits, 4), 200, None, "２００", "200 ", "+200", ""])
        if dice.random() < 0.4:
            over["gross_amount"] = dice.choice(
                [
                    f"{dice.randint(0, 10**7)}.00",
                    "150000",
                    "150000.0",
                    "0150000.00",
                    "1.5e5",
                    "１５００００.００",
                    150000,
                    None,
                ]
            )
        if dice.random() < 0.4:
            over["signature_key"] = dice.choice(
                [
                    random_text(dice, "0123456789abcdef", 130),
                    sign("INV-1-ABC", "200", "150000.00", key=random_text(dice, word, 30)),
                    sign("INV-2-ABC", "200", "150000.00"),
                    sign("INV-1-ABC", "200", "150000.00").upper(),
                    "",
                    None,
                    0,
                    [],
                ]
            )
    return over


def forged_midtrans(count: int) -> Iterator[Forged]:
    dice = random.Random(20261127)
    made = 0
    while made < count:
        data = midtrans_data(**changed_fields(dice))
        names = ("order_id", "status_code", "gross_amount", "signature_key")
        if all(data[name] == midtrans_data()[name] for name in names):
            continue
        # The signature of other fields is the true one of a message that was never sent to us.
        if data["signature_key"] == sign(*(str(data[name]) for name in names[:3])):
            continue
        made += 1
        yield {}, json.dumps(data).encode()


def test_of_ten_thousand_altered_notifications_none_is_accepted() -> None:
    accepted = sum(is_accepted(MIDTRANS, forged) for forged in forged_midtrans(10_000))

    assert accepted == 0


def test_one_byte_more_less_or_other_in_ten_thousand_stripe_events_and_none_is_accepted() -> None:
    dice = random.Random(4)
    body = json.dumps(
        {"id": "evt_1", "type": "checkout.session.completed", "data": {"object": {"id": "cs_1"}}}
    ).encode()
    stamp = str(int(NOW.timestamp()))
    value = hmac.new(WHSEC.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    assert is_accepted(STRIPE, ({"stripe-signature": f"t={stamp},v1={value}"}, body))

    accepted = 0
    for _ in range(10_000):
        at, what = dice.randrange(len(body)), dice.random()
        byte = bytes([dice.randrange(256)])
        if what < 0.5:
            other, header = body[:at] + byte + body[at + 1 :], f"t={stamp},v1={value}"
        elif what < 0.7:
            other, header = body[:at] + byte + body[at:], f"t={stamp},v1={value}"
        else:
            other = body
            header = f"t={int(stamp) + dice.randint(1, 10**6)},v1={value}"
        accepted += (other != body or header != f"t={stamp},v1={value}") and is_accepted(
            STRIPE, ({"stripe-signature": header}, other)
        )

    assert accepted == 0


SIGNED = sign("INV-1-ABC", "200", "150000.00")


@pytest.mark.parametrize(
    "data",
    [
        # The bytes that are signed are the same; where one field ends is not.
        midtrans_data(order_id="INV-1-ABC2", status_code="001", gross_amount="50000.00"),
        midtrans_data(order_id="INV-1-AB", status_code="C20", gross_amount="0150000.00"),
        midtrans_data(order_id="INV-1-ABC", status_code="2001", gross_amount="50000.00"),
        midtrans_data(gross_amount="150000"),
        midtrans_data(gross_amount=150000),
        midtrans_data(status_code=200),
        midtrans_data(signature_key=""),
        midtrans_data(signature_key=SIGNED.upper()),
        midtrans_data(signature_key=SIGNED[:-1]),
        midtrans_data(order_id="INV-1-ABC\n"),
        midtrans_data(order_id="..", signature_key=sign("..", "200", "150000.00")),
        midtrans_data(order_id="a/b", signature_key=sign("a/b", "200", "150000.00")),
        midtrans_data(order_id=["INV-1-ABC"]),
        midtrans_data(transaction_status=None),
    ],
)
def test_what_is_signed_has_one_form_only(data: dict[str, Any]) -> None:
    assert not is_accepted(MIDTRANS, ({}, json.dumps(data).encode()))


def test_a_key_that_is_there_twice_is_refused_whatever_is_signed() -> None:
    body = json.dumps(midtrans_data())
    twice = body[:-1] + ', "transaction_status": "settlement"}'

    assert is_accepted(MIDTRANS, ({}, body.encode()))
    assert not is_accepted(MIDTRANS, ({}, twice.encode()))


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b'"x"', b"\xff", b"{", b"x" * (MAX_WEBHOOK_BYTES + 1), b"[" * 50_000]
)
@pytest.mark.parametrize("gateway", [MIDTRANS, XENDIT, STRIPE, MPESA], ids=lambda one: one.kind)
def test_what_is_no_message_is_refused_by_every_gateway(gateway: Any, body: bytes) -> None:
    stamp = str(int(NOW.timestamp()))
    signature = hmac.new(WHSEC.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    headers = {"x-callback-token": TOKEN, "stripe-signature": f"t={stamp},v1={signature}"}

    assert not is_accepted(gateway, (headers, body))


@pytest.mark.parametrize("token", ["", "x", TOKEN[:-1], TOKEN + " ", TOKEN.upper(), "é"])
def test_only_the_whole_token_opens_xendits_door(token: str) -> None:
    body = b'{"id": "a", "external_id": "b", "status": "PAID"}'

    assert not is_accepted(XENDIT, ({"x-callback-token": token}, body))
    assert not is_accepted(XENDIT, ({}, body))


def test_a_gateway_without_a_token_or_secret_accepts_nothing() -> None:
    bare = open_gateway("xendit", {"secret_key": "x"}, is_production=False)
    unsigned = open_gateway("stripe", {"secret_key": "x"}, is_production=False)
    value = hmac.new(b"", f"{int(NOW.timestamp())}.{{}}".encode(), hashlib.sha256).hexdigest()

    assert not is_accepted(bare, ({"x-callback-token": ""}, b"{}"))
    assert not is_accepted(unsigned, ({"stripe-signature": f"t={int(NOW.timestamp())},v1={value}"}, b"{}"))


def _old(age: timedelta) -> Callable[[], Forged]:
    def make() -> Forged:
        body = b'{"id": "evt_1", "type": "charge.refunded", "data": {"object": {}}}'
        stamp = str(int((NOW - age).timestamp()))
        value = hmac.new(WHSEC.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        return {"stripe-signature": f"t={stamp},v1=00,v1={value}"}, body

    return make


@pytest.mark.parametrize(
    ("age", "gets_in"),
    [
        (timedelta(0), True),
        (timedelta(seconds=290), True),
        (timedelta(seconds=310), False),
        (timedelta(seconds=-310), False),
        (timedelta(days=300), False),
    ],
)
def test_an_event_signed_long_ago_is_refused(age: timedelta, gets_in: bool) -> None:
    assert is_accepted(STRIPE, _old(age)()) is gets_in


@given(st.binary(max_size=300), st.dictionaries(st.sampled_from(["x-callback-token", "stripe-signature"]), st.text()))
def test_any_bytes_with_any_header_are_refused_and_nothing_else_happens(body: bytes, headers: dict[str, str]) -> None:
    for gateway in (MIDTRANS, XENDIT, STRIPE, MPESA):
        assert not is_accepted(gateway, (headers, body))

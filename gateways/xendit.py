"""Xendit: its invoices, with refunds.

A callback carries a fixed token and no signature over what it says, so whoever saw one could write another. It names
the invoice; what became of it is asked.
"""

import base64
import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from domain.gateway import ORDER_ID
from domain.money import digits_of, is_payable
from gateways.errors import Nonsense, Refused, WebhookRefused
from gateways.interface import UNKNOWN, Created, Event, Order, Placed, Refund, Standing
from gateways.strict import MAX_WEBHOOK_BYTES, Malformed, amount, digest, moment, optional_text, part, read_json, same
from gateways.strict import text as text_of
from gateways.wire import Recorder, Wire

HOST = "https://api.xendit.co"
CURRENCIES = ("IDR", "PHP", "THB", "VND", "MYR")
NAME = "Xendit"
_TOKEN_HEADER = "x-callback-token"  # noqa: S105 - the name of a header
_ID = re.compile(r"[A-Za-z0-9_-]{1,100}", re.ASCII)
_WORD = re.compile(r"[A-Za-z_.]{1,60}", re.ASCII)
_URL = re.compile(r"https?://[\x21-\x7e]{1,1900}", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_STATUSES = {"PENDING": "pending", "PAID": "paid", "SETTLED": "paid", "EXPIRED": "expired"}
_RETURNED = ("SUCCEEDED", "PENDING")


class Xendit:
    """One provider's account at Xendit. Test and live keys use the same host."""

    kind = "xendit"

    def __init__(self, *, secret_key: str, callback_token: str, record: Recorder, host: str | None) -> None:
        self._callback_token = callback_token
        key = base64.b64encode(f"{secret_key}:".encode()).decode()
        self._wire = Wire(host=host or HOST, name=NAME, headers={"authorization": f"Basic {key}"}, record=record)

    def create(self, order: Order) -> Created:
        """An invoice; the payer is sent to Xendit's page."""
        if order.currency not in CURRENCIES or not is_payable(order.amount, order.currency):
            raise Refused(f"{NAME} does not take this amount of {order.currency}")
        answer = self._wire.ask("create", "POST", "/v2/invoices", json=_invoice_body(order))
        try:
            return Created(
                reference=text_of(answer.data, "id", _ID),
                redirect_url=text_of(answer.data, "invoice_url", _URL),
                expires_at=moment(answer.data.get("expiry_date")),
            )
        except Malformed as error:
            raise Nonsense(f"{NAME} took the order without saying where it is paid ({error})") from None

    def status(self, placed: Placed) -> Standing:
        """What became of the invoice, and of refunds once it was paid."""
        answer = self._wire.ask("status_check", "GET", f"/v2/invoices/{placed.reference}", takes=(404,))
        if answer.status == 404:
            return Standing(status=UNKNOWN, word="not_found")
        try:
            refunded = self._refunded(placed) if placed.is_paid else Decimal(0)
            return _standing(answer.data, refunded)
        except Malformed as error:
            raise Nonsense(f"{NAME} answered a status that cannot be read ({error})") from None

    def cancel(self, placed: Placed) -> None:
        """Expire the invoice."""
        self._wire.ask("cancel", "POST", f"/invoices/{placed.reference}/expire!", json={})

    def refund(self, placed: Placed, amount: Decimal, *, key: str, reason: str) -> Refund:
        """Give back a part or all of a paid invoice."""
        body = {
            "invoice_id": placed.reference,
            "reference_id": key,
            "amount": _number(amount, placed.currency),
            "currency": placed.currency,
            "reason": "OTHERS",
            "metadata": {"reason": reason[:200]},
        }
        answer = self._wire.ask("refund", "POST", "/refunds", json=body, headers={"idempotency-key": key})
        word = answer.data.get("status")
        if word not in _RETURNED:
            raise Refused(f"{NAME} refused: {optional_text(answer.data, 'failure_code') or 'the refund failed'}")
        return Refund(reference=optional_text(answer.data, "id") or key, is_done=word == "SUCCEEDED")

    def parse_webhook(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> Event:
        """A callback with our token: of an invoice, or of a refund."""
        token = headers.get(_TOKEN_HEADER, "")
        if not self._callback_token or not same(self._callback_token, token):
            raise WebhookRefused("token")
        try:
            data = read_json(body, longest=MAX_WEBHOOK_BYTES)
            if "data" in data:
                refund = part(data, "data")
                invoice, claims = text_of(refund, "invoice_id", _ID), text_of(data, "event", _WORD)
                return Event(key=digest(body), claims=claims, reference=invoice)
            return Event(
                key=digest(body),
                claims=text_of(data, "status", _WORD),
                order_id=text_of(data, "external_id", ORDER_ID),
                reference=text_of(data, "id", _ID),
            )
        except Malformed as error:
            raise WebhookRefused(str(error)) from None

    def probe(self) -> str:
        """Ask for the balance."""
        self._wire.ask("test", "GET", "/balance")
        return f"{NAME} accepts the secret key."

    def _refunded(self, placed: Placed) -> Decimal:
        answer = self._wire.ask("status_check", "GET", f"/refunds?invoice_id={placed.reference}", takes=(404,))
        rows = answer.data.get("data", [])
        if not isinstance(rows, list):
            raise Malformed("refunds")
        given_back = [row for row in rows if isinstance(row, dict) and row.get("status") in _RETURNED]
        return sum((amount(row.get("amount")) for row in given_back), Decimal(0))


def _invoice_body(order: Order) -> dict[str, Any]:
    price = _number(order.amount, order.currency)
    payer = {"given_names": order.payer.name[:255], "email": order.payer.email, "mobile_number": order.payer.phone}
    return {
        "external_id": order.order_id,
        "amount": price,
        "currency": order.currency,
        "description": order.item[:255],
        "invoice_duration": order.lifetime_s,
        "customer": {name: value for name, value in payer.items() if value},
        "items": [{"name": order.item[:255], "quantity": 1, "price": price}],
        "success_redirect_url": order.finish_url,
        "failure_redirect_url": order.error_url,
    }


def _number(value: Decimal, currency: str) -> int | float:
    # JSON has one kind of number; a float shows a sum of two digits exactly as it is written here.
    return float(value) if digits_of(currency) else int(value)


def _standing(data: Mapping[str, Any], refunded: Decimal) -> Standing:
    word = text_of(data, "status", _WORD)
    if word not in _STATUSES:
        raise Malformed("status")
    total = amount(data.get("amount"))
    paid = data.get("paid_amount")
    status = _STATUSES[word]
    if status == "paid" and refunded and refunded >= total:
        status = "refunded"
    return Standing(
        status=status,
        word=word,
        order_id=text_of(data, "external_id", ORDER_ID),
        transaction_id=text_of(data, "id", _ID),
        amount=total if paid is None or status not in ("paid", "refunded") else amount(paid),
        currency=text_of(data, "currency", _CURRENCY),
        payment_type=_payment_type(data),
        paid_at=moment(data.get("paid_at")),
        refunded=refunded,
    )


def _payment_type(data: Mapping[str, Any]) -> str:
    """The wallet's own name where the method is only "a wallet"."""
    method = optional_text(data, "payment_method", longest=50)
    channel = optional_text(data, "payment_channel", longest=50)
    return (channel or method if method.upper() == "EWALLET" else method).lower()

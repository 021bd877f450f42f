"""Midtrans: Snap for paying, the Core API for status, cancel and refund.

The signature of a notification covers order, status code and amount, but neither `transaction_status` nor
`fraud_status`: one captured message can be given another meaning. So after the signature the status is asked for, and
only that answer counts.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from domain.gateway import ORDER_ID
from domain.money import is_payable
from gateways.errors import Nonsense, Refused, WebhookRefused
from gateways.interface import CHARGED_BACK, UNKNOWN, Created, Event, Order, Placed, Refund, Standing
from gateways.strict import (
    MAX_WEBHOOK_BYTES,
    Malformed,
    amount,
    digest,
    hours_east,
    moment,
    optional_text,
    read_json,
    same,
    text,
)
from gateways.wire import Answer, Recorder, Wire

SNAP = ("https://app.sandbox.midtrans.com", "https://app.midtrans.com")
CORE = ("https://api.sandbox.midtrans.com", "https://api.midtrans.com")
CURRENCY = "IDR"
NAME = "Midtrans"
_JAKARTA = hours_east(7)
_MAX_ITEM = 50

_STATUS_CODE = re.compile(r"[1-5][0-9]{2}", re.ASCII)
# Without leading zeros: a digit moved from one field to the next would leave the signed text as it is.
_GROSS = re.compile(r"(0|[1-9][0-9]{0,11})\.[0-9]{2}", re.ASCII)
_SIGNATURE = re.compile(r"[0-9a-f]{128}", re.ASCII)
_WORD = re.compile(r"[a-z_]{1,40}", re.ASCII)
_URL = re.compile(r"https?://[\x21-\x7e]{1,1900}", re.ASCII)

_STATUSES = {
    "settlement": "paid",
    "authorize": "pending",
    "pending": "pending",
    "deny": "failed",
    "failure": "failed",
    "cancel": "cancelled",
    "expire": "expired",
    "refund": "refunded",
    "partial_refund": "paid",
    "chargeback": CHARGED_BACK,
    "partial_chargeback": CHARGED_BACK,
}
# Nobody has begun to pay, so there is nothing to end.
_NOT_THERE = "404"


class Midtrans:
    """One provider's account at Midtrans."""

    kind = "midtrans"

    def __init__(self, *, server_key: str, is_production: bool, record: Recorder, host: str | None) -> None:
        self._server_key = server_key
        key = base64.b64encode(f"{server_key}:".encode()).decode()
        headers = {"authorization": f"Basic {key}"}
        snap, core = (host, host) if host else (SNAP[is_production], CORE[is_production])
        self._snap = Wire(host=snap, name=NAME, headers=headers, record=record)
        self._core = Wire(host=core, name=NAME, headers=headers, record=record)

    def create(self, order: Order) -> Created:
        """A Snap transaction; the payer is sent to Midtrans's page."""
        if order.currency != CURRENCY or not is_payable(order.amount, CURRENCY) or order.amount < 1:
            raise Refused(f"{NAME} takes whole rupiah only")
        # The address for notifications goes along, so that it need not be typed in at Midtrans.
        answer = self._snap.ask(
            "create",
            "POST",
            "/snap/v1/transactions",
            json=_snap_body(order),
            headers={"x-override-notification": order.notify_url},
        )
        try:
            return Created(reference=order.order_id, redirect_url=text(answer.data, "redirect_url", _URL))
        except Malformed:
            raise Nonsense(f"{NAME} took the order without saying where it is paid") from None

    def status(self, placed: Placed) -> Standing:
        """What became of the order."""
        answer = self._core.ask("status_check", "GET", f"/v2/{placed.order_id}/status", takes=(404,))
        return _standing(answer, placed.order_id)

    def cancel(self, placed: Placed) -> None:
        """Cancel what is pending or captured; an order that nobody began to pay lapses by itself."""
        answer = self._core.ask("cancel", "POST", f"/v2/{placed.order_id}/cancel", json={}, takes=(404,))
        code = answer.data.get("status_code")
        if code not in ("200", _NOT_THERE):
            raise Refused(f"{NAME} refused: {optional_text(answer.data, 'status_message')}")

    def refund(self, placed: Placed, amount: Decimal, *, key: str, reason: str) -> Refund:
        """Give back a part or all of what was settled."""
        body = {"refund_key": key, "amount": int(amount), "reason": reason[:200]}
        answer = self._core.ask("refund", "POST", f"/v2/{placed.order_id}/refund", json=body)
        if answer.data.get("status_code") not in ("200", "201"):
            raise Refused(f"{NAME} refused: {optional_text(answer.data, 'status_message')}")
        return Refund(reference=key, is_done=answer.data.get("status_code") == "200")

    def parse_webhook(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> Event:
        """A notification whose signature is right, with every signed field of exactly one form."""
        try:
            data = read_json(body, longest=MAX_WEBHOOK_BYTES)
            order_id = text(data, "order_id", ORDER_ID)
            code = text(data, "status_code", _STATUS_CODE)
            gross = text(data, "gross_amount", _GROSS)
            signature = text(data, "signature_key", _SIGNATURE)
            claims = text(data, "transaction_status", _WORD)
        except Malformed as error:
            raise WebhookRefused(str(error)) from None
        wanted = hashlib.sha512(f"{order_id}{code}{gross}{self._server_key}".encode()).hexdigest()
        if not same(wanted, signature):
            raise WebhookRefused("signature")
        return Event(key=digest(body), claims=claims, order_id=order_id)

    def probe(self) -> str:
        """Ask for an order that cannot be there: the wrong key is answered otherwise."""
        self._core.ask("test", "GET", "/v2/lintas-connection-test/status", takes=(404,))
        return f"{NAME} accepts the server key."


def _snap_body(order: Order) -> dict[str, Any]:
    price = int(order.amount)
    payer = {"first_name": order.payer.name[:255], "email": order.payer.email, "phone": order.payer.phone}
    return {
        "transaction_details": {"order_id": order.order_id, "gross_amount": price},
        "item_details": [{"id": order.account[:50], "price": price, "quantity": 1, "name": order.item[:_MAX_ITEM]}],
        "customer_details": {name: value for name, value in payer.items() if value},
        "credit_card": {"secure": True},
        "callbacks": {"finish": order.finish_url, "error": order.error_url, "pending": order.pending_url},
        "expiry": {"unit": "minutes", "duration": max(1, order.lifetime_s // 60)},
    }


def _standing(answer: Answer, order_id: str) -> Standing:
    data = answer.data
    if answer.status == 404 or data.get("status_code") == _NOT_THERE:
        return Standing(status=UNKNOWN, word="not_found")
    try:
        if text(data, "order_id", ORDER_ID) != order_id:
            raise Malformed("order_id")
        word = text(data, "transaction_status", _WORD)
        return Standing(
            status=_status(word, data.get("fraud_status")),
            word=word,
            order_id=order_id,
            transaction_id=optional_text(data, "transaction_id", longest=100),
            amount=amount(data.get("gross_amount")),
            # Older kinds of payment answer without one; Midtrans has no other.
            currency=optional_text(data, "currency", longest=3) or CURRENCY,
            payment_type=optional_text(data, "payment_type", longest=50),
            paid_at=moment(data.get("settlement_time") or data.get("transaction_time"), zone=_JAKARTA),
            refunded=_refunded(word, data),
        )
    except Malformed as error:
        raise Nonsense(f"{NAME} answered a status that cannot be read ({error})") from None


def _status(word: str, fraud: object) -> str:
    if word == "capture":
        # A challenge is decided by a person at Midtrans; anything new there is no yes either.
        return "paid" if fraud == "accept" else "held"
    if word not in _STATUSES:
        raise Malformed("transaction_status")
    return _STATUSES[word]


def _refunded(word: str, data: Mapping[str, Any]) -> Decimal:
    if word not in ("refund", "partial_refund"):
        return Decimal(0)
    told = data.get("refund_amount")
    return amount(told if told is not None else data.get("gross_amount"))

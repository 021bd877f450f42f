"""Stripe: Checkout for paying, over its HTTP API.

Webhooks are signed over their whole body and a time. They are asked about all the same: events come late and in any
order, and what the session is now is the one thing that matters.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from domain.gateway import ORDER_ID
from domain.money import is_payable
from gateways.errors import Nonsense, Refused, WebhookRefused
from gateways.interface import CHARGED_BACK, UNKNOWN, Created, Event, Order, Placed, Refund, Standing
from gateways.strict import MAX_WEBHOOK_BYTES, Malformed, moment, optional_text, part, read_json, same, text
from gateways.wire import Recorder, Wire

HOST = "https://api.stripe.com"
NAME = "Stripe"
TOLERANCE_S = 300
# Stripe's own list, which is not ours: it counts rupiah in sen.
_WHOLE = frozenset(
    ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"],
)
_SHORTEST_S, _LONGEST_S = 31 * 60, 24 * 3600 - 60
_ID = re.compile(r"[A-Za-z0-9_]{1,255}", re.ASCII)
_WORD = re.compile(r"[a-z_.]{1,80}", re.ASCII)
_URL = re.compile(r"https?://[\x21-\x7e]{1,1900}", re.ASCII)
_STAMP = re.compile(r"[0-9]{9,11}", re.ASCII)
_SIGNATURE = re.compile(r"[0-9a-f]{64}", re.ASCII)
_MAX_SIGNATURES, _MAX_HEADER = 8, 2000


class Stripe:
    """One provider's account at Stripe. Test and live keys use the same host."""

    kind = "stripe"

    def __init__(self, *, secret_key: str, webhook_secret: str, record: Recorder, host: str | None) -> None:
        self._webhook_secret = webhook_secret
        headers = {"authorization": f"Bearer {secret_key}"}
        self._wire = Wire(host=host or HOST, name=NAME, headers=headers, record=record)

    def create(self, order: Order) -> Created:
        """A Checkout session; the payer is sent to Stripe's page."""
        if not is_payable(order.amount, order.currency):
            raise Refused(f"{NAME} does not take this amount of {order.currency}")
        # Asked twice with the same key Stripe answers with the session that it has.
        answer = self._wire.ask(
            "create",
            "POST",
            "/v1/checkout/sessions",
            form=_session_form(order),
            headers={"idempotency-key": order.order_id},
        )
        try:
            return Created(
                reference=text(answer.data, "id", _ID),
                redirect_url=text(answer.data, "url", _URL),
                expires_at=moment(answer.data.get("expires_at")),
            )
        except Malformed as error:
            raise Nonsense(f"{NAME} took the order without saying where it is paid ({error})") from None

    def status(self, placed: Placed) -> Standing:
        """What became of the session, its payment and refunds."""
        path = f"/v1/checkout/sessions/{placed.reference}?expand[]=payment_intent.latest_charge"
        answer = self._wire.ask("status_check", "GET", path, takes=(404,))
        if answer.status == 404:
            return Standing(status=UNKNOWN, word="not_found")
        try:
            return _standing(answer.data)
        except Malformed as error:
            raise Nonsense(f"{NAME} answered a status that cannot be read ({error})") from None

    def cancel(self, placed: Placed) -> None:
        """Expire the session."""
        self._wire.ask("cancel", "POST", f"/v1/checkout/sessions/{placed.reference}/expire", form={})

    def refund(self, placed: Placed, amount: Decimal, *, key: str, reason: str) -> Refund:
        """Give back a part or all of the payment."""
        form = {
            "payment_intent": placed.transaction_id,
            "amount": str(_to_units(amount, placed.currency)),
            "reason": "requested_by_customer",
            "metadata[reason]": reason[:200],
        }
        answer = self._wire.ask("refund", "POST", "/v1/refunds", form=form, headers={"idempotency-key": key})
        word = answer.data.get("status")
        if word not in ("succeeded", "pending", "requires_action"):
            raise Refused(f"{NAME} refused: {optional_text(answer.data, 'failure_reason') or 'the refund failed'}")
        return Refund(reference=optional_text(answer.data, "id") or key, is_done=word == "succeeded")

    def parse_webhook(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> Event:
        """An event signed with our secret not long ago."""
        if len(body) > MAX_WEBHOOK_BYTES:
            raise WebhookRefused("too_long")
        self._check_signature(headers.get("stripe-signature", ""), body, now)
        try:
            data = read_json(body, longest=MAX_WEBHOOK_BYTES)
            about = part(part(data, "data"), "object")
            return Event(
                key=text(data, "id", _ID),
                claims=text(data, "type", _WORD),
                order_id=_order_named(about),
                reference=text(about, "id", _ID) if about.get("object") == "checkout.session" else None,
            )
        except Malformed as error:
            raise WebhookRefused(str(error)) from None

    def probe(self) -> str:
        """Ask for the balance."""
        self._wire.ask("test", "GET", "/v1/balance")
        return f"{NAME} accepts the secret key."

    def _check_signature(self, header: str, body: bytes, now: datetime) -> None:
        pairs = [piece.partition("=")[::2] for piece in header[:_MAX_HEADER].split(",")]
        stamps = [value for name, value in pairs if name.strip() == "t"]
        signatures = [value for name, value in pairs if name.strip() == "v1"][:_MAX_SIGNATURES]
        if len(stamps) != 1 or _STAMP.fullmatch(stamps[0]) is None or not self._webhook_secret:
            raise WebhookRefused("signature")
        wanted = hmac.new(self._webhook_secret.encode(), stamps[0].encode() + b"." + body, hashlib.sha256).hexdigest()
        # Every one is compared, also after one that fits: how long it takes tells nothing.
        fits = [_SIGNATURE.fullmatch(given) is not None and same(wanted, given) for given in signatures]
        if not any(fits):
            raise WebhookRefused("signature")
        if abs(now.timestamp() - int(stamps[0])) > TOLERANCE_S:
            raise WebhookRefused("too_old")


def _session_form(order: Order) -> dict[str, str]:
    ends = int(datetime.now(UTC).timestamp()) + min(max(order.lifetime_s, _SHORTEST_S), _LONGEST_S)
    form = {
        "mode": "payment",
        "client_reference_id": order.order_id,
        "metadata[order_id]": order.order_id,
        "payment_intent_data[metadata][order_id]": order.order_id,
        "line_items[0][quantity]": "1",
        "line_items[0][price_data][currency]": order.currency.lower(),
        "line_items[0][price_data][unit_amount]": str(_to_units(order.amount, order.currency)),
        "line_items[0][price_data][product_data][name]": order.item[:250],
        "success_url": order.finish_url,
        "cancel_url": order.pending_url,
        "expires_at": str(ends),
    }
    return form | ({"customer_email": order.payer.email} if order.payer.email else {})


def _to_units(value: Decimal, currency: str) -> int:
    return int(value.scaleb(0 if currency in _WHOLE else 2))


def _from_units(value: object, currency: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 10**14:
        raise Malformed("amount")
    return Decimal(value).scaleb(0 if currency in _WHOLE else -2)


def _order_named(about: Mapping[str, Any]) -> str | None:
    """Our order in a session, a payment or a charge: whatever was made for it carries its name."""
    metadata = about.get("metadata")
    named = metadata.get("order_id") if isinstance(metadata, Mapping) else None
    if named is None:
        return None
    return text({"order_id": named}, "order_id", ORDER_ID)


def _standing(data: Mapping[str, Any]) -> Standing:
    session, payment = text(data, "status", _WORD), text(data, "payment_status", _WORD)
    currency = text(data, "currency", re.compile(r"[a-z]{3}", re.ASCII)).upper()
    total = _from_units(data.get("amount_total"), currency)
    intent = data.get("payment_intent")
    intent = intent if isinstance(intent, Mapping) else {}
    charge = intent.get("latest_charge")
    charge = charge if isinstance(charge, Mapping) else {}
    refunded = _from_units(charge.get("amount_refunded", 0), currency)
    return Standing(
        status=_status(session, payment, is_refunded=bool(refunded) and refunded >= total, charge=charge),
        word=f"{session}/{payment}",
        order_id=text(data, "client_reference_id", ORDER_ID),
        transaction_id=optional_text(intent, "id", longest=100) or text(data, "id", _ID)[:100],
        amount=total,
        currency=currency,
        payment_type=_payment_type(charge),
        paid_at=moment(charge.get("created")),
        refunded=refunded,
    )


def _status(session: str, payment: str, *, is_refunded: bool, charge: Mapping[str, Any]) -> str:
    if charge.get("disputed") is True:
        return CHARGED_BACK
    if payment == "paid":
        return "refunded" if is_refunded else "paid"
    if session == "expired":
        return "expired"
    # Complete and unpaid: a transfer on its way, or one that failed, which Stripe tells by the charge.
    return "failed" if session == "complete" and charge.get("status") == "failed" else "pending"


def _payment_type(charge: Mapping[str, Any]) -> str:
    details = charge.get("payment_method_details")
    return optional_text(details, "type", longest=50) if isinstance(details, Mapping) else ""

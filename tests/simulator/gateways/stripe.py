"""Stripe as its documentation describes it: Checkout sessions, refunds, and events signed with a time."""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from dataclasses import dataclass, field
from typing import Any

from .base import Asked, Notice, PaymentServer, Reply, payer_page


@dataclass(kw_only=True)
class Session:
    """One Checkout session and its payment."""

    id: str
    order_id: str
    amount: int
    currency: str
    finish: str
    ends: int
    status: str = "open"
    payment_status: str = "unpaid"
    intent: str = ""
    refunded: int = 0
    is_disputed: bool = False
    refunds: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(kw_only=True)
class StripeServer(PaymentServer):
    """One account. `callback_url` is the endpoint that its owner registered."""

    secret_key: str = "sk_test_simulated"
    webhook_secret: str = "whsec_simulated"
    callback_url: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.sessions: dict[str, Session] = {}
        self.by_key: dict[str, str] = {}

    def of_order(self, order_id: str) -> Session:
        """The session for an order."""
        return next(found for found in self.sessions.values() if found.order_id == order_id)

    def pay(self, order_id: str) -> Session:
        """The customer pays."""
        with self.lock:
            found = self.of_order(order_id)
            found.status, found.payment_status = "complete", "paid"
            found.intent = found.intent or f"pi_{uuid.uuid4().hex[:24]}"
            return found

    def notice(self, order_id: str, kind: str = "checkout.session.completed", *, age_s: int = 0) -> Notice:
        """A signed event about an order; `age_s` is how long ago it was signed."""
        found = self.of_order(order_id)
        about = self._charge(found) if kind.startswith("charge.") else self._fields(found)
        event = {
            "id": f"evt_{uuid.uuid4().hex[:24]}",
            "object": "event",
            "type": kind,
            "created": int(self.now().timestamp()),
            "data": {"object": about},
        }
        return self.signed(json.dumps(event).encode(), int(self.now().timestamp()) - age_s)

    def signed(self, body: bytes, stamp: int) -> Notice:
        """A body with its documented signature."""
        value = hmac.new(self.webhook_secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        headers = {"Content-Type": "application/json", "Stripe-Signature": f"t={stamp},v1={value},v0=ignored"}
        return Notice(headers=headers, body=body, url=self.callback_url)

    def answer(self, asked: Asked) -> Reply:
        if asked.headers.get("authorization") != f"Bearer {self.secret_key}":
            return 401, {"error": {"type": "invalid_request_error", "message": "Invalid API Key provided"}}
        if (asked.method, asked.path) == ("POST", "/v1/checkout/sessions"):
            return self._create(asked)
        if (asked.method, asked.path) == ("GET", "/v1/balance"):
            return 200, {"object": "balance", "available": []}
        if (asked.method, asked.path) == ("POST", "/v1/refunds"):
            return self._refund(asked)
        parts = asked.path.strip("/").split("/")
        found = self.sessions.get(parts[3]) if len(parts) > 3 else None
        if found is None:
            return 404, {"error": {"type": "invalid_request_error", "message": "No such checkout session"}}
        if asked.method == "POST" and parts[-1] == "expire":
            return self._expire(found)
        return 200, self._fields(found)

    def _create(self, asked: Asked) -> Reply:
        body, key = asked.body, asked.headers.get("idempotency-key", "")
        if key in self.by_key:
            return 200, self._fields(self.sessions[self.by_key[key]])
        unit = body.get("line_items[0][price_data][unit_amount]", "")
        lasts = int(body.get("expires_at", "0")) - int(self.now().timestamp())
        if not unit.isdecimal() or not 1800 <= lasts <= 86400:
            return 400, {"error": {"type": "invalid_request_error", "message": "Invalid integer or expires_at"}}
        made = Session(
            id=f"cs_test_{uuid.uuid4().hex}",
            order_id=body.get("client_reference_id", ""),
            amount=int(unit),
            currency=body.get("line_items[0][price_data][currency]", ""),
            finish=body.get("success_url", ""),
            ends=int(body["expires_at"]),
        )
        self.sessions[made.id] = made
        self.by_key[key] = made.id
        return 200, self._fields(made)

    def _expire(self, found: Session) -> Reply:
        if found.status != "open":
            message = "Only Checkout Sessions with a status in [open] can be expired."
            return 400, {"error": {"type": "invalid_request_error", "message": message}}
        found.status = "expired"
        return 200, self._fields(found)

    def _refund(self, asked: Asked) -> Reply:
        body, key = asked.body, asked.headers.get("idempotency-key", uuid.uuid4().hex)
        found = next((one for one in self.sessions.values() if one.intent == body.get("payment_intent")), None)
        if found is None or not found.intent:
            return 404, {"error": {"type": "invalid_request_error", "message": "No such payment_intent"}}
        if key in found.refunds:
            return 200, found.refunds[key]
        amount = int(body.get("amount", found.amount - found.refunded))
        if found.refunded + amount > found.amount:
            return 400, {"error": {"type": "invalid_request_error", "message": "Refund amount is greater than charge"}}
        found.refunded += amount
        made = {"id": f"re_{uuid.uuid4().hex[:24]}", "object": "refund", "amount": amount, "status": "succeeded"}
        found.refunds[key] = made
        return 200, made

    def _charge(self, found: Session) -> dict[str, Any]:
        return {
            "id": f"ch_{found.intent[3:]}",
            "object": "charge",
            "amount": found.amount,
            "amount_refunded": found.refunded,
            "refunded": found.refunded == found.amount,
            "disputed": found.is_disputed,
            "status": "succeeded",
            "created": int(self.now().timestamp()),
            "metadata": {"order_id": found.order_id},
            "payment_method_details": {"type": "card"},
        }

    def _fields(self, found: Session) -> dict[str, Any]:
        intent = {"id": found.intent, "object": "payment_intent", "latest_charge": self._charge(found)}
        return {
            "id": found.id,
            "object": "checkout.session",
            "status": found.status,
            "payment_status": found.payment_status,
            "amount_total": found.amount,
            "currency": found.currency,
            "client_reference_id": found.order_id,
            "metadata": {"order_id": found.order_id},
            "payment_intent": intent if found.intent else None,
            "expires_at": found.ends,
            "url": f"{self.url}/c/pay/{found.id}" if found.status == "open" else None,
        }

    def page(self, asked: Asked) -> tuple[int, str, str] | None:
        found = self.sessions.get(asked.path.removeprefix("/c/pay/"))
        if not asked.path.startswith("/c/pay/") or found is None:
            return None
        if asked.method == "GET":
            return 200, payer_page("Stripe", found.order_id, f"{found.currency} {found.amount}", asked.path), ""
        if asked.body.get("do") == "pay":
            self.pay(found.order_id)
            self.deliver(self.notice(found.order_id))
        return 303, "", found.finish

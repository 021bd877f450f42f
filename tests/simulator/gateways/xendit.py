"""Xendit as its documentation describes it: invoices, expiry, refunds, and callbacks with a fixed token."""

from __future__ import annotations

import base64
import json
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from .base import Asked, Notice, PaymentServer, Reply, payer_page


@dataclass(kw_only=True)
class Invoice:
    """One invoice and what became of it."""

    id: str
    external_id: str
    amount: float
    currency: str
    finish: str
    ends: datetime
    status: str = "PENDING"
    paid_amount: float | None = None
    method: str = ""
    channel: str = ""
    paid_at: str = ""
    refunds: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(kw_only=True)
class XenditServer(PaymentServer):
    """One account. `callback_url` is what its owner typed into Xendit's settings."""

    secret_key: str = "xnd_development_simulated"
    callback_token: str = "callback-token-simulated"
    callback_url: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.invoices: dict[str, Invoice] = {}

    def of_order(self, external_id: str) -> Invoice:
        """The invoice for an order."""
        return next(found for found in self.invoices.values() if found.external_id == external_id)

    def pay(self, external_id: str, method: str = "BANK_TRANSFER", channel: str = "BCA") -> Invoice:
        """The customer pays."""
        with self.lock:
            found = self.of_order(external_id)
            found.status, found.method, found.channel, found.paid_amount = "PAID", method, channel, found.amount
            found.paid_at = self._stamp()
            return found

    def become(self, external_id: str, status: str) -> Invoice:
        """Put an invoice into any status."""
        with self.lock:
            found = self.of_order(external_id)
            found.status = status
            return found

    def sold_elsewhere(self, external_id: str, amount: float) -> Invoice:
        """An invoice of the same account that we know nothing of."""
        with self.lock:
            made = self._made(external_id, amount, "IDR", "", 86400)
        self.pay(external_id)
        return made

    def notice(self, external_id: str, **over: Any) -> Notice:
        """The callback of what the invoice is now."""
        found = self.of_order(external_id)
        data = {
            "id": found.id,
            "external_id": found.external_id,
            "user_id": "5781d19b2e2385880609791c",
            "is_high": False,
            "payment_method": found.method,
            "payment_channel": found.channel,
            "status": found.status,
            "merchant_name": "Simulated",
            "amount": found.amount,
            "paid_amount": found.paid_amount or 0,
            "paid_at": found.paid_at,
            "currency": found.currency,
        }
        return self._signed(data | over)

    def refund_notice(self, external_id: str) -> Notice:
        """The callback of the last refund."""
        found = self.of_order(external_id)
        last = list(found.refunds.values())[-1]
        return self._signed({"event": "refund.succeeded", "business_id": "b", "created": self._stamp(), "data": last})

    def answer(self, asked: Asked) -> Reply:
        if asked.headers.get("authorization") != "Basic " + base64.b64encode(f"{self.secret_key}:".encode()).decode():
            return 401, {"error_code": "INVALID_API_KEY", "message": "API key is not authorized for this API service"}
        parts = asked.path.strip("/").split("/")
        if (asked.method, asked.path) == ("POST", "/v2/invoices"):
            return self._create(asked.body)
        if (asked.method, asked.path) == ("GET", "/balance"):
            return 200, {"balance": 1241231}
        if asked.path == "/refunds":
            return self._refund(asked.body) if asked.method == "POST" else self._refunds(asked)
        found = self.invoices.get(parts[-1] if asked.method == "GET" else parts[1] if len(parts) > 1 else "")
        if found is None:
            return 404, {"error_code": "INVOICE_NOT_FOUND_ERROR", "message": "Could not find invoice"}
        if asked.method == "POST" and parts[-1] == "expire!":
            return self._expire(found)
        return 200, self._fields(found)

    def _create(self, body: dict[str, Any]) -> Reply:
        external_id, amount = body.get("external_id"), body.get("amount")
        if not isinstance(external_id, str) or not external_id or not isinstance(amount, int | float) or amount <= 0:
            return 400, {"error_code": "API_VALIDATION_ERROR", "message": "amount is required"}
        made = self._made(
            external_id,
            amount,
            body.get("currency", "IDR"),
            body.get("success_redirect_url", ""),
            body.get("invoice_duration", 86400),
        )
        return 200, self._fields(made)

    def _made(self, external_id: str, amount: float, currency: str, finish: str, lasts_s: int) -> Invoice:
        made = Invoice(
            id=uuid.uuid4().hex[:24],
            external_id=external_id,
            amount=amount,
            currency=currency,
            finish=finish,
            ends=self.now() + timedelta(seconds=lasts_s),
        )
        self.invoices[made.id] = made
        return made

    def _expire(self, found: Invoice) -> Reply:
        if found.status != "PENDING":
            return 400, {"error_code": "INVOICE_ALREADY_PAID", "message": "Invoice is already paid or expired"}
        found.status = "EXPIRED"
        return 200, self._fields(found)

    def _refund(self, body: dict[str, Any]) -> Reply:
        found, key = self.invoices.get(body.get("invoice_id", "")), body.get("reference_id", "")
        if found is None or found.status not in ("PAID", "SETTLED"):
            return 400, {"error_code": "INELIGIBLE_TRANSACTION", "message": "This transaction cannot be refunded"}
        if key in found.refunds:
            return 200, found.refunds[key]
        given = sum(row["amount"] for row in found.refunds.values())
        if given + body["amount"] > found.amount:
            return 400, {"error_code": "MAXIMUM_REFUND_AMOUNT_REACHED", "message": "The amount is more than is left"}
        found.refunds[key] = {
            "id": f"rfd-{uuid.uuid4()}",
            "invoice_id": found.id,
            "reference_id": key,
            "amount": body["amount"],
            "currency": found.currency,
            "status": "SUCCEEDED",
            "reason": body.get("reason"),
        }
        return 200, found.refunds[key]

    def _refunds(self, asked: Asked) -> Reply:
        found = self.invoices.get(asked.query.get("invoice_id", [""])[0])
        return 200, {"data": list(found.refunds.values()) if found else [], "has_more": False}

    def _fields(self, found: Invoice) -> dict[str, Any]:
        data: dict[str, Any] = {
            "id": found.id,
            "external_id": found.external_id,
            "status": found.status,
            "amount": found.amount,
            "currency": found.currency,
            "invoice_url": f"{self.url}/web/{found.id}",
            "expiry_date": found.ends.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "merchant_name": "Simulated",
        }
        if found.paid_at:
            data |= {
                "payment_method": found.method,
                "payment_channel": found.channel,
                "paid_amount": found.paid_amount,
                "paid_at": found.paid_at,
            }
        return data

    def _signed(self, data: dict[str, Any]) -> Notice:
        headers = {"Content-Type": "application/json", "X-Callback-Token": self.callback_token}
        return Notice(headers=headers, body=json.dumps(data).encode(), url=self.callback_url)

    def _stamp(self) -> str:
        return self.now().strftime("%Y-%m-%dT%H:%M:%S.000Z")

    def page(self, asked: Asked) -> tuple[int, str, str] | None:
        found = self.invoices.get(asked.path.removeprefix("/web/"))
        if not asked.path.startswith("/web/") or found is None:
            return None
        if asked.method == "GET":
            return 200, payer_page("Xendit", found.external_id, f"{found.currency} {found.amount:,}", asked.path), ""
        if asked.body.get("do") == "pay":
            self.pay(found.external_id, "EWALLET", "OVO")
            self.deliver(self.notice(found.external_id))
        return 303, "", found.finish

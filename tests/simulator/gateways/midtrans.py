"""Midtrans as its documentation describes it: Snap, status, cancel, refund, and signed notifications."""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from .base import Asked, Notice, PaymentServer, Reply, east, payer_page

_JAKARTA = east(7)
# As the documentation has them: the code that a notification with this status carries.
_CODES = {
    "settlement": "200",
    "capture": "200",
    "pending": "201",
    "deny": "202",
    "expire": "407",
    "cancel": "200",
    "refund": "200",
    "partial_refund": "200",
    "chargeback": "200",
    "failure": "500",
}


@dataclass(kw_only=True)
class Transaction:
    """One order and what became of it; `status` empty until somebody begins to pay."""

    order_id: str
    gross: int
    finish: str
    notify: str
    ends: datetime
    transaction_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = ""
    payment_type: str = "bank_transfer"
    fraud: str = "accept"
    currency: str = "IDR"
    refunded: int = 0
    refund_keys: dict[str, int] = field(default_factory=dict)
    at: str = ""


@dataclass(kw_only=True)
class MidtransServer(PaymentServer):
    """One merchant's account."""

    server_key: str = "SB-Mid-server-simulated"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.transactions: dict[str, Transaction] = {}
        self.tokens: dict[str, str] = {}

    # -- what the customer or the bank does ------------------------------------------------------------------------

    def pay(self, order_id: str, payment_type: str = "bank_transfer") -> Transaction:
        """The customer pays: cards are captured first, everything else is settled at once."""
        return self.become(order_id, "capture" if payment_type == "credit_card" else "settlement", payment_type)

    def become(self, order_id: str, status: str, payment_type: str = "", *, fraud: str = "accept") -> Transaction:
        """Put an order into any status."""
        with self.lock:
            found = self.transactions[order_id]
            found.status, found.fraud = status, fraud
            found.payment_type = payment_type or found.payment_type
            found.at = self.now().astimezone(_JAKARTA).strftime("%Y-%m-%d %H:%M:%S")
            return found

    def sold_elsewhere(self, order_id: str, gross: int, status: str = "settlement") -> Transaction:
        """A payment of the same account that we know nothing of: a shop, or an order of another system."""
        ends = self.now() + timedelta(days=1)
        with self.lock:
            self.transactions[order_id] = Transaction(order_id=order_id, gross=gross, finish="", notify="", ends=ends)
        return self.become(order_id, status)

    # -- notifications ---------------------------------------------------------------------------------------------

    def notice(self, order_id: str, **over: Any) -> Notice:
        """The signed notification of what the order is now; `over` replaces fields after signing."""
        found = self.transactions[order_id]
        data = {"transaction_time": found.at, **self._fields(found)}
        data["signature_key"] = self.sign(data["order_id"], data["status_code"], data["gross_amount"])
        return Notice(
            headers={"Content-Type": "application/json"}, body=json.dumps(data | over).encode(), url=found.notify
        )

    def sign(self, order_id: str, status_code: str, gross_amount: str) -> str:
        """The documented signature."""
        return hashlib.sha512(f"{order_id}{status_code}{gross_amount}{self.server_key}".encode()).hexdigest()

    # -- the API ---------------------------------------------------------------------------------------------------

    def answer(self, asked: Asked) -> Reply:
        if asked.headers.get("authorization") != "Basic " + base64.b64encode(f"{self.server_key}:".encode()).decode():
            return 401, {"status_code": "401", "error_messages": ["Access denied due to unauthorized transaction"]}
        if (asked.method, asked.path) == ("POST", "/snap/v1/transactions"):
            return self._create(asked)
        parts = asked.path.strip("/").split("/")
        if len(parts) == 3 and parts[0] == "v2":
            return self._about(asked, parts[1], parts[2])
        return 404, {"status_code": "404", "status_message": "The requested resource is not found"}

    def _create(self, asked: Asked) -> Reply:
        details = asked.body.get("transaction_details", {})
        order_id, gross = details.get("order_id"), details.get("gross_amount")
        if not isinstance(order_id, str) or not 1 <= len(order_id) <= 50 or not isinstance(gross, int) or gross < 1:
            return 400, {"error_messages": ["transaction_details.gross_amount is not a number"]}
        items = asked.body.get("item_details", [])
        if items and sum(item["price"] * item["quantity"] for item in items) != gross:
            return 400, {"error_messages": ["transaction_details.gross_amount is not equal to the sum of item_details"]}
        if order_id in self.transactions:
            return 400, {"error_messages": ["transaction_details.order_id has already been taken"]}
        lasts = asked.body.get("expiry", {}).get("duration", 1440)
        self.transactions[order_id] = Transaction(
            order_id=order_id,
            gross=gross,
            finish=asked.body.get("callbacks", {}).get("finish", ""),
            notify=asked.headers.get("x-override-notification", ""),
            ends=self.now() + timedelta(minutes=lasts),
        )
        token = str(uuid.uuid4())
        self.tokens[token] = order_id
        return 201, {"token": token, "redirect_url": f"{self.url}/snap/v4/redirection/{token}"}

    def _about(self, asked: Asked, order_id: str, what: str) -> Reply:
        found = self.transactions.get(order_id)
        if found is None or not found.status:
            return 404, {"status_code": "404", "status_message": "Transaction doesn't exist."}
        if (asked.method, what) == ("GET", "status"):
            return 200, self._fields(found)
        if (asked.method, what) == ("POST", "cancel"):
            return self._cancel(found)
        if (asked.method, what) == ("POST", "refund"):
            return self._refund(found, asked.body)
        return 404, {"status_code": "404", "status_message": "The requested resource is not found"}

    def _cancel(self, found: Transaction) -> Reply:
        if found.status not in ("pending", "capture", "authorize"):
            return 412, {"status_code": "412", "status_message": "Transaction status cannot be updated."}
        self.become(found.order_id, "cancel")
        return 200, self._fields(found)

    def _refund(self, found: Transaction, body: dict[str, Any]) -> Reply:
        key, amount = body.get("refund_key", str(uuid.uuid4())), body.get("amount", found.gross)
        if key in found.refund_keys:
            return 200, self._fields(found) | {"refund_key": key, "refund_amount": f"{found.refunded}.00"}
        if found.status not in ("settlement", "partial_refund") or found.refunded + amount > found.gross:
            return 412, {"status_code": "412", "status_message": "Transaction status cannot be updated."}
        found.refund_keys[key] = amount
        found.refunded += amount
        self.become(found.order_id, "refund" if found.refunded == found.gross else "partial_refund")
        return 200, self._fields(found) | {"refund_key": key}

    def _fields(self, found: Transaction) -> dict[str, Any]:
        data = {
            "status_code": _CODES[found.status],
            "status_message": "Success, transaction is found",
            "transaction_id": found.transaction_id,
            "order_id": found.order_id,
            "gross_amount": f"{found.gross}.00",
            "currency": found.currency,
            "payment_type": found.payment_type,
            "transaction_status": found.status,
            "transaction_time": found.at,
            "fraud_status": found.fraud,
            "merchant_id": "G000000000",
        }
        if found.status in ("settlement", "refund", "partial_refund"):
            data["settlement_time"] = found.at
        return data | ({"refund_amount": f"{found.refunded}.00"} if found.refunded else {})

    # -- the payer's page ------------------------------------------------------------------------------------------

    def page(self, asked: Asked) -> tuple[int, str, str] | None:
        prefix = "/snap/v4/redirection/"
        found = self.transactions.get(self.tokens.get(asked.path.removeprefix(prefix), ""))
        if not asked.path.startswith(prefix) or found is None:
            return None
        if asked.method == "GET":
            return 200, payer_page("Midtrans", found.order_id, f"Rp{found.gross:,}", asked.path), ""
        if asked.body.get("do") == "pay":
            self.pay(found.order_id, "qris")
            self.deliver(self.notice(found.order_id))
        return 303, "", f"{found.finish}{'&' if '?' in found.finish else '?'}order_id={found.order_id}"

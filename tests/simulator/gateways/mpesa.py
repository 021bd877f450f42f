"""Daraja as its documentation describes it: tokens, prompts on phones, their query, callbacks, and the till's C2B."""

from __future__ import annotations

import base64
import json
import uuid
from dataclasses import dataclass
from typing import Any

from .base import Asked, Notice, PaymentServer, Reply

OPEN = {"errorCode": "500.001.1001", "errorMessage": "The transaction is being processed"}
_WORDS = {
    "0": "The service request is processed successfully.",
    "1": "The balance is insufficient for the transaction.",
    "1032": "Request cancelled by user",
    "1037": "DS timeout user cannot be reached",
}


@dataclass(kw_only=True)
class Prompt:
    """One prompt on a phone; `result` empty while nobody answered."""

    checkout_id: str
    merchant_id: str
    amount: int
    phone: str
    account: str
    callback: str
    result: str = ""
    receipt: str = ""


@dataclass(kw_only=True)
class MpesaServer(PaymentServer):
    """One paybill. `tokens_last_s` is what it says of its tokens."""

    consumer_key: str = "consumer-simulated"
    consumer_secret: str = "consumer-secret-simulated"
    passkey: str = "passkey-simulated"
    shortcode: str = "174379"
    tokens_last_s: int = 3599

    def __post_init__(self) -> None:
        super().__post_init__()
        self.prompts: dict[str, Prompt] = {}
        self.tokens: set[str] = set()

    def last(self) -> Prompt:
        """The newest prompt."""
        return list(self.prompts.values())[-1]

    def answer_prompt(self, checkout_id: str, result: str = "0") -> Prompt:
        """The payer answers on his phone: 0 paid, 1032 refused, 1037 not reached, 1 without money."""
        with self.lock:
            found = self.prompts[checkout_id]
            found.result = result
            found.receipt = uuid.uuid4().hex[:10].upper() if result == "0" else ""
            return found

    def notice(self, checkout_id: str, **over: Any) -> Notice:
        """The callback of a prompt: unsigned, as the real one is."""
        found = self.prompts[checkout_id]
        told: dict[str, Any] = {
            "MerchantRequestID": found.merchant_id,
            "CheckoutRequestID": found.checkout_id,
            "ResultCode": int(found.result or 0),
            "ResultDesc": _WORDS.get(found.result, ""),
        }
        if found.result == "0":
            items = {"Amount": found.amount, "MpesaReceiptNumber": found.receipt, "PhoneNumber": int(found.phone)}
            told["CallbackMetadata"] = {"Item": [{"Name": name, "Value": value} for name, value in items.items()]}
        body = json.dumps({"Body": {"stkCallback": told | over}}).encode()
        return Notice(headers={"Content-Type": "application/json"}, body=body, url=found.callback)

    def till_notice(self, receipt: str, amount: str, account: str, url: str = "") -> Notice:
        """The confirmation of a payment at the till."""
        data = {
            "TransactionType": "Pay Bill",
            "TransID": receipt,
            "TransTime": self.now().strftime("%Y%m%d%H%M%S"),
            "TransAmount": amount,
            "BusinessShortCode": self.shortcode,
            "BillRefNumber": account,
            "MSISDN": "2547 ***** 126",
            "FirstName": "NICHOLAS",
        }
        return Notice(headers={"Content-Type": "application/json"}, body=json.dumps(data).encode(), url=url)

    def answer(self, asked: Asked) -> Reply:
        if asked.path == "/oauth/v1/generate":
            return self._token(asked)
        if asked.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return 401, {"errorCode": "404.001.03", "errorMessage": "Invalid Access Token"}
        if asked.path == "/mpesa/stkpush/v1/processrequest":
            return self._push(asked.body)
        if asked.path == "/mpesa/stkpushquery/v1/query":
            return self._query(asked.body)
        return 404, {"errorCode": "404.001.01", "errorMessage": "Resource not found"}

    def _token(self, asked: Asked) -> Reply:
        login = base64.b64encode(f"{self.consumer_key}:{self.consumer_secret}".encode()).decode()
        if asked.headers.get("authorization") != f"Basic {login}":
            return 400, {"errorCode": "400.008.01", "errorMessage": "Invalid Authentication passed"}
        token = uuid.uuid4().hex
        self.tokens.add(token)
        return 200, {"access_token": token, "expires_in": str(self.tokens_last_s)}

    def _is_right(self, body: dict[str, Any]) -> bool:
        wanted = f"{self.shortcode}{self.passkey}{body.get('Timestamp')}"
        return body.get("Password") == base64.b64encode(wanted.encode()).decode()

    def _push(self, body: dict[str, Any]) -> Reply:
        if not self._is_right(body):
            return 400, {"errorCode": "500.001.1001", "errorMessage": "Wrong credentials"}
        if not isinstance(body.get("Amount"), int) or len(body.get("AccountReference", "")) > 12:
            return 400, {"errorCode": "400.002.02", "errorMessage": "Bad Request - Invalid Amount"}
        made = Prompt(
            checkout_id=f"ws_CO_{uuid.uuid4().hex}",
            merchant_id=uuid.uuid4().hex[:20],
            amount=body["Amount"],
            phone=str(body["PhoneNumber"]),
            account=body["AccountReference"],
            callback=body["CallBackURL"],
        )
        self.prompts[made.checkout_id] = made
        return 200, {
            "MerchantRequestID": made.merchant_id,
            "CheckoutRequestID": made.checkout_id,
            "ResponseCode": "0",
            "ResponseDescription": "Success. Request accepted for processing",
            "CustomerMessage": "Success. Request accepted for processing",
        }

    def _query(self, body: dict[str, Any]) -> Reply:
        found = self.prompts.get(str(body.get("CheckoutRequestID")))
        if not self._is_right(body) or found is None:
            return 400, {"errorCode": "400.002.02", "errorMessage": "Bad Request - Invalid CheckoutRequestID"}
        if not found.result:
            return 500, dict(OPEN)
        return 200, {
            "ResponseCode": "0",
            "ResponseDescription": "The service request has been accepted successsfully",
            "MerchantRequestID": found.merchant_id,
            "CheckoutRequestID": found.checkout_id,
            "ResultCode": found.result,
            "ResultDesc": _WORDS.get(found.result, ""),
        }

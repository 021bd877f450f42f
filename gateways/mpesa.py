"""M-Pesa through Safaricom's Daraja: a prompt on the payer's phone (STK push) and payments at the till (C2B).

Callbacks are not signed and carry no secret. That of a prompt only makes us ask, by the number that Daraja gave us over
TLS; the query says whether it was paid, and the amount is the one that we prompted for. A C2B confirmation proves
nothing and cannot be asked about at once, so it waits for a person who sees the till's statement.
"""

import base64
import hashlib
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from gateways.errors import Nonsense, NotOffered, Refused, WebhookRefused
from gateways.interface import UNKNOWN, Created, Event, Order, Placed, Refund, Standing
from gateways.strict import (
    MAX_WEBHOOK_BYTES,
    Malformed,
    amount,
    digest,
    hours_east,
    optional_text,
    part,
    read_json,
    text,
)
from gateways.wire import Answer, Recorder, Wire

HOSTS = ("https://sandbox.safaricom.co.ke", "https://api.safaricom.co.ke")
CURRENCY = "KES"
NAME = "M-Pesa"
_NAIROBI = hours_east(3)
_PHONE = re.compile(r"\+?(254[17][0-9]{8})", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9_-]{1,100}", re.ASCII)
_RECEIPT = re.compile(r"[A-Z0-9]{6,20}", re.ASCII)
_CODE = re.compile(r"-?[0-9]{1,6}", re.ASCII)
_ACCOUNT, _DESCRIPTION = 12, 13
# Daraja says so of a prompt that is still on the phone; the HTTP status is 500.
_STILL_OPEN = frozenset({"500.001.1001", "500.001.1001.01"})
# Cancelled by the payer; nobody answered; the prompt lapsed.
_RESULTS = {"0": "paid", "1032": "cancelled", "1037": "expired", "1019": "expired", "4999": "pending"}
_EARLIER_S = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class _Token:
    value: str
    until: float


_tokens: dict[str, _Token] = {}
_tokens_lock = threading.Lock()
_MAX_TOKENS = 100


class Mpesa:
    """One provider's paybill or till."""

    kind = "mpesa"

    def __init__(
        self,
        *,
        consumer_key: str,
        consumer_secret: str,
        passkey: str,
        shortcode: str,
        till: str,
        is_production: bool,
        record: Recorder,
        host: str | None,
    ) -> None:
        self._passkey, self._shortcode, self._till = passkey, shortcode, till
        self._host, self._record = host or HOSTS[is_production], record
        self._login = base64.b64encode(f"{consumer_key}:{consumer_secret}".encode()).decode()

    def create(self, order: Order) -> Created:
        """Prompt the payer's phone; he answers there."""
        if order.currency != CURRENCY or order.amount != int(order.amount) or order.amount < 1:
            raise Refused(f"{NAME} takes whole shillings only")
        phone = _PHONE.fullmatch(order.payer.phone or "")
        if phone is None:
            raise Refused(f"{NAME} needs the payer's Kenyan mobile number")
        answer = self._ask("create", "/mpesa/stkpush/v1/processrequest", self._push_body(order, phone[1]))
        try:
            if text(answer.data, "ResponseCode", _CODE) != "0":
                raise Refused(f"{NAME} refused: {optional_text(answer.data, 'ResponseDescription')}")
            return Created(
                reference=text(answer.data, "CheckoutRequestID", _ID),
                instructions={"phone": f"+{phone[1]}", "amount": str(int(order.amount))},
            )
        except Malformed as error:
            raise Nonsense(f"{NAME} took the order without naming it ({error})") from None

    def status(self, placed: Placed) -> Standing:
        """Whether the prompt was answered, and how."""
        stamp = _stamp()
        body = {
            "BusinessShortCode": self._shortcode,
            "Password": self._password(stamp),
            "Timestamp": stamp,
            "CheckoutRequestID": placed.reference,
        }
        answer = self._ask("status_check", "/mpesa/stkpushquery/v1/query", body, takes=(404, 500))
        return _standing(answer, placed)

    def cancel(self, placed: Placed) -> None:
        """A prompt cannot be taken back; it lapses within a minute or two."""
        raise NotOffered(f"{NAME} cannot take a prompt back; it lapses within two minutes")

    def refund(self, placed: Placed, amount: Decimal, *, key: str, reason: str) -> Refund:
        """Reversals need an account of their own at Safaricom and are made there."""
        raise NotOffered(f"{NAME} gives money back in its own portal only")

    def parse_webhook(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> Event:
        """The end of a prompt, or a confirmation from the till. Neither proves anything."""
        try:
            data = read_json(body, longest=MAX_WEBHOOK_BYTES)
            return self._prompted(data, body) if "Body" in data else self._confirmed(data)
        except Malformed as error:
            raise WebhookRefused(str(error)) from None

    def probe(self) -> str:
        """Fetch a token."""
        self._fetch_token()
        return f"{NAME} accepts the consumer key."

    def _prompted(self, data: Mapping[str, Any], body: bytes) -> Event:
        told = part(part(data, "Body"), "stkCallback")
        code = told.get("ResultCode")
        if isinstance(code, bool) or not isinstance(code, int | str):
            raise Malformed("field_ResultCode")
        return Event(key=digest(body), claims=f"result {code}"[:40], reference=text(told, "CheckoutRequestID", _ID))

    def _confirmed(self, data: Mapping[str, Any]) -> Event:
        receipt = text(data, "TransID", _RECEIPT)
        if text(data, "BusinessShortCode", _ID) not in (self._shortcode, self._till):
            raise Malformed("field_BusinessShortCode")
        standing = Standing(
            status="paid",
            word="c2b",
            order_id=optional_text(data, "BillRefNumber", longest=50) or None,
            transaction_id=receipt,
            amount=amount(data.get("TransAmount")),
            currency=CURRENCY,
            payment_type="c2b",
        )
        # The receipt number is unique at Safaricom for ever, however often and in whatever words it is told.
        return Event(key=f"c2b:{receipt}", claims="c2b", unproven=standing, payer=optional_text(data, "FirstName"))

    def _push_body(self, order: Order, phone: str) -> dict[str, Any]:
        stamp = _stamp()
        return {
            "BusinessShortCode": self._shortcode,
            "Password": self._password(stamp),
            "Timestamp": stamp,
            "TransactionType": "CustomerBuyGoodsOnline" if self._till else "CustomerPayBillOnline",
            "Amount": int(order.amount),
            "PartyA": phone,
            "PartyB": self._till or self._shortcode,
            "PhoneNumber": phone,
            "CallBackURL": order.notify_url,
            "AccountReference": order.account[:_ACCOUNT],
            "TransactionDesc": order.item[:_DESCRIPTION],
        }

    def _password(self, stamp: str) -> str:
        return base64.b64encode(f"{self._shortcode}{self._passkey}{stamp}".encode()).decode()

    def _ask(self, event: str, path: str, body: Mapping[str, Any], *, takes: tuple[int, ...] = ()) -> Answer:
        try:
            return self._wire(self._token()).ask(event, "POST", path, json=body, takes=takes)
        except Refused as refusal:
            if refusal.status != 401:
                raise
        # The token was taken back before its time; a new one is asked for once.
        self._forget()
        return self._wire(self._token()).ask(event, "POST", path, json=body, takes=takes)

    def _wire(self, token: str) -> Wire:
        return Wire(host=self._host, name=NAME, headers={"authorization": f"Bearer {token}"}, record=self._record)

    def _token(self) -> str:
        kept = _tokens.get(self._key)
        return kept.value if kept is not None and kept.until > time.monotonic() else self._fetch_token()

    def _fetch_token(self) -> str:
        wire = Wire(host=self._host, name=NAME, headers={"authorization": f"Basic {self._login}"}, record=self._record)
        answer = wire.ask("token", "GET", "/oauth/v1/generate?grant_type=client_credentials")
        value, lasts = answer.data.get("access_token"), str(answer.data.get("expires_in", ""))
        if not isinstance(value, str) or not value.isascii() or not value.isprintable() or not lasts.isdecimal():
            raise Nonsense(f"{NAME} gave no token")
        with _tokens_lock:
            if len(_tokens) >= _MAX_TOKENS:
                _tokens.clear()
            _tokens[self._key] = _Token(value=value, until=time.monotonic() + max(0, int(lasts[:6]) - _EARLIER_S))
        return value

    def _forget(self) -> None:
        with _tokens_lock:
            _tokens.pop(self._key, None)

    @property
    def _key(self) -> str:
        return hashlib.sha256(f"{self._host} {self._login}".encode()).hexdigest()


def _stamp() -> str:
    # Daraja wants Nairobi's clock in a form of its own, and checks it against the password only.
    return datetime.now(UTC).astimezone(_NAIROBI).strftime("%Y%m%d%H%M%S")


def _standing(answer: Answer, placed: Placed) -> Standing:
    data = answer.data
    if answer.status >= 400:
        open_still = data.get("errorCode") in _STILL_OPEN
        return Standing(status="pending" if open_still else UNKNOWN, word=str(data.get("errorCode", "")) or "no answer")
    try:
        if text(data, "CheckoutRequestID", _ID) != placed.reference:
            raise Malformed("CheckoutRequestID")
        code = data.get("ResultCode")
        word = str(code) if isinstance(code, int) and not isinstance(code, bool) else text(data, "ResultCode", _CODE)
    except Malformed as error:
        raise Nonsense(f"{NAME} answered a status that cannot be read ({error})") from None
    return Standing(
        status=_RESULTS.get(word, "failed"),
        word=f"result {word}",
        order_id=placed.order_id,
        transaction_id=placed.reference,
        # The payer cannot change it, and the query does not repeat it.
        amount=placed.amount,
        currency=CURRENCY,
        payment_type="stk",
    )

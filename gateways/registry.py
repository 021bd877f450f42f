"""Which gateways there are, what each needs to be told, and how one is opened.

Decides nothing about where settings are kept; `host` overrides a gateway's own address and is for test benches.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gateways.interface import Gateway
from gateways.midtrans import Midtrans
from gateways.mpesa import Mpesa
from gateways.stripe import Stripe
from gateways.transfer import Transfer
from gateways.wire import Exchange, Recorder
from gateways.xendit import CURRENCIES as XENDIT_CURRENCIES
from gateways.xendit import Xendit


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """One thing that a gateway must be told. A secret is kept encrypted and never shown again."""

    name: str
    is_secret: bool = False
    is_required: bool = True
    longest: int = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class About:
    """What a gateway can do. `currencies` empty: every currency. `has_webhook`: it tells by itself."""

    name: str
    currencies: tuple[str, ...] = ()
    can_cancel: bool = True
    can_refund: bool = True
    can_be_asked: bool = True
    has_webhook: bool = True
    # A prefix of a secret that belongs to the other of sandbox and production.
    sandbox_prefix: str = ""
    production_prefix: str = ""
    main_key: str = ""
    lifetime_s: int = 24 * 3600


ABOUT: Mapping[str, About] = {
    "midtrans": About(name="Midtrans", currencies=("IDR",), sandbox_prefix="SB-", main_key="server_key"),
    "xendit": About(
        name="Xendit",
        currencies=XENDIT_CURRENCIES,
        sandbox_prefix="xnd_development_",
        production_prefix="xnd_production_",
        main_key="secret_key",
    ),
    "mpesa": About(name="M-Pesa", currencies=("KES",), can_cancel=False, can_refund=False, lifetime_s=300),
    "stripe": About(
        name="Stripe",
        sandbox_prefix="sk_test_",
        production_prefix="sk_live_",
        main_key="secret_key",
        lifetime_s=23 * 3600,
    ),
    "transfer": About(
        name="Bank transfer", can_refund=False, can_be_asked=False, has_webhook=False, lifetime_s=7 * 24 * 3600
    ),
}

FIELDS: Mapping[str, tuple[Field, ...]] = {
    "midtrans": (
        Field(name="merchant_id", is_required=False, longest=50),
        Field(name="client_key", is_required=False),
        Field(name="server_key", is_secret=True),
    ),
    "xendit": (Field(name="secret_key", is_secret=True), Field(name="callback_token", is_secret=True)),
    "mpesa": (
        Field(name="shortcode", longest=12),
        Field(name="till", is_required=False, longest=12),
        Field(name="consumer_key", is_secret=True),
        Field(name="consumer_secret", is_secret=True),
        Field(name="passkey", is_secret=True),
    ),
    "stripe": (Field(name="secret_key", is_secret=True), Field(name="webhook_secret", is_secret=True)),
    "transfer": (
        Field(name="bank", longest=80),
        Field(name="account_number", longest=40),
        Field(name="account_name", longest=80),
        Field(name="note", is_required=False, longest=500),
    ),
}
# A header carries nothing else; a line break in a key would be a header of its own.
KEY_FORM = re.compile(r"[\x21-\x7e]+", re.ASCII)


def wrong_key(kind: str, secrets: Mapping[str, str], *, is_production: bool) -> bool:
    """Whether the main key belongs to the sandbox while production is on, or the other way round."""
    about = ABOUT[kind]
    key, foreign = secrets.get(about.main_key, ""), about.production_prefix
    if is_production:
        foreign = about.sandbox_prefix
    return bool(foreign) and key.startswith(foreign)


def _no_record(_exchange: Exchange) -> None:
    return None


def open_gateway(
    kind: str,
    values: Mapping[str, str],
    *,
    is_production: bool,
    record: Recorder = _no_record,
    host: str | None = None,
) -> Gateway:
    """The gateway with these settings, secrets among them; `record` is told of every exchange."""

    def told(name: str) -> str:
        return values.get(name, "")

    if kind == "midtrans":
        return Midtrans(server_key=told("server_key"), is_production=is_production, record=record, host=host)
    if kind == "xendit":
        return Xendit(secret_key=told("secret_key"), callback_token=told("callback_token"), record=record, host=host)
    if kind == "mpesa":
        return Mpesa(
            consumer_key=told("consumer_key"),
            consumer_secret=told("consumer_secret"),
            passkey=told("passkey"),
            shortcode=told("shortcode"),
            till=told("till"),
            is_production=is_production,
            record=record,
            host=host,
        )
    if kind == "stripe":
        return Stripe(secret_key=told("secret_key"), webhook_secret=told("webhook_secret"), record=record, host=host)
    return Transfer(
        bank=told("bank"),
        account_number=told("account_number"),
        account_name=told("account_name"),
        note=told("note"),
    )

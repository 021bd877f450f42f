"""An order, and each gateway beside the simulated one it talks to."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from gateways import Created, Exchange, Gateway, Order, Payer, Placed, open_gateway
from simulator.gateways import MidtransServer, MpesaServer, PaymentServer, StripeServer, XenditServer

NOW = datetime.now(UTC)
SECRETS = {
    "midtrans": {"server_key": "SB-Mid-server-canary-8731"},
    "xendit": {"secret_key": "xnd_development_canary-8731", "callback_token": "callback-canary-8731"},
    "mpesa": {"consumer_key": "ck-canary-8731", "consumer_secret": "cs-canary-8731", "passkey": "pk-canary-8731"},
    "stripe": {"secret_key": "sk_test_canary-8731", "webhook_secret": "whsec_canary-8731"},
}
CURRENCY = {"midtrans": "IDR", "xendit": "IDR", "mpesa": "KES", "stripe": "IDR"}
SERVERS: dict[str, Callable[..., PaymentServer]] = {
    "midtrans": MidtransServer,
    "xendit": XenditServer,
    "mpesa": MpesaServer,
    "stripe": StripeServer,
}


@dataclass
class Bench:
    """A gateway, the server it asks, and what was recorded of their exchanges."""

    gateway: Gateway
    server: Any
    exchanges: list[Exchange] = field(default_factory=list)

    def placed(self, created: Created, wanted: Order, **over: Any) -> Placed:
        values = {
            "order_id": wanted.order_id,
            "reference": created.reference,
            "amount": wanted.amount,
            "currency": wanted.currency,
        }
        return Placed(**values | over)

    def pay(self, created: Created, wanted: Order) -> None:
        if self.gateway.kind == "mpesa":
            self.server.answer_prompt(created.reference)
        else:
            self.server.pay(wanted.order_id)

    def notice(self, created: Created, wanted: Order) -> tuple[dict[str, str], bytes]:
        named = created.reference if self.gateway.kind == "mpesa" else wanted.order_id
        told = self.server.notice(named)
        return {name.lower(): value for name, value in told.headers.items()}, told.body


@contextmanager
def bench(kind: str) -> Iterator[Bench]:
    """The gateway on its simulated server."""
    with SERVERS[kind](**SECRETS[kind]) as server:
        yield opened(kind, server)


def opened(kind: str, server: PaymentServer, **over: str) -> Bench:
    """A gateway with these settings on that server."""
    made = Bench(gateway=None, server=server)  # type: ignore[arg-type]
    values = {"shortcode": "174379", **SECRETS[kind], **over}
    made.gateway = open_gateway(kind, values, is_production=False, record=made.exchanges.append, host=server.url)
    return made


def order(kind: str, **over: Any) -> Order:
    """An order of 150,000 in the gateway's currency."""
    values = {
        "order_id": "INV-20261127-0001-K7QX2M",
        "amount": Decimal(150000),
        "currency": CURRENCY[kind],
        "item": "Rumah 20 (INV-20261127-0001)",
        "payer": Payer(name="Budi Santoso", phone="+254712345678"),
        "account": "CUST-1",
        "finish_url": "https://isp.example/pay/finish",
        "error_url": "https://isp.example/pay/error",
        "pending_url": "https://isp.example/pay/pending",
        "notify_url": "https://isp.example/webhooks/payments/x",
        "lifetime_s": 24 * 3600,
    }
    return Order(**values | over)

"""A provider with accounts at simulated gateways, and customers who owe him."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from bss import invoices
from bss.actor import Actor
from bss.gateways import accounts, orders, webhooks
from bss.gateways.addresses import Addresses
from bss.invoices import Draft
from db.engine import make_engine, psycopg_of, use_tenant
from db.models import Customer, GatewayOrder, Invoice, ParkedPayment, Payment, PaymentGateway, Subscription, Tenant
from db.queries.books import balance_of, wrong_in_books
from domain.invoices import Line
from factories import make_customer, make_plan, make_subscription, make_tenant
from runtime.settings import Settings, get_settings
from simulator.gateways import MidtransServer, MpesaServer, Notice, PaymentServer, StripeServer, XenditServer

KEYS: dict[str, dict[str, str]] = {
    "midtrans": {"server_key": "SB-Mid-server-canary-8731", "merchant_id": "G1", "client_key": "SB-Mid-client-1"},
    "xendit": {"secret_key": "xnd_development_canary-8731", "callback_token": "callback-canary-8731"},
    "mpesa": {
        "consumer_key": "ck-canary-8731",
        "consumer_secret": "cs-canary-8731",
        "passkey": "pk-canary-8731",
        "shortcode": "174379",
    },
    "stripe": {"secret_key": "sk_test_canary-8731", "webhook_secret": "whsec_canary-8731"},
    "transfer": {"bank": "BCA", "account_number": "1234567890", "account_name": "PT Contoh"},
}
SERVERS: dict[str, Any] = {
    "midtrans": lambda: MidtransServer(server_key=KEYS["midtrans"]["server_key"]),
    "xendit": lambda: XenditServer(**KEYS["xendit"]),
    "mpesa": lambda: MpesaServer(**KEYS["mpesa"]),
    "stripe": lambda: StripeServer(**KEYS["stripe"]),
}
AT = Addresses(base="http://pay.example")


@dataclass
class Desk:
    """The provider's payments, as tests drive them; `now` only goes ahead when a test moves it."""

    db: Session
    tenant: Tenant
    actor: Actor
    servers: dict[str, Any]
    now: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))
    rows: dict[str, PaymentGateway] = field(default_factory=dict)

    def gateway(self, kind: str) -> PaymentGateway:
        if kind not in self.rows:
            self.rows[kind] = accounts.create(self.db, actor=self.actor, now=self.now, kind=kind, values=KEYS[kind])
            self.db.commit()
        return self.rows[kind]

    def customer(self, **over: Any) -> Customer:
        made = make_customer(self.db, tenant=self.tenant, **over)
        self.db.commit()
        return made

    def subscriber(self, **over: Any) -> Subscription:
        """A customer with a subscription that ended yesterday and was suspended for it."""
        plan = make_plan(self.db, tenant=self.tenant, name="Rumah 20", price=150000)
        customer = make_customer(self.db, tenant=self.tenant)
        values = {"plan": plan, "customer": customer, "expires_at": self.now - timedelta(days=1), **over}
        made = make_subscription(self.db, tenant=self.tenant, **values)
        self.db.commit()
        return made

    def invoice(
        self, total: object = 150000, *, customer: Customer | None = None, subscription: Subscription | None = None
    ) -> Invoice:
        owner = subscription.customer_id if subscription is not None else (customer or self.customer()).id
        line = Line(item_type="service", description="Rumah 20", unit_price=Decimal(str(total)))
        draft = Draft(
            kind="manual" if subscription is None else "recurring",
            lines=[line],
            subscription_id=None if subscription is None else subscription.id,
            period=None if subscription is None else (self.now.date(), self.now.date() + timedelta(days=30)),
            terms=0 if subscription is None else 1,
        )
        made = invoices.create(self.db, actor=self.actor, now=self.now, customer_id=owner, draft=draft).row
        self.db.commit()
        return made

    def order(self, kind: str = "midtrans", invoice: Invoice | None = None, **over: Any) -> GatewayOrder:
        what = {"invoice_id": (invoice or self.invoice()).id} if "customer_id" not in over else {}
        return orders.place(
            self.db, actor=self.actor, now=self.now, gateway_id=self.gateway(kind).id, at=AT, **what, **over
        )

    def pay(self, order: GatewayOrder) -> Notice:
        """The customer pays at the gateway; returns what the gateway will tell."""
        server = self.servers[order.gateway.kind]
        if order.gateway.kind == "mpesa":
            server.answer_prompt(order.reference)
            told: Notice = server.notice(order.reference)
            return told
        server.pay(order.order_id)
        return server.notice(order.order_id)

    def hear(self, kind: str, notice: Notice, **over: Any) -> webhooks.Heard:
        """The gateway tells us."""
        headers = {name.lower(): value for name, value in notice.headers.items()}
        return webhooks.receive(
            self.db,
            now=over.get("now", self.now),
            public_key=over.get("key", self.gateway(kind).public_key),
            headers=headers,
            body=over.get("body", notice.body),
        )

    def again(self, row: Any) -> Any:
        """The row as it stands now."""
        self.db.refresh(row)
        return row

    def payments(self, customer_id: int | None = None) -> list[Payment]:
        statement = select(Payment).order_by(Payment.id)
        return list(
            self.db.scalars(statement if customer_id is None else statement.where(Payment.customer_id == customer_id))
        )

    def parked(self) -> list[ParkedPayment]:
        return list(
            self.db.scalars(
                select(ParkedPayment).order_by(ParkedPayment.id), execution_options={"populate_existing": True}
            )
        )

    def balance(self, customer_id: int) -> Decimal:
        return balance_of(psycopg_of(self.db), customer_id)

    def books_are_right(self) -> bool:
        return not any(wrong_in_books(psycopg_of(self.db)).values())


@pytest.fixture
def servers() -> Iterator[dict[str, PaymentServer]]:
    with ExitStack() as stack:
        yield {kind: stack.enter_context(make()) for kind, make in SERVERS.items()}


@pytest.fixture
def hosts(servers: dict[str, PaymentServer], monkeypatch: pytest.MonkeyPatch) -> str:
    text = ",".join(f"{kind}={server.url}" for kind, server in servers.items())
    monkeypatch.setenv("LINTAS_GATEWAY_HOSTS", text)
    return text


@pytest.fixture
def desk(hosts: str, settings: Settings, db_url: str, servers: dict[str, Any]) -> Iterator[Desk]:
    assert get_settings().gateway_hosts == hosts
    engine = make_engine(db_url, pool_size=2)
    with Session(engine, expire_on_commit=False) as session:
        tenant = make_tenant(session, currency="IDR", name="Contoh Net")
        session.commit()
        use_tenant(session, tenant.id)
        yield Desk(db=session, tenant=tenant, actor=Actor.system(tenant_id=tenant.id, name="test"), servers=servers)
        session.rollback()
    engine.dispose()

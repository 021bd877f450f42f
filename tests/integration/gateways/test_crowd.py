"""Everybody pays at once, over three channels, again and again: nobody is credited twice.

`PAYMENT_EVENTS=10000` (`make payments`) is the whole promise; a tenth of it runs with the others.
"""

import os
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal

import psycopg
import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from bss import payments
from bss.failure import Conflict
from bss.gateways import reconciling, webhooks
from db.engine import make_engine, use_tenant
from db.models import GatewayOrder, Invoice, InvoiceSettlement, Payment
from domain.lifecycle import IllegalMove
from simulator.gateways import Notice
from tests.integration.gateways.conftest import Desk

EVENTS = int(os.environ.get("PAYMENT_EVENTS", "1000"))
THREADS = 20
# Of each invoice: three different messages of the gateway, one cash payment, and the balance, each many times over.
EACH = 20
TOTAL = Decimal(150000)

Event = Callable[[Session], str]


class Crowd:
    """Invoices with an order each, and every event that concerns them."""

    def __init__(self, desk: Desk, rounds: int) -> None:
        self.desk, self.key = desk, desk.gateway("midtrans").public_key
        self.invoices = [desk.invoice(TOTAL) for _ in range(rounds)]
        self.orders = [desk.order("midtrans", invoice) for invoice in self.invoices]

    def events(self) -> list[Event]:
        """Every event as often as it comes, in no order."""
        made: list[Event] = []
        for invoice, order in zip(self.invoices, self.orders, strict=True):
            told = self._messages(order)
            made += [self._told(notice) for notice in told for _ in range(4)]
            made += [self._cash(invoice)] * 4
            made += [self._wallet(invoice)] * 4
        random.Random(20261127).shuffle(made)
        return made

    def _messages(self, order: GatewayOrder) -> list[Notice]:
        midtrans = self.desk.servers["midtrans"]
        midtrans.become(order.order_id, "pending")
        pending = midtrans.notice(order.order_id)
        midtrans.pay(order.order_id)
        settled = midtrans.notice(order.order_id)
        return [pending, settled, midtrans.notice(order.order_id, transaction_time="2026-11-27 10:00:01")]

    def _told(self, notice: Notice) -> Event:
        headers = {name.lower(): value for name, value in notice.headers.items()}

        def tell(session: Session) -> str:
            heard = webhooks.receive(session, now=self.desk.now, public_key=self.key, headers=headers, body=notice.body)
            return heard.outcome

        return tell

    def _cash(self, invoice: Invoice) -> Event:
        def pay(session: Session) -> str:
            done = payments.receive(
                session, actor=self.desk.actor, now=self.desk.now, customer_id=invoice.customer_id, amount=TOTAL,
                method="cash", invoice_id=invoice.id, request_key=f"desk-{invoice.id}",
            )  # fmt: skip
            session.commit()
            return "cash" if done.is_new else "cash again"

        return pay

    def _wallet(self, invoice: Invoice) -> Event:
        def pay(session: Session) -> str:
            payments.pay_by_balance(session, actor=self.desk.actor, now=self.desk.now, invoice_id=invoice.id)
            session.commit()
            return "wallet"

        return pay


@contextmanager
def pool(url: str) -> Iterator[Engine]:
    engine = make_engine(url, pool_size=THREADS)
    yield engine
    engine.dispose()


def run(engine: Engine, tenant_id: int, events: list[Event]) -> Counter[str]:
    """All of it from twenty threads that begin at the same moment."""
    begin = threading.Barrier(THREADS)

    def work(share: list[Event]) -> Counter[str]:
        done: Counter[str] = Counter()
        begin.wait(30)
        for event in share:
            with Session(engine, expire_on_commit=False) as session:
                use_tenant(session, tenant_id)
                try:
                    done[event(session)] += 1
                except (Conflict, IllegalMove):
                    done["refused"] += 1
                except (OperationalError, psycopg.OperationalError):
                    # A machine with other work to do: it came to nothing, and whoever asked asks again.
                    session.rollback()
                    done["timed out"] += 1
                except Exception as error:  # noqa: BLE001 - whatever happens is counted and told
                    done[f"{type(error).__name__}: {error}"[:300]] += 1
        return done

    with ThreadPoolExecutor(THREADS) as threads:
        parts = list(threads.map(work, [events[place::THREADS] for place in range(THREADS)]))
    return sum(parts, Counter())


@pytest.mark.timeout(1500)
def test_nobody_is_credited_twice_whoever_pays_how_often_at_once(desk: Desk, db_url: str) -> None:
    crowd = Crowd(desk, max(1, EVENTS // EACH))
    events = crowd.events()
    with pool(db_url) as engine:
        done = run(engine, desk.tenant.id, events)
        reconciling.reconcile(desk.db, clock=lambda: desk.now, everything=True)

    count = len(crowd.invoices)
    assert sum(done.values()) == len(events)
    outcomes = {"done", "repeated", "later", "cash", "cash again", "wallet", "refused", "timed out"}
    assert set(done) <= outcomes, done
    assert done["cash"] == count
    assert done["timed out"] * 100 <= len(events), done
    db = desk.db
    db.expire_all()
    ways = Counter(db.scalars(select(Payment.method)).all())
    assert ways == {"cash": count, "transfer": count}
    assert set(db.scalars(select(Invoice.status))) == {"paid"}
    assert db.scalar(select(func.count()).select_from(InvoiceSettlement)) == count
    assert db.scalar(select(func.sum(InvoiceSettlement.amount))) == count * TOTAL
    # Money in is money booked: what was paid twice is the customer's credit, to the unit.
    assert {desk.balance(invoice.customer_id) for invoice in crowd.invoices} == {TOTAL}
    assert desk.books_are_right()

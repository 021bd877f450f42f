"""The one search: customers, addresses and devices now and before, invoices, vouchers, routers, plans.

Every kind is asked of an index, a few rows each; what a text cannot mean is not asked at all.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import cast, func, select
from sqlalchemy.dialects.postgresql import INET
from sqlalchemy.orm import Session, defer, joinedload

from db.models import Customer, Invoice, NasServer, RadAcct, ServicePlan, Subscription, Voucher, VoucherBatch
from db.queries.customer_search import closest
from db.queries.owned import Owned, owned_by
from db.queries.panel.customers import escape_like
from db.queries.panel.network import as_address

EACH = 6
# Behind every letter there is: the end of "all that begin so", which the index of a unique number answers.
_LAST = "\U0010ffff"
_A_NUMBER = re.compile(r"(?=.*\d)[A-Z0-9/_-]{4,50}")


@dataclass(frozen=True, kw_only=True)
class AddressHolder:
    """Who has or had an IP address; `until` is None while the session runs."""

    customer_id: int | None
    customer_name: str | None
    username: str
    since: datetime
    until: datetime | None


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which kinds the reader may see; what he may not see is not asked for."""

    customers: bool = True
    money: bool = True
    routers: bool = True
    plans: bool = True


@dataclass(frozen=True, kw_only=True)
class Found:
    """What the search box found, by kind; invoices come with the name of their customer."""

    customers: list[Customer]
    owned: dict[int, Owned]
    holders: list[AddressHolder]
    invoices: list[tuple[Invoice, str]]
    vouchers: list[Voucher]
    batches: list[VoucherBatch]
    routers: list[NasServer]
    plans: list[ServicePlan]

    @property
    def is_empty(self) -> bool:
        """True when nothing fits."""
        kinds = (self.customers, self.holders, self.invoices, self.vouchers, self.batches, self.routers, self.plans)
        return not any(kinds)


def search(session: Session, tenant_id: int, text: str, wanted: Wanted | None = None, *, person: str = "") -> Found:
    """Everything that `text` could mean, a few of each kind; customers are looked for by `person` where it is given."""
    wanted, address = wanted or Wanted(), as_address(text)
    asks_people = wanted.customers and address is None
    customers = closest(session, person or text, EACH) if asks_people else []
    number = text.upper() if _A_NUMBER.fullmatch(text.upper()) else ""
    return Found(
        customers=customers,
        owned=owned_by(session, [row.id for row in customers]),
        holders=_holders(session, tenant_id, address) if wanted.customers and address is not None else [],
        invoices=_invoices(session, tenant_id, number) if number and wanted.money else [],
        vouchers=_vouchers(session, tenant_id, number) if number and asks_people else [],
        batches=_batches(session, text) if asks_people else [],
        routers=_routers(session, text, address) if wanted.routers else [],
        plans=_plans(session, text) if wanted.plans else [],
    )


def _invoices(session: Session, tenant_id: int, number: str) -> list[tuple[Invoice, str]]:
    statement = (
        select(Invoice, Customer.name)
        .join(Customer, Customer.id == Invoice.customer_id)
        .where(
            Invoice.tenant_id == tenant_id, Invoice.invoice_number >= number, Invoice.invoice_number < number + _LAST
        )
        .order_by(Invoice.invoice_number)
        .limit(EACH)
    )
    return [(row[0], row[1]) for row in session.execute(statement)]


def _vouchers(session: Session, tenant_id: int, code: str) -> list[Voucher]:
    statement = (
        select(Voucher)
        .where(Voucher.tenant_id == tenant_id, Voucher.code >= code, Voucher.code < code + _LAST)
        .options(joinedload(Voucher.batch))
        .order_by(Voucher.code)
        .limit(EACH)
    )
    return list(session.scalars(statement))


def _batches(session: Session, text: str) -> list[VoucherBatch]:
    statement = select(VoucherBatch).where(VoucherBatch.name.ilike("%" + escape_like(text) + "%"))
    return list(session.scalars(statement.order_by(VoucherBatch.id.desc()).limit(EACH)))


def _holders(session: Session, tenant_id: int, address: str) -> list[AddressHolder]:
    statement = (
        select(Customer.id, Customer.name, RadAcct.username, RadAcct.acctstarttime, RadAcct.acctstoptime)
        .select_from(RadAcct)
        .outerjoin(Subscription, Subscription.id == RadAcct.subscription_id)
        .outerjoin(Customer, Customer.id == Subscription.customer_id)
        .where(RadAcct.tenant_id == tenant_id, RadAcct.framedipaddress == cast(address, INET))
        .order_by(RadAcct.acctstoptime.desc().nulls_first(), RadAcct.acctstarttime.desc())
        .limit(EACH)
    )
    return [
        AddressHolder(customer_id=row[0], customer_name=row[1], username=row[2], since=row[3], until=row[4])
        for row in session.execute(statement)
    ]


def _routers(session: Session, text: str, address: str | None) -> list[NasServer]:
    by_name = NasServer.name.ilike("%" + escape_like(text) + "%")
    wanted = by_name if address is None else func.host(NasServer.host) == address
    statement = select(NasServer).where(NasServer.deleted_at.is_(None), wanted).options(defer(NasServer.radius_secret))
    return list(session.scalars(statement.order_by(NasServer.name).limit(EACH)))


def _plans(session: Session, text: str) -> list[ServicePlan]:
    statement = select(ServicePlan).where(
        ServicePlan.deleted_at.is_(None), ServicePlan.name.ilike("%" + escape_like(text) + "%")
    )
    return list(session.scalars(statement.order_by(ServicePlan.name).limit(EACH)))

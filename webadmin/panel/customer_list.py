"""The list of customers: its columns, its filter in the address, the views that everybody has."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from flask import current_app, request
from flask_babel import lazy_gettext as _l

from bss.subscriptions import CONNECTION_TYPES
from db.models import Customer, CustomerTag, Subscription
from db.queries.customer_figures import Paid, paid_by
from db.queries.customer_lists import (
    BALANCES,
    CUSTOMER_SORTS,
    CustomerFilter,
    customer_spending,
    customer_statistics,
    customer_summary,
    page_of_customers,
)
from db.queries.customer_media import kinds_of_pictures
from db.queries.customers import popular_tags, tags_of
from db.queries.operators import operator_names, operators_of
from db.queries.owned import Owned, owned_by
from db.queries.paging import Page, Wanted
from db.queries.panel import catalogue
from db.scope import operators_in_use
from domain.customer_record import CUSTOMER_TYPES
from domain.lifecycle import CUSTOMER_STATUSES
from domain.period import local_midnight
from webadmin.panel.states import state_text
from webadmin.panel.support import argument_id, db, tenant, today, zone
from webadmin.panel.tables import Column, List, declare, lines_of, yes_no
from webadmin.remembered import Remembered
from webadmin.security import may

TAGS_OFFERED = 50


@dataclass(frozen=True, kw_only=True)
class Line:
    """A customer with what its row shows besides."""

    customer: Customer
    owned: Owned
    tags: Sequence[CustomerTag]
    operator: str
    # Kinds of pictures that are kept of him.
    pictures: Collection[str]
    # None for whoever may not see money.
    paid: Paid | None

    @property
    def first(self) -> Subscription | None:
        """The subscription that stands for all of them."""
        return next(iter(self.owned.live), None)


def lines(wanted: Wanted) -> Page[Line]:
    """A part of the list that the address asks for."""
    part = page_of_customers(db(), tenant_id=tenant().id, fits=filter_of_request(), wanted=wanted)
    ids = [row.id for row in part.items]
    owned, tags, operators = owned_by(db(), ids), tags_of(db(), ids), operator_names(db(), tenant().id)
    pictures, paid = kinds_of_pictures(db(), ids), paid_by(db(), ids) if may("view_money") else {}
    made = [
        Line(
            customer=row,
            owned=owned[row.id],
            tags=tags.get(row.id, []),
            operator=operators.get(row.operator_id or 0, ""),
            pictures=pictures[row.id],
            paid=paid.get(row.id),
        )
        for row in part.items
    ]
    return lines_of(part, made)


def _of_first(name: str) -> Any:
    return lambda line: getattr(line.first, name) if line.first else None


CUSTOMERS = declare(
    List(
        key="customers",
        endpoint="panel.customers.index",
        lines=lines,
        sorts=tuple(CUSTOMER_SORTS),
        sort="name",
        views=(
            (_l("Online"), {"online": "yes"}),
            (_l("In debt"), {"balance": "debt", "sort": "balance"}),
            (_l("Suspended"), {"status": "suspended"}),
            (_l("Prospects"), {"status": "prospect", "sort": "-created_at"}),
        ),
        columns=(
            Column(key="name", text=_l("Customer"), sort="name", is_fixed=True, value=lambda line: line.customer.name),
            Column(
                key="code",
                text=_l("Code"),
                sort="customer_code",
                is_extra=True,
                value=lambda line: line.customer.customer_code,
            ),
            Column(key="state", text=_l("State"), value=lambda line: state_text("customer", line.customer.status)),
            Column(key="online", text=_l("Connection"), value=lambda line: yes_no(line.owned.is_online)),
            Column(key="plan", text=_l("Plan"), value=lambda line: line.first.plan.name if line.first else None),
            Column(key="username", text=_l("Username"), is_extra=True, value=_of_first("username")),
            Column(key="contact", text=_l("Contact"), value=lambda line: line.customer.phone or line.customer.whatsapp),
            Column(key="email", text=_l("E-mail"), is_extra=True, value=lambda line: line.customer.email),
            Column(key="city", text=_l("City"), value=lambda line: line.customer.city),
            Column(
                key="type",
                text=_l("Kind"),
                is_extra=True,
                value=lambda line: state_text("customer_type", line.customer.customer_type),
            ),
            Column(
                key="services",
                text=_l("Subscriptions"),
                is_number=True,
                is_extra=True,
                value=lambda line: f"{line.owned.active}/{line.owned.total}",
            ),
            Column(key="price", text=_l("Price"), is_number=True, is_extra=True, value=_of_first("price")),
            Column(
                key="balance",
                text=_l("Balance"),
                sort="balance",
                is_number=True,
                value=lambda line: line.customer.balance,
            ),
            Column(
                key="revenue",
                text=_l("Revenue"),
                is_number=True,
                is_extra=True,
                permission="view_money",
                value=lambda line: line.paid.revenue if line.paid else None,
            ),
            Column(key="ends", text=_l("Ends"), is_extra=True, value=_of_first("expires_at")),
            Column(key="operator", text=_l("Operator"), is_extra=True, value=lambda line: line.operator),
            Column(
                key="since",
                text=_l("Since"),
                sort="created_at",
                is_extra=True,
                begins_descending=True,
                value=lambda line: line.customer.created_at,
            ),
            Column(
                key="changed",
                text=_l("Changed"),
                sort="updated_at",
                is_extra=True,
                begins_descending=True,
                value=lambda line: line.customer.updated_at,
            ),
        ),
    )
)


def filter_of_request() -> CustomerFilter:
    """The filter bar's values in the address; what cannot be meant filters nothing."""
    given = request.args
    return CustomerFilter(
        search=given.get("q", "").strip()[:100] or None,
        status=_one_of(given.get("status"), CUSTOMER_STATUSES),
        customer_type=_one_of(given.get("type"), CUSTOMER_TYPES),
        service_plan_id=argument_id("plan"),
        operator_id=argument_id("operator"),
        connection_type=_one_of(given.get("access"), CONNECTION_TYPES),
        tags=(given["tag"][:50],) if given.get("tag") else None,
        city=given.get("city", "").strip()[:100] or None,
        balance_filter=_one_of(given.get("balance"), BALANCES),
        is_online={"yes": True, "no": False}.get(given.get("online", "")),
        deleted=given.get("deleted") == "yes",
    )


def is_narrowed(fits: CustomerFilter) -> bool:
    """Whether the filter leaves anybody out; those that were deleted are another list and not a narrower one."""
    return replace(fits, deleted=False) != CustomerFilter()


def list_choices() -> dict[str, Any]:
    """What the filter bar offers besides plans and states."""
    return {
        "popular_tags": popular_tags(db(), tenant_id=tenant().id, limit=TAGS_OFFERED),
        "operators": operators_of(db(), tenant().id),
        "plans": catalogue.choices_of_plans(db()),
        "customer_types": CUSTOMER_TYPES,
        "connection_types": CONNECTION_TYPES,
        "balances": BALANCES,
    }


def figures() -> dict[str, Any]:
    """The numbers above the list, of all customers: counted again only after a moment where counting takes long."""
    month_start = local_midnight(today().replace(day=1), zone())
    seen = (tenant().id, operators_in_use(db()), month_start)
    remembered: Remembered[dict[str, Any]] = current_app.extensions.setdefault("lintas_panel_figures", Remembered())
    return remembered.get((*seen, may("view_money")), lambda: _count(month_start))


def _count(month_start: datetime) -> dict[str, Any]:
    counted = customer_summary(db(), tenant_id=tenant().id, month_start=month_start)
    counted |= customer_statistics(db(), tenant_id=tenant().id)
    return counted | (customer_spending(db(), tenant_id=tenant().id) if may("view_money") else {})


def _one_of(value: str | None, allowed: Collection[str]) -> str | None:
    return value if value in allowed else None

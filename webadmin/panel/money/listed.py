"""Invoices and payments as a list shows them: each with whose it is."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from db.models import Invoice, Payment
from db.queries.money_lists import names_of_customers
from db.queries.paging import Page
from webadmin.panel.support import db
from webadmin.panel.tables import lines_of

DocumentT = TypeVar("DocumentT", Invoice, Payment)


@dataclass(frozen=True, kw_only=True)
class Line(Generic[DocumentT]):
    """A document with its customer's code and name."""

    row: DocumentT
    code: str
    name: str


def with_customers(part: Page[DocumentT]) -> Page[Line[DocumentT]]:
    """The same part of a list, each document with whose it is."""
    names = names_of_customers(db(), {row.customer_id for row in part.items})
    made = [Line(row=row, code=names[row.customer_id][0], name=names[row.customer_id][1]) for row in part.items]
    return lines_of(part, made)

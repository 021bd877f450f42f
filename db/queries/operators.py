"""Operators, their tree, and customers on their way from one to another."""

from collections.abc import Sequence

from sqlalchemy import func, literal, select
from sqlalchemy.orm import Session

from db.models import Customer, CustomerTransfer, Operator, User
from db.models.base import Base
from domain.operators import OPEN_TRANSFERS

TRANSFERS_SHOWN = 200


def operators_of(session: Session, tenant_id: int) -> Sequence[Operator]:
    """Every operator of the provider that may be seen, by level and name."""
    statement = select(Operator).where(Operator.tenant_id == tenant_id)
    return session.scalars(statement.order_by(Operator.level, Operator.name)).all()


def parents_of(session: Session, tenant_id: int) -> dict[int, int | None]:
    """Each operator's parent."""
    rows = session.execute(select(Operator.id, Operator.parent_operator_id).where(Operator.tenant_id == tenant_id))
    return {row[0]: row[1] for row in rows}


def with_descendants(session: Session, operator_id: int) -> list[int]:
    """The operator and everybody below."""
    tree = select(Operator.__table__.c.id).where(Operator.__table__.c.id == operator_id).cte("tree", recursive=True)
    below = select(Operator.__table__.c.id).join(tree, Operator.__table__.c.parent_operator_id == tree.c.id)
    return sorted(session.scalars(select(tree.union(below).c.id)))


def customers_by_operator(session: Session, operator_ids: Sequence[int]) -> dict[int, int]:
    """How many customers each of the operators has himself."""
    statement = (
        select(Customer.operator_id, func.count())
        .where(Customer.operator_id.in_(operator_ids), Customer.deleted_at.is_(None))
        .group_by(Customer.operator_id)
    )
    return {row[0]: row[1] for row in session.execute(statement) if row[0] is not None}


def staff_by_operator(session: Session, operator_ids: Sequence[int]) -> dict[int, int]:
    """How many members of staff each of the operators has."""
    statement = select(User.operator_id, func.count()).where(User.operator_id.in_(operator_ids))
    rows = session.execute(statement.group_by(User.operator_id))
    return {row[0]: row[1] for row in rows if row[0] is not None}


def transfers_of(
    session: Session, tenant_id: int, *, customer_id: int | None = None, only_open: bool = False
) -> Sequence[CustomerTransfer]:
    """Transfers that may be seen, the newest first."""
    statement = select(CustomerTransfer).where(CustomerTransfer.tenant_id == tenant_id)
    if customer_id is not None:
        statement = statement.where(CustomerTransfer.customer_id == customer_id)
    if only_open:
        statement = statement.where(CustomerTransfer.status.in_(OPEN_TRANSFERS))
    return session.scalars(statement.order_by(CustomerTransfer.id.desc()).limit(TRANSFERS_SHOWN)).all()


def customer_names(session: Session, customer_ids: Sequence[int]) -> dict[int, str]:
    """The names of customers, for who may know of a transfer though the customer is not his yet."""
    table = Customer.__table__
    rows = session.execute(select(table.c.id, table.c.name).where(table.c.id.in_(customer_ids)))
    return {row[0]: row[1] for row in rows}


def operator_choices(session: Session, tenant_id: int) -> list[tuple[int, str]]:
    """Id and name of every open operator, whoever asks: a customer may be meant for one that is not seen."""
    table = Operator.__table__
    statement = select(table.c.id, table.c.name).where(table.c.tenant_id == tenant_id, table.c.is_active)
    return [(row[0], row[1]) for row in session.execute(statement.order_by(table.c.name))]


def seen_choices(session: Session, tenant_id: int) -> list[tuple[int, str]]:
    """Id and name of every open operator that whoever asks may see."""
    statement = select(Operator.id, Operator.name).where(Operator.tenant_id == tenant_id, Operator.is_active)
    return [(row[0], row[1]) for row in session.execute(statement.order_by(Operator.name))]


def operator_names(session: Session, tenant_id: int) -> dict[int, str]:
    """The names of all operators by id, closed ones too, whoever asks."""
    table = Operator.__table__
    rows = session.execute(select(table.c.id, table.c.name).where(table.c.tenant_id == tenant_id))
    return {row[0]: row[1] for row in rows}


def is_in_use(session: Session, operator_id: int) -> bool:
    """Whether any row names it, hidden ones included: customers, staff, money, vouchers, imports, others below."""
    naming = (
        column
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if any(key.target_fullname == "operators.id" for key in column.foreign_keys)
    )
    asked = (select(literal(1)).select_from(column.table).where(column == operator_id) for column in naming)
    return any(session.scalar(statement.limit(1)) is not None for statement in asked)

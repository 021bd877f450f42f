"""One row of every table, in the name of a provider and of an operator: what others must never see, nor change.

Rows are filled from the tables themselves, so a new table has its row here unnamed. What cannot be guessed (rules
between columns, texts that are read by somebody) stands in `_GIVEN`. Every free text carries a mark to be looked for.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Column, types
from sqlalchemy.orm import Mapper, Session

from db import scope
from db.models import Base, Customer, CustomerPicture, NasServer, Operator, ServicePlan, Subscription
from db.models.base import EncryptedBytes, EncryptedText
from factories import make_customer, make_nas, make_plan, make_subscription

# Of the installation and no provider's, or filled with another row by the database; the chain is not for writing.
NOT_OWNED = frozenset(
    {
        "address_prefix_lengths", "alarms", "audit_seals", "audit_unsealed", "job_runs", "job_states",
        "number_sequences", "partition_archives", "record_outcomes", "sender_turns", "settings", "spool_health",
        "spool_positions", "tenants", "ledger_postings", "ledger_accounts",
    }
)  # fmt: skip
# Whose rows are an operator's; all others are shared by a provider, or his alone.
OPERATORS = frozenset(
    model.__tablename__
    for model in scope.BY_CUSTOMER | scope.BY_SUBSCRIPTION | scope.BY_OPERATOR | scope.WITH_RULES_OF_THEIR_OWN
) | {"decision_receipts", "deleted_customers"}
# Numbers that are no foreign keys, because their tables are partitioned or rows outlive what they name.
_NAMES = {
    "tenant_id": "tenants", "subscription_id": "subscriptions", "nas_server_id": "nas_servers",
    "customer_id": "customers", "plan_id": "service_plans",
}  # fmt: skip
# The row of its table is the picture of an identity card.
_PHOTO = {"kind": "photo", "width": 1, "height": 1, "content": b"photo"}
_ONE_OF = re.compile(r"^(?P<name>[a-z_]+) IN \('(?P<first>[^']+)'")
# Empty, though there is something to name: a row of this kind is about one of several things, or something else.
_EMPTY = {
    "quotas": ("service_plan_id", "family_id"), "vouchers": ("payment_id", "redeemed_customer_id"),
    "invoices": ("payment_id",), "customers": ("parent_customer_id", "referred_by_id", "family_id"),
    "invoice_settlements": ("reversed_by",), "ledger_entries": ("reverses_id", "reversed_id"),
}  # fmt: skip


class Everything:
    """Rows by table: what is an operator's with his mark, what all of a provider share with the provider's.

    `beside`: everything of another operator of the same provider; what they share is taken from there.
    """

    def __init__(
        self, db: Session, *, operator: Operator, mark: str, house_mark: str, beside: "Everything | None" = None
    ) -> None:
        self.mark, self._house_mark = mark, house_mark
        self.rows: dict[str, Any] = {"operators": operator, "tenants": None}
        self._db, self._tenant_id, self._count = db, operator.tenant_id, 0
        if beside is not None:
            self.rows |= {table: row for table, row in beside.rows.items() if table not in OPERATORS}
        self._begin(operator)
        for mapper in _in_order():
            if _table_of(mapper) not in self.rows:
                self._add(mapper)
        self.rows["subscriptions"].family_id = self.number("families")
        db.add(CustomerPicture(**_PHOTO, tenant_id=self._tenant_id, customer_id=self.number("customers")))
        db.flush()

    def number(self, table: str) -> Any:
        """What names the table's row: its id."""
        return self.rows[table].id if table in self.rows else None

    def _begin(self, operator: Operator) -> None:
        """The rows that others hang on, and that have rules of their own."""
        db, mark, house = self._db, self.mark, self._house_mark
        owned: dict[str, Any] = {"tenant_id": self._tenant_id}
        customer: Customer = make_customer(db, **owned, name=f"{mark} Budi", operator_id=operator.id, notes=mark)
        if "nas_servers" not in self.rows:
            plan: ServicePlan = make_plan(db, **owned, name=f"{house} plan", slug=f"{house}-plan", description=house)
            router: NasServer = make_nas(db, **owned, name=f"{house}-router", location=house)
            self.rows |= {"service_plans": plan, "nas_servers": router}
        service: Subscription = make_subscription(
            db, **owned, customer=customer, plan=self.rows["service_plans"], username=f"{mark}-name",
            service_password=f"{mark}-password", nas_server_id=self.number("nas_servers"),
            expires_at=datetime.now(UTC) + timedelta(days=9),
        )  # fmt: skip
        self.rows |= {"customers": customer, "subscriptions": service}
        self.rows["deleted_customers"] = make_customer(
            db, **owned, name=f"{mark} Siti", operator_id=operator.id, deleted_at=datetime.now(UTC)
        )

    def _add(self, mapper: Mapper[Any]) -> None:
        table = _table_of(mapper)
        self._mark_now = self.mark if table in OPERATORS else self._house_mark
        given = _given(self, self._mark_now)
        values = {
            attribute.key: value
            for attribute in mapper.column_attrs
            if isinstance(attribute.columns[0], Column)
            and (value := self._value(table, attribute.columns[0], given.get(table, {}), attribute.key)) is not None
        }
        row = mapper.class_(**values)
        self._db.add(row)
        self._db.flush()
        self.rows[table] = row

    def _value(self, table: str, column: Any, given: Mapping[str, Any], key: str) -> Any:
        if key in given:
            return given[key]
        if column.name in _EMPTY.get(table, ()) or column.identity or column.computed:
            return None
        if column.name == "tenant_id":
            return self._tenant_id
        named = self._named(table, column)
        if named is not None:
            return named
        if column.nullable or column.server_default is not None or column.default is not None:
            return None
        return self._made_up(column)

    def _named(self, table: str, column: Any) -> Any:
        """The number of our own row that the column names."""
        for key in column.foreign_keys:
            other = key.column.table.name
            return None if other == table or other not in self.rows else getattr(self.rows[other], key.column.name)
        other = _NAMES.get(column.name, "")
        return self.number(other) if other in self.rows and other != table else None

    def _made_up(self, column: Column[Any]) -> Any:
        self._count += 1
        kind, name = column.type, column.name
        if isinstance(kind, types.DateTime):
            return datetime.now(UTC)
        if isinstance(kind, types.Date):
            return datetime.now(UTC).date()
        if isinstance(kind, types.Numeric) and not isinstance(kind, types.Float):
            return Decimal(1)
        if isinstance(kind, types.Integer | types.BigInteger | types.SmallInteger):
            return self._count
        if isinstance(kind, types.Boolean):
            return True
        if isinstance(kind, EncryptedBytes | types.LargeBinary) and not isinstance(kind, EncryptedText):
            return f"{self._mark_now}-{self._count}".encode()
        if isinstance(kind, types.JSON):
            return {}
        return (
            "IDR"
            if name == "currency"
            else _one_of(column) or f"{self._mark_now}-{name}"[: getattr(kind, "length", None) or 100]
        )


def _table_of(mapper: Mapper[Any]) -> str:
    return str(mapper.class_.__tablename__)


def _in_order() -> Iterator[Mapper[Any]]:
    """The tables that belong to somebody, each after those that it names."""
    by_table = {_table_of(mapper): mapper for mapper in Base.registry.mappers}
    for table in Base.metadata.sorted_tables:
        if table.name in by_table and table.name not in NOT_OWNED:
            yield by_table[table.name]


def _one_of(column: Column[Any]) -> str | None:
    """The first value that the table's rule lets the column have."""
    for constraint in column.table.constraints:
        found = _ONE_OF.match(str(getattr(constraint, "sqltext", "")))
        if found is not None and found["name"] == column.name:
            return found["first"]
    return None


def _given(everything: Everything, mark: str) -> dict[str, dict[str, Any]]:
    now = datetime.now(UTC)
    name, decision = f"{mark}-name", f"{mark}-decision"
    return {
        "access_log": {"decision_id": decision, "username": name, "service": "pppoe", "reason": "accepted"},
        "audit_logs": {
            "actor_name": f"{mark} actor", "action": "customer.updated", "entity_type": "customers",
            "new_values": {"name": f"{mark} Budi"},
        },
        "blocked_macs": {"mac": _mac(mark), "reason": mark},
        "customer_jobs": {"state": "done"},
        "decision_receipts": {"id": decision},
        "customer_pictures": {"kind": "id_card"},
        "invoice_settlements": {"reversed_at": now},
        "invoices": {"issued_at": now, "invoice_number": f"{mark}-invoice"},
        "list_columns": {"list_key": "customers", "columns": ["name"]},
        "payment_gateways": {"secrets": "{}"},
        "payments": {"receipt_number": f"{mark}-receipt"},
        "plan_fup_rules": {"reduction_percent": 50},
        "plan_reply_attributes": {"attribute": "Mikrotik-Group"},
        "plan_time_windows": {"weekdays": 127, "start_minute": 0, "end_minute": 60},
        "radacct": {
            "username": name, "acctuniqueid": _plain(mark), "nasipaddress": everything.rows["nas_servers"].host,
            "framedipaddress": "100.64.0.7", "callingstationid": _mac(mark), "acctstarttime": now,
        },
        "radcheck": {"username": name, "attribute": "Called-Station-Id"},
        "radreply": {"username": name, "attribute": "Mikrotik-Group"},
        "referral_rewards": {"referred_id": everything.number("deleted_customers")},
        "saved_views": {"list_key": "customers", "query": "status=active"},
        "session_changes": {"acctuniqueid": _plain(mark), "username": name, "reason": "staff"},
        "subscription_macs": {"mac": _mac(mark), "note": mark},
        "usage_alerts": {"level_percent": 80},
        "users": {"email": f"{mark}@example.net"},
        "walled_gardens": {"reason": "subscription_expired"},
        "webhook_events": {"type": "customer.created"},
        "webhooks": {"url": f"https://{mark}.example.net/hook", "events": ["customer.created"]},
    }  # fmt: skip


def _plain(mark: str) -> str:
    """The mark in letters alone."""
    return mark.replace("-", "")


def _mac(mark: str) -> str:
    """An address of the mark's own."""
    return "02:00:00:" + ":".join(f"{ord(letter):02X}" for letter in mark[-3:])

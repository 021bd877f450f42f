"""Every call of panel and API, found in the application: what it needs, what it names, and what one sends with it.

Decides nothing about who may do what. Refuses to know single routes, but for the few words and texts that no rule and
no document tells.
"""

import base64
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any
from zipfile import ZipFile, is_zipfile

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Connection, Table, text
from sqlalchemy.orm import sessionmaker
from werkzeug.test import TestResponse

from db.models import Base
from panel_addresses import TABLES
from webadmin.permissions import need_of

METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
API = "/api/v1/"


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """In a body or a query: the number of a row of this table."""

    table: str


# Which table a number in an address names a row of, where it is neither told for the panel's pages nor `<name>s`.
_TABLES = TABLES | {
    "blocked_id": "blocked_macs", "change_id": "session_changes", "decision_id": "decision_receipts",
    "delivery_id": "webhook_deliveries", "link_id": "payment_links", "mac_id": "subscription_macs",
    "order_id": "router_orders", "order_row_id": "gateway_orders", "parked_id": "parked_payments",
    "rollout_id": "plan_rollouts", "session_id": "radacct", "session_row_id": "staff_sessions",
    "tag": "customer_tags", "test_id": "customer_speed_tests", "token_id": "api_tokens", "topup_id": "quota_topups",
    "view_id": "saved_views",
}  # fmt: skip
# Whatever a table is named by, where that is no number.
NAMED_BY = {"radacct": "acctuniqueid", "customer_tags": "tag"}
# Words in addresses that are one of a fixed few.
_WORDS = {
    "key": "customers", "kind": "access_log", "name": "bss.billing", "part": "identity",
    "reason": "subscription_expired", "tab": "queues",
}  # fmt: skip
# Fields of bodies and queries that name rows.
_REFERENCES: dict[str, Row | list[Row]] = {
    "service_plan_id": Row(table="service_plans"), "nas_server_id": Row(table="nas_servers"),
    "nas_group_id": Row(table="nas_groups"), "customer_id": Row(table="customers"),
    "parent_customer_id": Row(table="customers"), "referred_by_id": Row(table="customers"),
    "subscription_id": Row(table="subscriptions"), "operator_id": Row(table="operators"),
    "parent_operator_id": Row(table="operators"), "to_operator_id": Row(table="operators"),
    "invoice_id": Row(table="invoices"), "expense_id": Row(table="expenses"), "batch_id": Row(table="voucher_batches"),
    "gateway_id": Row(table="payment_gateways"), "payment_id": Row(table="payments"),
    "customer_ids": [Row(table="customers")], "gateway_ids": [Row(table="payment_gateways")],
    "ids": [Row(table="quarantined_records")],
}  # fmt: skip
_PLAN, _SERVICE = Row(table="service_plans"), Row(table="subscriptions")
_PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
)
# What neither the document nor the rule says: a field without which the call is refused before it looks for the row.
_BODIES: dict[str, Any] = {
    f"POST {API}customers/<int:customer_id>/photo": {"file": _PICTURE},
    f"POST {API}customers/<int:customer_id>/id-card-picture": {"file": _PICTURE},
    f"POST {API}subscriptions/<int:subscription_id>/recharge": {"kind": "days", "days": 1},
    "POST /subscriptions/<int:subscription_id>/devices/<int:mac_id>": {"do": "approved"},
    "POST /vouchers/sales/<int:payment_id>/take-back": {"reason": "a mistake"},
    "POST /customers/many": {"action": "suspend"},
    "POST /customers/<int:customer_id>/tags/remove": {"tag": Row(table="customer_tags")},
}
_QUERIES: dict[str, Any] = {
    f"GET {API}subscriptions/<int:subscription_id>/plan-change": {"service_plan_id": _PLAN},
    f"GET {API}nas/<int:nas_id>/setup-script": {"server_address": "192.0.2.2"},
    f"GET {API}address-holders": {"address": "100.64.0.7"},
    "GET /subscriptions/<int:subscription_id>/plan/effect": {"service_plan_id": _PLAN},
}
_ARGUMENT = re.compile(r"<(?:any\((?P<first>[^,)]+)[^)]*\):|(?P<kind>[^<>:]*):)?(?P<name>[a-z_]+)>")
# What may be written down by a call that is refused: when somebody was last seen.
_SEEN = frozenset({"api_tokens", "staff_sessions"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One method of one rule. `names`: its arguments with the table that each names a row of.

    `references`: fields of the body, or of the query of a GET, that name rows, with their tables.
    """

    method: str
    rule: str
    need: str
    names: tuple[tuple[str, str], ...]
    body: Any = None
    query: Any = None
    references: tuple[tuple[str, Row | list[Row]], ...] = ()

    @property
    def is_api(self) -> bool:
        """Whether a token and not a cookie opens it."""
        return self.rule.startswith(API)

    def address(self, number_of: Callable[[str], Any]) -> str:
        """Where it is, with a row for each argument: `number_of` is told the argument."""
        tables = dict(self.names)

        def value(found: re.Match[str]) -> str:
            name = found["name"]
            return str(number_of(name) if name in tables else found["first"] or _word(self.rule, name))

        return _ARGUMENT.sub(value, self.rule)

    def referring(self, field: str, value: Any) -> "Call":
        """The call with the field naming a row."""
        if self.method == "GET":
            return replace(self, query={**(self.query or {}), field: value})
        return replace(self, body={**(self.body or {}), field: value})


def calls_of(app: Flask, document: dict[str, Any]) -> Iterator[Call]:
    """Every call that needs somebody to be signed in."""
    bodies = Bodies(document)
    for rule in app.url_map.iter_rules():
        need = need_of(app.view_functions[rule.endpoint])
        if need is None or need == "(public)":
            continue
        names = tuple(_tables_in(rule.rule))
        for method in sorted((rule.methods or set()) & METHODS):
            key = f"{method} {rule.rule}"
            yield Call(
                method=method, rule=rule.rule, need=need, names=names, query=_QUERIES.get(key),
                body=_BODIES.get(key) or bodies.of(method, rule.rule),
                references=tuple(bodies.references(method, rule.rule)),
            )  # fmt: skip


def _tables_in(rule: str) -> Iterator[tuple[str, str]]:
    for found in _ARGUMENT.finditer(rule):
        name = found["name"]
        if name == "session_id" and found["kind"] == "int":
            yield name, "own_sessions" if rule.startswith("/settings/") else "staff_sessions"
        elif name == "customer_id" and rule.endswith("/restore"):
            yield name, "deleted_customers"
        elif (table := _table_of(name)) is not None:
            yield name, table
        elif found["first"] is None and name not in _WORDS:
            raise LookupError(f"{rule}: say in _TABLES which table {name} names a row of, or a word in _WORDS")


def _table_of(argument: str) -> str | None:
    plural = argument.removesuffix("_id") + "s"
    guesses = (plural, f"customer_{plural}") if argument.endswith("_id") else ()
    return _TABLES.get(argument) or next((name for name in guesses if name in Base.metadata.tables), None)


def _word(rule: str, name: str) -> str:
    return "transfer" if rule.startswith("/settings/gateways/") else _WORDS[name]


class Bodies:
    """What the API's own document says that a call is to be sent."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._schemas = document["components"]["schemas"]
        self._paths = {re.sub(r"{\w+}", "{}", path): described for path, described in document["paths"].items()}

    def of(self, method: str, rule: str) -> Any:
        """A body that is accepted, or None for a call without one."""
        schema = self._schema(method, rule)
        return None if schema is None else self._value(schema)

    def references(self, method: str, rule: str) -> Iterator[tuple[str, Row | list[Row]]]:
        """Fields that name rows, with a row for each."""
        if method == "GET":
            for one in self._described(method, rule).get("parameters", ()):
                if one.get("in") == "query" and one["name"] in _REFERENCES:
                    yield one["name"], _REFERENCES[one["name"]]
        for name in self._resolved(self._schema(method, rule) or {}).get("properties", {}):
            if name in _REFERENCES:
                yield name, _REFERENCES[name]

    def _described(self, method: str, rule: str) -> dict[str, Any]:
        described = self._paths.get(_ARGUMENT.sub("{}", rule), {}).get(method.lower(), {})
        return described if isinstance(described, dict) else {}

    def _schema(self, method: str, rule: str) -> dict[str, Any] | None:
        content = self._described(method, rule).get("requestBody", {}).get("content", {})
        schema: dict[str, Any] | None = content.get("application/json", {}).get("schema")
        return schema

    def _resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        resolved: dict[str, Any] = self._schemas[schema["$ref"].rsplit("/", 1)[-1]] if "$ref" in schema else schema
        return resolved

    def _value(self, schema: dict[str, Any]) -> Any:
        schema = self._resolved(schema)
        if "example" in schema:
            return schema["example"]
        if "enum" in schema:
            return next(one for one in schema["enum"] if one is not None)
        kinds = schema.get("type", "object")
        kind = next(one for one in ([kinds] if isinstance(kinds, str) else kinds) if one != "null")
        if kind == "object":
            given = schema.get("properties", {})
            return {name: _REFERENCES.get(name) or self._value(given[name]) for name in schema.get("required", ())}
        if kind == "array":
            return [self._value(schema["items"])]
        if kind == "string":
            return {"date": "2026-12-01", "date-time": "2026-12-01T00:00:00Z"}.get(schema.get("format", ""), "words")
        return {"boolean": False}.get(kind, schema.get("minimum", 1))


class Rewound:
    """The application's sessions inside one transaction that is taken back after each call, so calls never meet."""

    def __init__(self, app: Flask, connection: Connection) -> None:
        self._connection = connection
        app.extensions["lintas_sessions"] = sessionmaker(
            connection, expire_on_commit=False, join_transaction_mode="create_savepoint"
        )
        self._tables = {table.name for table in Base.metadata.sorted_tables} - _SEEN
        with connection.begin():
            self._before = self._rows(self._tables)

    @contextmanager
    def call(self) -> Iterator[None]:
        """Whatever is done inside is not."""
        with self._connection.begin() as whole:
            yield
            whole.rollback()

    def changed(self) -> list[str]:
        """The tables that the call changed."""
        if self._connection.scalar(_WROTE_NOTHING):
            return []
        touched = set(self._connection.scalars(_TOUCHED)) & self._tables
        return sorted(name for name, found in self._rows(touched).items() if found != self._before[name])

    def strays(self) -> list[str]:
        """Columns of what the call changed by which a row names a row of another provider."""
        asked = [one for name in self.changed() for one in _stray_references(Base.metadata.tables[name])]
        if not asked:
            return []
        return [name for name, is_stray in self._connection.execute(text(" UNION ALL ".join(asked))) if is_stray]

    def _rows(self, tables: Iterable[str]) -> dict[str, tuple[int, int]]:
        """Of each table how many rows there are, and how many of them this transaction wrote."""
        asked = [_COUNTED.format(name) for name in tables]
        if not asked:
            return {}
        return {name: (whole, mine) for name, whole, mine in self._connection.execute(text(" UNION ALL ".join(asked)))}


_WROTE_NOTHING = text("SELECT pg_current_xact_id_if_assigned() IS NULL")
# Partitions are told by themselves; here are more tables than were touched, never fewer.
_TOUCHED = text(
    "SELECT coalesce(p.inhparent::regclass::text, s.relname) FROM pg_stat_xact_user_tables s"
    " LEFT JOIN pg_inherits p ON p.inhrelid = s.relid WHERE n_tup_ins + n_tup_upd + n_tup_del > 0"
)
_COUNTED = (
    "SELECT '{0}', count(*), count(*) FILTER (WHERE xmin::text::bigint >="
    " coalesce(pg_current_xact_id_if_assigned()::text::bigint, 9223372036854775807)) FROM {0}"
)


def _stray_references(table: Table) -> Iterator[str]:
    for column in table.columns if "tenant_id" in table.columns else ():
        for key in column.foreign_keys:
            other = key.column.table
            if "tenant_id" in other.columns and other.name not in ("tenants", "roles"):
                yield (
                    f"SELECT '{table.name}.{column.name}', EXISTS (SELECT 1 FROM {table.name} a JOIN {other.name} b"
                    f" ON b.{key.column.name} = a.{column.name} WHERE a.tenant_id <> b.tenant_id)"
                )


def send(client: FlaskClient, call: Call, address: str, number_of: Callable[[str], Any]) -> TestResponse:
    """Make the call; `number_of` is told the table of each row that the body or the query names."""
    body, more = _filled(call.body, number_of), {}
    if body is not None:
        is_file = any(isinstance(one, tuple) for one in body.values())
        more = {"data": body} if is_file or not call.is_api else {"json": body}
    return client.open(address, method=call.method, query_string=_filled(call.query, number_of), **more)


def _filled(value: Any, number_of: Callable[[str], Any]) -> Any:
    if isinstance(value, Row):
        return number_of(value.table)
    if isinstance(value, dict):
        return {name: _filled(one, number_of) for name, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, number_of) for one in value]
    return (BytesIO(value), "file") if isinstance(value, bytes) else value


def read(answer: TestResponse) -> bytes:
    """All there is to read in an answer, in small letters; a workbook is an archive, whose bytes would hide it."""
    body: bytes = answer.data
    if body.startswith(b"PK") and is_zipfile(BytesIO(body)):
        with ZipFile(BytesIO(body)) as archive:
            body = b"".join(archive.read(name) for name in archive.namelist())
    return body.lower()

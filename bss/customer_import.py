"""One row of a file of customers becomes a customer, with a subscription when the row names one."""

from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from bss import accounts
from bss.accounts import Account
from bss.actor import Actor
from bss.failure import Conflict, Invalid, Problem
from bss.rows import tenant_of
from db.queries.customers import customer_at_address
from db.queries.named import nas_named, plan_called
from domain.customer_file import MAX_CELL, OF_THE_CUSTOMER
from domain.customer_record import tags_of


def add(
    session: Session, *, actor: Actor, now: datetime, values: Mapping[str, str], check_duplicates: bool = True
) -> Account:
    """Add what a row says; raises the failures of the use-cases, named by the file's columns.

    With `check_duplicates` a row is refused that looks like a customer who is there: same name and same address.
    """
    too_long = [name for name, value in values.items() if len(value) > MAX_CELL]
    if too_long:
        raise Invalid(Problem(field=too_long[0], reason=f"is longer than {MAX_CELL} characters", mend="shorten it"))
    if check_duplicates:
        _require_new(session, actor, values)
    record = {name: _read(name, values[name]) for name in OF_THE_CUSTOMER if name in values}
    record.setdefault("name", "")
    subscription = _subscription(session, actor, values)
    return accounts.create(
        session, actor=actor, now=now, customer=record, subscription=subscription,
        device_name=values.get("device_name"), initial_balance=values.get("initial_balance"),
    )  # fmt: skip


def _read(name: str, value: str) -> Any:
    if name == "tags":
        return tags_of(value)
    if name == "birth_date":
        return _day(value, field=name)
    if name in ("customer_type", "gender", "language"):
        return value.lower()
    return value


def _subscription(session: Session, actor: Actor, values: Mapping[str, str]) -> dict[str, Any] | None:
    if "username" not in values:
        lost = [name for name in ("password", "plan", "nas", "expires_at", "device_name") if name in values]
        if lost:
            mend = "a subscription needs one"
            raise Invalid(Problem(field="username", reason="is missing", mend=mend))
        return None
    plan = plan_called(session, values.get("plan", ""), tenant_id=actor.tenant_id)
    if plan is None:
        raise Invalid(Problem(field="plan", reason="does not exist", mend="use the name or short name of a plan"))
    found: dict[str, Any] = {"username": values["username"], "service_plan_id": plan.id}
    if "nas" in values:
        router = nas_named(session, values["nas"], tenant_id=actor.tenant_id)
        if router is None:
            raise Invalid(Problem(field="nas", reason="does not exist", mend="use the name or address of a router"))
        found["nas_server_id"] = router.id
    if "connection_type" in values:
        found["connection_type"] = values["connection_type"].lower()
    if "expires_at" in values:
        found["expires_at"] = _moment(session, actor, values["expires_at"])
    return found | ({"password": values["password"]} if "password" in values else {})


def _require_new(session: Session, actor: Actor, values: Mapping[str, str]) -> None:
    found = customer_at_address(session, values.get("name", ""), values.get("address", ""), tenant_id=actor.tenant_id)
    if found is not None:
        mend = "leave the row out, or import without looking for duplicates"
        raise Conflict(Problem(field="name", reason=f"looks like {found.customer_code} at the same address", mend=mend))


def _day(value: str, *, field: str) -> date:
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise Invalid(Problem(field=field, reason="is not a day", mend="write it like 2026-11-30")) from None


def _moment(session: Session, actor: Actor, value: str) -> datetime:
    """A moment with its zone, or the beginning of a day where the provider is."""
    zone = ZoneInfo(tenant_of(session, actor=actor).timezone)
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return datetime.combine(_day(value, field="expires_at"), time(), tzinfo=zone)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)

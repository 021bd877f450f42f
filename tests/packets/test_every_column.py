"""Whatever a login depends on: change it by plain SQL, and the next login is decided with the new value.

Which columns that are, PostgreSQL says itself, of the very statements that a login reads. A column that nobody wrote
down, with what it changes (`columns.py`) or why it changes nothing (`idle_columns.py`), fails here.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from db.models import NasServer
from db.models.policy import Family, NasGroup
from db.queries import access, routers
from factories import make_customer, make_nas, make_plan, make_subscription, make_tenant
from house.code import ROOT
from packets.columns import ACCEPTED, CHANGES, REFUSED, SILENT, Change
from packets.conftest import SECRET
from packets.idle_columns import UNREAD, WITHOUT_EFFECT
from radius_stack import RadiusStack, wait_for
from simulator import Login, LoginResult, Method, Service, SimulatedRouter

# The statements that a login is decided from, by the name of the constant.
STATEMENTS = {name: getattr(access, name) for name in ("PROFILE_BY_NAME", "OPEN_SESSIONS", "RECENT_DEVICES")} | {
    name: getattr(routers, name) for name in ("_ROUTERS", "_BLOCKED", "_REVOKED")
}
# What a function reads is not in PostgreSQL's record of a view; its body says it.
FUNCTIONS = {"usage_since": ("usage_daily", "d")}
# A change of a router may take as long as FreeRADIUS keeps what it knows of one.
IN_FORCE_S = 6.0


# --- the table is complete ---


@pytest.fixture(scope="module")
def columns_read(stack: RadiusStack) -> set[str]:
    """Every column that a login reads, as table.column."""
    for name, statement in STATEMENTS.items():
        # A view may not have parameters.
        stack.sql(f"CREATE VIEW read{name} AS {re.sub(r'[$][0-9]+::', 'NULL::', statement)}")
    found = stack.sql(
        "SELECT DISTINCT table_name, column_name FROM information_schema.view_column_usage"
        " WHERE starts_with(view_name, 'read')"
    )
    for name in STATEMENTS:
        stack.sql(f"DROP VIEW read{name}")
    read = {f"{table.removesuffix('_open')}.{column}" for table, column in found}
    for function, (table, alias) in FUNCTIONS.items():
        ((body,),) = stack.sql("SELECT prosrc FROM pg_proc WHERE proname = %s", function)
        read |= {f"{table}.{column}" for column in re.findall(rf"\b{alias}\.(\w+)", body)}
    return read


def test_no_statement_is_forgotten() -> None:
    inside = (path.read_text() for path in (ROOT / "radius").glob("*.py"))
    imported = {name for text in inside for name in re.findall(r"\b[A-Z][A-Z_]+\b", _imports_of_queries(text))}
    routers_file = Path(routers.__file__).read_text()

    assert imported | set(re.findall(r"^(_[A-Z_]+) = ", routers_file, re.MULTILINE)) == STATEMENTS.keys()


def _imports_of_queries(text: str) -> str:
    return "\n".join(re.findall(r"^from db\.queries\.access import (.*)$", text, re.MULTILINE))


def test_every_column_of_every_table_a_login_reads_is_written_down(columns_read: set[str], stack: RadiusStack) -> None:
    tables = {name.partition(".")[0] for name in columns_read}
    there = {
        f"{table}.{column}"
        for table, column in stack.sql(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_name = ANY(%s)", sorted(tables)
        )
    }
    written = {change.column for change in CHANGES}
    idle = {f"{table}.{column}" for table, columns in WITHOUT_EFFECT.items() for column in columns}

    unknown, gone = sorted(there - written - idle), sorted((written | idle) - there)
    assert unknown == [], f"say in columns.py what these do to a login: {unknown}"
    assert gone == [], f"these are no columns of a table that a login reads: {gone}"
    assert sorted(written & idle) == []


def test_what_is_said_to_be_unread_is_not_read_and_what_changes_a_login_is(columns_read: set[str]) -> None:
    unread = {
        f"{table}.{column}"
        for table, columns in WITHOUT_EFFECT.items()
        for column, reason in columns.items()
        if reason == UNREAD
    }

    assert sorted(unread & columns_read) == []
    assert sorted({change.column for change in CHANGES} - columns_read) == []


# --- and it is true ---


@dataclass(kw_only=True)
class Scene:
    """A provider of a change's own: one customer at one router, and the others that the change may need."""

    ids: dict[str, Any]
    username: str
    address: str

    def sql(self, statement: str) -> str:
        """The statement with the scene's ids in it; a per cent sign is one, and no parameter."""
        return statement.format_map(self.ids).replace("%", "%%")


@pytest.fixture(scope="module")
def scenes(stack: RadiusStack) -> dict[str, Scene]:
    """Each change's rows, made before the first login."""
    with stack.sessions() as db:
        made = {change.column: _scene(db, number) for number, change in enumerate(CHANGES)}
        db.commit()
    return made


def _scene(db: Session, number: int) -> Scene:
    tenant, other_tenant = make_tenant(db, timezone="UTC"), make_tenant(db)
    groups, families = ([kind(tenant_id=tenant.id, name=name) for name in "ab"] for kind in (NasGroup, Family))
    db.add_all([*groups, *families])
    db.flush()
    address = f"127.5.{number // 250}.{number % 250 + 1}"
    nas = make_nas(db, tenant=tenant, host=address, radius_secret=SECRET, nas_group_id=groups[0].id)
    other_nas: NasServer = make_nas(db, tenant=tenant)
    plans = [make_plan(db, tenant=tenant) for _ in range(2)]
    customers = [make_customer(db, tenant=tenant) for _ in range(2)]
    own, other = (
        make_subscription(db, tenant=tenant, plan=plan, customer=customer, username=f"{name}{number}")
        for plan, customer, name in zip(plans, customers, ("budi", "ani"), strict=True)
    )
    opens = (_minute_now() - 60) % 1440
    ids = {
        "s": own.id, "p": plans[0].id, "c": customers[0].id, "u": own.username, "t": tenant.id, "n": nas.id,
        "x": other.id, "q": plans[1].id, "d": customers[1].id, "y": other.username, "o": other_tenant.id,
        "m": other_nas.id, "g": groups[0].id, "h": groups[1].id, "f": families[0].id, "e": families[1].id,
        "opens": opens, "closes": (opens + 120) % 1440 + 1,
    }  # fmt: skip
    return Scene(ids=ids, username=own.username, address=address)


def _minute_now() -> int:
    now = datetime.now(UTC)
    return now.hour * 60 + now.minute


@contextmanager
def _router(stack: RadiusStack, scene: Scene, change: Change) -> Iterator[SimulatedRouter]:
    options: dict[str, Any] = {"timeout_ms": 400, "resends": 0} if change.is_about_the_router else {}
    routeros = 7 if change.signs else 6
    with stack.router(secret=SECRET, source_ip=scene.address, coa_port=None, routeros=routeros, **options) as router:
        yield router


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.column)
def test_the_next_login_is_decided_with_the_new_value(
    change: Change, scenes: dict[str, Scene], stack: RadiusStack
) -> None:
    scene = scenes[change.column]
    for statement in change.given:
        stack.sql(scene.sql(statement))
    with _router(stack, scene, change) as router:

        def shows(outcome: str) -> bool:
            return _shows(outcome, router.authenticate(_login(scene, change.service)))

        # The router itself was added a moment ago; what it is refused for must not be counted as guessing.
        wait_for(lambda: router.authenticate(_login(scene, change.service)).accepted is not None, IN_FORCE_S)
        if change.is_about_the_router:
            wait_for(lambda: shows(change.before), IN_FORCE_S)
        else:
            _expect(change.before, router.authenticate(_login(scene, change.service)))
        for statement in change.sql:
            stack.sql(scene.sql(statement))
        if change.is_about_the_router:
            wait_for(lambda: shows(change.after), IN_FORCE_S)
        else:
            _expect(change.after, router.authenticate(_login(scene, change.service)))


def _login(scene: Scene, service: Service) -> Login:
    return Login(service=service, username=scene.username, password=f"pw-{scene.username}", method=Method.PAP)


def _expect(outcome: str, result: LoginResult) -> None:
    assert _shows(outcome, result), f"not {outcome}: accepted {result.accepted}, {result.reply}"


def _shows(outcome: str, result: LoginResult) -> bool:
    verdicts = {ACCEPTED: True, REFUSED: False, SILENT: None}
    if outcome in verdicts:
        return result.accepted is verdicts[outcome]
    name, _, value = outcome.partition("=")
    sent = result.first(name)
    return result.accepted is True and ("" if sent is None else str(sent)) == value

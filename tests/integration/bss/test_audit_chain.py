"""The chain over the audit log finds what was done behind its back, whoever did it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from bss import audit, audit_chain
from bss.actor import Actor
from db.models import AuditLog, Tenant
from factories import make_tenant

KEY = b"k" * 64
NOW = datetime(2026, 11, 27, 8, tzinfo=UTC)


@pytest.fixture
def tenant(db: Session) -> Tenant:
    return make_tenant(db)


@pytest.fixture
def connection(db_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(db_url, options="-c timezone=UTC") as opened:
        yield opened


def write(db: Session, tenant: Tenant, number: int = 1) -> list[int]:
    actor = Actor.system(tenant_id=tenant.id, name="test")
    before = set(db.scalars(select(AuditLog.id)))
    for count in range(number):
        audit.record(
            db, actor=actor, now=NOW, action="tenant.updated", entity=tenant, old={"n": count}, new={"n": count + 1}
        )
    db.commit()
    return sorted(set(db.scalars(select(AuditLog.id))) - before)


def seal(connection: psycopg.Connection[Any]) -> int:
    with connection.transaction():
        return audit_chain.seal_portion(connection, key=KEY, now=NOW)


def check(connection: psycopg.Connection[Any], *heads: str, key: bytes = KEY) -> audit_chain.Verdict:
    with connection.transaction():
        return audit_chain.verify(connection, key=key, now=NOW + timedelta(minutes=1), heads=heads)


def behind_its_back(connection: psycopg.Connection[Any], *statements: str) -> None:
    """What a superuser can do: switch the triggers off, write, switch them on."""
    tables = ("audit_logs", "audit_seals")
    with connection.transaction():
        for table in tables:
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        for statement in statements:
            connection.execute(statement)
        for table in tables:
            connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def kinds(verdict: audit_chain.Verdict) -> list[tuple[str, int | None]]:
    return [(one.kind, one.audit_id) for one in verdict.findings]


def test_what_was_written_is_sealed_in_its_order(
    db: Session, tenant: Tenant, connection: psycopg.Connection[Any]
) -> None:
    write(db, tenant, 5)

    assert check(connection).waiting == 5
    assert seal(connection) == 5
    assert seal(connection) == 0
    verdict = check(connection)

    assert verdict.is_whole
    assert (verdict.checked, verdict.waiting) == (5, 0)


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("UPDATE audit_logs SET actor_name = 'somebody else' WHERE id = {row}", "changed"),
        ("UPDATE audit_logs SET new_values = '{{\"n\": 99}}' WHERE id = {row}", "changed"),
        ("UPDATE audit_logs SET created_at = created_at + interval '1 microsecond' WHERE id = {row}", "changed"),
        ("DELETE FROM audit_logs WHERE id = {row}", "removed"),
    ],
)
def test_a_row_that_was_touched_is_named(
    db: Session, tenant: Tenant, connection: psycopg.Connection[Any], statement: str, kind: str
) -> None:
    rows = write(db, tenant, 5)
    seal(connection)
    behind_its_back(connection, statement.format(row=rows[2]))

    assert kinds(check(connection)) == [(kind, rows[2])]


def test_a_row_that_was_put_in_is_named(db: Session, tenant: Tenant, connection: psycopg.Connection[Any]) -> None:
    rows = write(db, tenant, 3)
    seal(connection)
    columns = "tenant_id, actor_name, actor_type, action, entity_type, created_at"
    copied = f"INSERT INTO audit_logs ({columns}) SELECT {columns} FROM audit_logs WHERE id = {rows[0]}"
    behind_its_back(connection, copied)
    seal(connection)

    assert [kind for kind, _ in kinds(check(connection))] == ["inserted"]


def test_two_rows_that_changed_places_are_named(
    db: Session, tenant: Tenant, connection: psycopg.Connection[Any]
) -> None:
    rows = write(db, tenant, 4)
    seal(connection)
    swap = (
        "UPDATE audit_logs a SET old_values = b.old_values, new_values = b.new_values FROM audit_logs b"
        f" WHERE (a.id, b.id) IN (({rows[1]}, {rows[2]}), ({rows[2]}, {rows[1]}))"
    )
    behind_its_back(connection, swap)

    assert kinds(check(connection)) == [("changed", rows[1]), ("changed", rows[2])]


def test_a_link_that_was_removed_with_its_row_is_missed(
    db: Session, tenant: Tenant, connection: psycopg.Connection[Any]
) -> None:
    rows = write(db, tenant, 4)
    seal(connection)
    behind_its_back(
        connection,
        f"DELETE FROM audit_seals WHERE audit_id = {rows[1]}",
        f"DELETE FROM audit_logs WHERE id = {rows[1]}",
    )
    renumbered = "UPDATE audit_seals SET seq = seq - 1 WHERE seq > 2"

    assert kinds(check(connection)) == [("link_removed", None)]
    behind_its_back(connection, renumbered)
    assert kinds(check(connection)) == [("changed", rows[2]), ("changed", rows[3])]


def test_an_end_that_was_cut_is_found_by_what_was_written_elsewhere(
    db: Session, tenant: Tenant, connection: psycopg.Connection[Any], tmp_path: Path
) -> None:
    rows, heads = write(db, tenant, 4), tmp_path / "heads.log"
    seal(connection)
    assert audit_chain.note_head(heads, audit_chain.head_line(connection), NOW)
    assert not audit_chain.note_head(heads, "9:ff", NOW + timedelta(minutes=59))
    behind_its_back(
        connection,
        f"DELETE FROM audit_seals WHERE audit_id >= {rows[2]}",
        f"DELETE FROM audit_logs WHERE id >= {rows[2]}",
    )

    assert check(connection).is_whole
    assert kinds(check(connection, *audit_chain.noted_heads(heads))) == [("cut", None)]


def test_a_chain_made_anew_is_not_the_one_that_was_written_down(
    db: Session, tenant: Tenant, connection: psycopg.Connection[Any]
) -> None:
    write(db, tenant, 4)
    seal(connection)
    head = audit_chain.head_line(connection)
    behind_its_back(
        connection,
        "UPDATE audit_logs SET actor_name = 'nobody'",
        "DELETE FROM audit_seals",
        "INSERT INTO audit_unsealed SELECT id FROM audit_logs",
    )
    seal(connection)

    assert check(connection).is_whole
    assert kinds(check(connection, head)) == [("changed", None)]


def test_without_the_key_no_seal_can_be_made(db: Session, tenant: Tenant, connection: psycopg.Connection[Any]) -> None:
    write(db, tenant, 3)
    with connection.transaction():
        audit_chain.seal_portion(connection, key=b"guessed", now=NOW)

    assert not check(connection).is_whole


def test_a_long_transaction_is_sealed_when_it_is_done(
    db: Session, db_url: str, tenant: Tenant, connection: psycopg.Connection[Any]
) -> None:
    db.commit()
    actor = Actor.system(tenant_id=tenant.id, name="slow")
    audit.record(db, actor=actor, now=NOW, action="tenant.updated", entity=tenant)
    db.flush()
    with psycopg.connect(db_url) as other:
        other.execute(
            "INSERT INTO audit_logs (tenant_id, actor_name, actor_type, action, entity_type)"
            " VALUES (%s, 'fast', 'system', 'x', 'y')",
            (tenant.id,),
        )
    assert seal(connection) == 1
    db.commit()

    assert seal(connection) == 1
    assert check(connection).is_whole


def test_two_who_seal_at_once_make_one_chain(
    db: Session, db_url: str, tenant: Tenant, connection: psycopg.Connection[Any]
) -> None:
    write(db, tenant, 300)

    def work(_: int) -> int:
        with psycopg.connect(db_url) as own:
            return sum(seal(own) for _ in range(5))

    with ThreadPoolExecutor(4) as pool:
        sealed = sum(pool.map(work, range(4)))

    assert sealed == 300
    assert check(connection).checked == 300
    assert check(connection).is_whole


def test_rows_that_nobody_seals_are_told(db: Session, tenant: Tenant, connection: psycopg.Connection[Any]) -> None:
    write(db, tenant)

    with connection.transaction():
        verdict = audit_chain.verify(connection, key=KEY, now=NOW + timedelta(minutes=6))

    assert [one.kind for one in verdict.findings] == ["late"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_logs SET action = 'x'",
        "DELETE FROM audit_logs",
        "TRUNCATE audit_logs",
        "UPDATE audit_seals SET seal = ''",
        "DELETE FROM audit_seals",
        "TRUNCATE audit_seals",
    ],
)
def test_the_database_refuses_every_change(db: Session, tenant: Tenant, statement: str) -> None:
    write(db, tenant)

    with pytest.raises(DBAPIError, match="append-only"):
        db.execute(text(statement))


def test_the_key_is_made_once_and_closed_to_others(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "audit.key"

    assert audit_chain.read_key(path) == audit_chain.read_key(path)
    assert len(audit_chain.read_key(path)) == 64
    assert path.stat().st_mode & 0o077 == 0


def test_a_key_that_is_given_is_read_where_nothing_may_be_written(tmp_path: Path) -> None:
    path = tmp_path / "audit_key"
    path.write_text("given\n")
    tmp_path.chmod(0o755)

    assert audit_chain.read_key(path) == b"given"
    assert tmp_path.stat().st_mode & 0o777 == 0o755

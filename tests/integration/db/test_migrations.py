"""The tables in the database are the tables in the code, and every step there can be taken back."""

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import CheckConstraint, Engine
from sqlalchemy.orm import Session

from db import migrations
from db.engine import make_engine
from db.migrations import runner
from db.models import Base
from factories import make_nas, make_session, make_subscription, make_user

VERSIONS = Path(migrations.__file__).parent / "versions"
# Months of the tables that are cut by month, and the default partitions: no model of their own.
PARTITION = re.compile(r"^(radacct|access_log|usage_hourly)_(open|default|\d{4}_\d{2})$")


def script() -> ScriptDirectory:
    return ScriptDirectory.from_config(runner.alembic_config(""))


def test_migrations_are_numbered_without_a_gap_and_follow_each_other() -> None:
    revisions = [revision.revision for revision in reversed(list(script().walk_revisions()))]

    assert revisions == [f"{number:04d}" for number in range(1, len(revisions) + 1)]
    assert [path.name[:4] for path in sorted(VERSIONS.glob("[0-9]*.py"))] == revisions


def test_there_is_one_newest_migration() -> None:
    assert len(script().get_heads()) == 1
    assert runner.head_revision() == script().get_heads()[0]


def _is_ours(thing: object, name: str | None, kind: str, _reflected: bool, _other: object) -> bool:
    table = name if kind == "table" else getattr(getattr(thing, "table", None), "name", "")
    return not PARTITION.match(table or "")


def _differences(engine: Engine) -> list[object]:
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True, "include_object": _is_ours}
        )
        return list(compare_metadata(context, Base.metadata))


# Alembic cannot compare the search index's operator class, and says so.
@pytest.mark.filterwarnings("ignore:Expression #1:UserWarning")
def test_the_tables_are_what_the_models_say(db_url: str) -> None:
    engine = make_engine(db_url)
    try:
        assert _differences(engine) == []
    finally:
        engine.dispose()


def test_every_check_of_the_models_is_in_the_database(connection: psycopg.Connection) -> None:
    """Autogeneration does not look at checks."""
    stored = {
        (table, name)
        for table, name in connection.execute(
            "SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE contype = 'c' AND conrelid <> 0"
        )
    }
    wanted = {
        (table.name, str(constraint.name))
        for table in Base.metadata.sorted_tables
        for constraint in table.constraints
        if isinstance(constraint, CheckConstraint)
    }

    assert {pair for pair in stored if not PARTITION.match(pair[0])} == wanted


def _shape(url: str) -> list[tuple[object, ...]]:
    """Everything a migration can leave behind, by name."""
    with psycopg.connect(url) as connection:
        return connection.execute(
            "SELECT 'class', relkind::text, relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND relname !~ '^alembic_version'"
            " UNION SELECT 'function', '', proname FROM pg_proc p WHERE pronamespace = 'public'::regnamespace"
            "  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')"
            " UNION SELECT 'trigger', tgrelid::regclass::text, tgname FROM pg_trigger WHERE NOT tgisinternal"
            " UNION SELECT 'column', attrelid::regclass::text, attname || ' ' || atttypid::regtype || ' ' || attnotnull"
            "  FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid"
            "  WHERE relnamespace = 'public'::regnamespace AND attnum > 0 AND NOT attisdropped"
            "  AND relname !~ '^alembic_version'"
            " ORDER BY 1, 2, 3"
        ).fetchall()


def test_every_step_back_leaves_what_was_there_before_it(empty_db_url: str) -> None:
    revisions = [revision.revision for revision in reversed(list(script().walk_revisions()))]
    shapes = [_shape(empty_db_url)]
    for revision in revisions:
        runner.upgrade(empty_db_url, revision)
        shapes.append(_shape(empty_db_url))
    assert runner.current_revision(empty_db_url) == runner.head_revision()

    for step in range(len(revisions) - 1, -1, -1):
        runner.downgrade(empty_db_url, revisions[step - 1] if step else "base")
        assert _shape(empty_db_url) == shapes[step], f"after taking back {revisions[step]}"


def test_tables_with_rows_go_down_and_come_up_again(db_url: str, keys_file: Path) -> None:
    engine = make_engine(db_url)
    before = _shape(db_url)
    with Session(engine) as db:
        subscription = make_subscription(db)
        nas = make_nas(db)
        make_session(db, subscription, nas)
        make_session(db, subscription, nas, acctstoptime=datetime(2026, 1, 1, tzinfo=UTC))
        make_user(db)
        db.commit()
    engine.dispose()

    runner.downgrade(db_url, "base")
    assert runner.current_revision(db_url) == ""
    runner.upgrade(db_url)

    assert _shape(db_url) == before


def test_migrating_a_database_that_is_up_to_date_changes_nothing(db_url: str) -> None:
    before = _shape(db_url)

    runner.upgrade(db_url)

    assert _shape(db_url) == before


def test_two_that_migrate_at_once_wait_for_each_other(empty_db_url: str) -> None:
    code = "import sys; from db.migrations import runner; runner.upgrade(sys.argv[1])"

    def migrate(_: int) -> int:
        return subprocess.run(
            [sys.executable, "-c", code, empty_db_url], check=False, timeout=60, cwd=VERSIONS.parents[2]
        ).returncode

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(migrate, range(2))) == [0, 0]
    assert runner.current_revision(empty_db_url) == runner.head_revision()


# --- what only the database holds ---------------------------------------------------------------------------------


@pytest.mark.parametrize("parent", ["radacct", "access_log", "usage_hourly"])
def test_there_is_room_for_the_last_month_and_three_months_ahead(connection: psycopg.Connection, parent: str) -> None:
    months = {
        name
        for (name,) in connection.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass", [parent]
        )
    }
    wanted = {
        name
        for (name,) in connection.execute(
            "SELECT %s || to_char(date_trunc('month', now()) + make_interval(months => step), '_YYYY_MM')"
            " FROM generate_series(-1, 3) step",
            [parent],
        )
    }

    assert wanted <= months


def test_months_are_made_once_however_often_they_are_asked_for(connection: psycopg.Connection) -> None:
    ask = "SELECT ensure_month_partitions('radacct', '2031-11-20', 4)"

    assert connection.execute(ask).fetchone() == (4,)
    assert connection.execute(ask).fetchone() == (0,)
    names = connection.execute(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'radacct'::regclass"
        " AND inhrelid::regclass::text ~ '_203[12]_' ORDER BY 1"
    ).fetchall()
    assert [name for (name,) in names] == ["radacct_2031_11", "radacct_2031_12", "radacct_2032_01", "radacct_2032_02"]


def test_months_begin_at_midnight_utc_whatever_the_session_thinks_the_time_zone_is(
    connection: psycopg.Connection,
) -> None:
    connection.execute("SET timezone = 'Asia/Jakarta'")
    connection.execute("SELECT ensure_month_partitions('access_log', '2033-03-01', 1)")
    connection.execute("SET timezone = 'UTC'")

    (bounds,) = connection.execute(
        "SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE relname = 'access_log_2033_03'"
    ).fetchone() or ("",)

    assert "2033-03-01 00:00:00+00" in bounds
    assert "2033-04-01 00:00:00+00" in bounds


def test_a_session_moves_to_its_month_when_it_ends(
    db: Session, connection: psycopg.Connection, keys_file: Path
) -> None:
    subscription, nas = make_subscription(db), make_nas(db)
    row = make_session(db, subscription, nas)
    db.commit()

    def place() -> str:
        statement = "SELECT tableoid::regclass::text FROM radacct WHERE acctuniqueid = %s"
        (name,) = connection.execute(statement, [row.acctuniqueid]).fetchone() or ("",)
        return str(name)

    assert place() == "radacct_open"
    connection.execute("UPDATE radacct SET acctstoptime = now() WHERE acctuniqueid = %s", [row.acctuniqueid])
    (month,) = connection.execute("SELECT to_char(now() AT TIME ZONE 'UTC', '\"radacct\"_YYYY_MM')").fetchone() or ("",)
    assert place() == month


def test_a_session_is_open_once(db: Session, connection: psycopg.Connection, keys_file: Path) -> None:
    subscription, nas = make_subscription(db), make_nas(db)
    row = make_session(db, subscription, nas)
    db.commit()
    copy = (
        "INSERT INTO radacct (tenant_id, nas_server_id, nasipaddress, acctsessionid, acctuniqueid, acctstarttime,"
        " acctupdatetime, acctstoptime) VALUES (1, 1, '10.0.0.1', 'x', %s, now(), now(), %s)"
    )

    with pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute(copy, [row.acctuniqueid, None])

    connection.execute("UPDATE radacct SET acctstoptime = now() WHERE acctuniqueid = %s", [row.acctuniqueid])
    connection.execute(copy, [row.acctuniqueid, None])


@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit_logs SET action = 'nothing'", "DELETE FROM audit_logs", "TRUNCATE audit_logs"],
)
def test_what_was_done_cannot_be_undone_in_the_audit_log(connection: psycopg.Connection, statement: str) -> None:
    connection.execute("INSERT INTO tenants (name, slug) VALUES ('t', 't')")
    connection.execute(
        "INSERT INTO audit_logs (tenant_id, actor_name, actor_type, action, entity_type)"
        " SELECT id, 'a', 'system', 'plan.create', 'plan' FROM tenants"
    )

    with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
        connection.execute(statement)

    assert connection.execute("SELECT count(*) FROM audit_logs").fetchone() == (1,)

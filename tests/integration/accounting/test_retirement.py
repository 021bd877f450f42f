"""A month leaves the live tables into a file that is proved whole before anything is dropped, and comes back."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner

from accounting import jobs, retirement
from accounting.retirement import ArchiveError
from cli.main import root
from db.queries import archives
from db.queries.prefixes import known_lengths
from domain.retirement import WrongMove
from runtime.settings import Settings
from tests.integration.accounting.conftest import Isp

NOW = datetime(2027, 11, 21, 2, 0, tzinfo=UTC)
OLD = datetime(2027, 1, 15, 10, 0, tzinfo=UTC)
MONTH = "radacct_2027_01"
NAMES = ["budi", "a,b", 'quo"ted', "two\nlines", "", "ünïcode 😀", '"', '"\n"']


@pytest.fixture
def year(isp: Isp) -> Isp:
    """Months from January on, with sessions of every awkward name in the first and one in each later."""
    jobs.keep_partitions(isp.connection, OLD)
    jobs.keep_partitions(isp.connection, datetime(2027, 6, 15, tzinfo=UTC))
    jobs.keep_partitions(isp.connection, NOW)
    # Those that the migration made for the real calendar.
    for row in isp.rows("SELECT relname FROM pg_class WHERE relname ~ '^radacct_2026_..$'"):
        isp.do(f"DROP TABLE {row['relname']}")
    for number, name in enumerate(NAMES):
        add(isp, number, name, OLD)
    for number in range(2, 12):
        add(isp, 100 + number, "budi", OLD.replace(month=number))
    isp.do("INSERT INTO settings (key, value) VALUES ('retention_months.radacct', '9')")
    return isp


def add(isp: Isp, number: int, name: str, at: datetime) -> None:
    isp.do(
        "INSERT INTO radacct (tenant_id, nas_server_id, nasipaddress, acctsessionid, acctuniqueid, username,"
        " acctstarttime, acctupdatetime, acctstoptime, acctoutputoctets, framedipaddress, subscription_id)"
        " VALUES (%s, %s, '10.0.0.1', 'x', %s, %s, %s, %s, %s, 1000, '100.64.0.1', %s)",
        isp.tenant_id, isp.nas_id, f"{number:032x}", name, at - timedelta(hours=1), at, at, isp.subscription_id,
    )  # fmt: skip


def retire(isp: Isp, folder: Path) -> int:
    return retirement.retire(isp.connection, NOW, folder=folder, node="node1")


def names_of(isp: Isp) -> list[str]:
    rows = isp.rows("SELECT username FROM radacct WHERE acctstoptime < '2027-02-01' ORDER BY acctuniqueid")
    return [row["username"] for row in rows]


def test_a_month_that_comes_back_is_found_by_the_prefixes_in_it(year: Isp, tmp_path: Path) -> None:
    year.do("UPDATE radacct SET delegatedipv6prefix = '2001:db8:1::/57' WHERE acctuniqueid = %s", f"{0:032x}")
    year.do("DELETE FROM address_prefix_lengths")
    retire(year, tmp_path)
    retirement.restore(year.connection, MONTH, folder=tmp_path, now=NOW)
    assert known_lengths(year.connection) == {"delegatedipv6prefix": [57]}


def test_without_a_setting_nothing_ever_leaves(year: Isp, tmp_path: Path) -> None:
    year.do("DELETE FROM settings")
    assert retire(year, tmp_path) == 0
    assert names_of(year) == NAMES


def test_a_month_leaves_into_a_file_and_comes_back_as_it_was(year: Isp, tmp_path: Path) -> None:
    before = year.rows("SELECT * FROM radacct ORDER BY acctuniqueid")
    assert [month.name for month in retirement.due(year.connection, NOW)] == [MONTH]
    assert retire(year, tmp_path) == 1
    assert names_of(year) == []
    assert year.one("SELECT to_regclass(%s)", MONTH) is None
    assert len(year.rows("SELECT 1 FROM radacct")) == len(before) - len(NAMES)

    archive = archives.archive_named(year.connection, MONTH)
    assert archive is not None
    assert (archive.state, archive.rows) == ("dropped", len(NAMES))
    assert retirement.verify(archive, tmp_path) == len(NAMES)
    assert (tmp_path / f"{MONTH}.csv.gz").stat().st_mode & 0o077 == 0
    assert json.loads((tmp_path / f"{MONTH}.json").read_text())["sha256"] == archive.sha256

    retirement.restore(year.connection, MONTH, folder=tmp_path, now=NOW)
    assert year.rows("SELECT * FROM radacct ORDER BY acctuniqueid") == before
    assert year.one("SELECT count(*) FROM pg_indexes WHERE tablename = %s", MONTH) == year.one(
        "SELECT count(*) FROM pg_indexes WHERE tablename = 'radacct_2027_02'"
    )
    # It has its time before it leaves again.
    assert retire(year, tmp_path) == 0
    assert retirement.retire(year.connection, NOW + timedelta(days=31), folder=tmp_path, node="node1") == 2
    assert names_of(year) == []


@pytest.mark.parametrize("broken", ["checksum", "torn", "empty", "missing"])
def test_a_file_that_is_not_whole_keeps_the_month_from_being_dropped(
    year: Isp, tmp_path: Path, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    true_export = retirement._export

    def export(*arguments: object) -> archives.Archive:
        done = true_export(*arguments)  # type: ignore[arg-type]
        path = tmp_path / str(done.file)
        if broken == "checksum":
            path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()).replace(b"1000", b"1001")))
        elif broken == "missing":
            path.unlink()
        else:
            path.write_bytes(path.read_bytes()[: 0 if broken == "empty" else 100])
        return done

    monkeypatch.setattr(retirement, "_export", export)
    with pytest.raises(ArchiveError):
        retire(year, tmp_path)
    assert year.one("SELECT to_regclass(%s)", MONTH) is not None
    assert archives.stuck(year.connection, since=NOW + timedelta(seconds=1)) == [MONTH]


def test_whatever_stops_it_the_next_run_goes_on_from_there(
    year: Isp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(*_: object, **__: object) -> None:
        raise Killed

    for step in ("_export", "_write_note", "verify"):
        with monkeypatch.context() as patch:
            patch.setattr(retirement, step, killed)
            with pytest.raises(Killed):
                retire(year, tmp_path)
        rows = year.one("SELECT to_regclass(%s)", MONTH)
        assert rows is not None, step
    assert retire(year, tmp_path) == 1
    assert {archive.state for archive in archives.all_archives(year.connection)} == {"dropped"}
    retirement.restore(year.connection, MONTH, folder=tmp_path, now=NOW)
    assert names_of(year) == NAMES


def test_a_full_disk_leaves_the_month_where_it_is(year: Isp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = retirement.shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(retirement.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(ArchiveError, match="room"):
        retire(year, tmp_path)
    assert names_of(year) == NAMES
    assert archives.all_archives(year.connection) == []


def test_a_month_that_is_in_use_or_was_never_there_cannot_be_restored(year: Isp, tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="no month"):
        retirement.restore(year.connection, MONTH, folder=tmp_path, now=NOW)
    retire(year, tmp_path)
    retirement.restore(year.connection, MONTH, folder=tmp_path, now=NOW)
    with pytest.raises(WrongMove):
        retirement.restore(year.connection, MONTH, folder=tmp_path, now=NOW)


def test_a_collector_that_merges_is_waited_for_and_not_blocked_for_long(year: Isp, tmp_path: Path) -> None:
    with psycopg.connect(year.db_url) as other:
        other.execute("SELECT count(*) FROM radacct")
        year.do("SET lock_timeout = '200ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            retire(year, tmp_path)
    assert retire(year, tmp_path) == 1


def test_hours_of_usage_leave_without_a_file(year: Isp, tmp_path: Path) -> None:
    year.do("INSERT INTO settings (key, value) VALUES ('retention_months.usage_hourly', '3')")
    year.do("DELETE FROM settings WHERE key = 'retention_months.radacct'")
    assert retire(year, tmp_path) > 5
    assert year.one("SELECT to_regclass('usage_hourly_2027_07')") is None
    assert year.one("SELECT to_regclass('usage_hourly_2027_08')") is not None
    assert list(tmp_path.glob("usage*")) == []


def test_by_hand_it_says_first_what_it_would_do(year: Isp, settings: Settings) -> None:
    told = CliRunner().invoke(root, ["jobs", "run", "accounting.retire", "--dry-run"])
    assert told.exit_code == 0, told.output
    assert year.one("SELECT to_regclass(%s)", MONTH) is not None
    refused = CliRunner().invoke(root, ["jobs", "run", "accounting.sweep", "--dry-run"])
    assert refused.exit_code == 1
    assert "accounting.sweep cannot tell beforehand; accounting.retire, " in refused.output


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_rows_are_counted_whatever_is_in_them_and_however_they_are_cut(size: int) -> None:
    text = b'a,b\n1,"x\ny"\n2,"say ""hi""\n"\n3,plain\n'
    assert retirement._count_rows(iter([text[at : at + size] for at in range(0, len(text), size)])) == 3
    assert retirement._count_rows(iter([])) == 0


def test_a_month_that_is_asked_for_comes_back_and_tells_how_far_it_is(
    year: Isp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accounting.retirement.TELL_EVERY_S", 0)
    monkeypatch.setattr("accounting.retirement.PIECE_BYTES", 300)
    before = year.rows("SELECT * FROM radacct ORDER BY acctuniqueid")
    retire(year, tmp_path)
    year.do("UPDATE partition_archives SET asked_at = now(), asked_by = 'Dewi'")
    told: list[int] = []
    monkeypatch.setattr(archives, "note_rows_back", lambda _, name, rows: told.append(rows))

    def bring_back(node: str) -> int:
        with psycopg.connect(year.db_url, autocommit=True) as other:
            return retirement.bring_back(year.connection, NOW, folder=tmp_path, node=node, other=other)

    assert bring_back("node2") == 0
    # Somebody else is at it.
    with psycopg.connect(year.db_url, autocommit=True) as someone:
        assert archives.hold(someone, MONTH)
        assert bring_back("node1") == 0
    assert bring_back("node1") == 1

    assert year.rows("SELECT * FROM radacct ORDER BY acctuniqueid") == before
    assert len(told) > 2
    assert told == sorted(told)
    archive = archives.archive_named(year.connection, MONTH)
    assert archive is not None
    assert (archive.state, archive.asked_at, archive.rows_back, archive.problem) == ("restored", None, None, None)

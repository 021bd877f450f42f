"""What an acknowledgement promises: in strict mode the record is on the disk, and a disk that fails is silence."""

import contextlib
import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from packets.test_spool import _router_of, a_record, stored
from radius_stack import RadiusStack, radius_stack, wait_for
from runtime import freeradius

needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
_CALL = re.compile(r"^(\d+)\s+(?:<\.\.\. )?(\w+)")


@contextlib.contextmanager
def traced(stack: RadiusStack, out: Path, *options: str) -> Iterator[None]:
    """Everything that the accounting server asks of the kernel about files and acknowledgements."""
    pids = stack.servers(freeradius.ACCOUNTING)
    calls = "write,writev,fdatasync,fsync,sendto,sendmsg"
    command = ["strace", "-f", "-y", "-q", "-o", str(out), "-e", f"trace={calls}", *options]
    command += [word for pid in pids for word in ("-p", str(pid))]
    tracer = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    wait_for(lambda: out.exists() and all(_is_attached(pid) for pid in pids), 5)
    try:
        yield
    finally:
        tracer.terminate()
        tracer.wait(10)


def _is_attached(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    return "TracerPid:\t0\n" not in status


def acknowledged_before_safe(trace: str) -> tuple[int, int]:
    """How many acknowledgements left, and how many of them before so many records were on the disk."""
    written = safe = acknowledged = early = 0
    asking: dict[str, int] = {}
    for line in trace.splitlines():
        match = _CALL.match(line)
        if match is None:
            continue
        thread, call = match.groups()
        is_end = "unfinished" not in line
        if call in ("write", "writev") and ".jsonl" in line and "<..." not in line:
            # Counted when it begins; it cannot be counted as safe before a sync that begins later.
            written += 1
        elif call == "fdatasync":
            if "<..." not in line and ".jsonl" in line:
                asking[thread] = written
            if is_end and line.endswith("= 0") and thread in asking:
                safe = max(safe, asking.pop(thread))
        elif call in ("sendto", "sendmsg") and "<..." not in line and "sin_port" in line:
            acknowledged += 1
            early += acknowledged > safe
    return acknowledged, early


@needs_strace
def test_with_the_strict_mode_no_acknowledgement_leaves_before_its_record_is_on_the_disk(
    db_url: str, tmp_path: Path
) -> None:
    with (
        radius_stack(tmp_path, db_url, spool_strict=True, spool_sync_ms=60_000) as stack,
        contextlib.closing(_router_of(stack)) as nas,
    ):
        wait_for(lambda: nas.send(a_record("ready"), timeout_s=0.3, tries=1), 15)
        with traced(stack, tmp_path / "trace"):
            sent = nas.storm(600, "strict", timeout_s=10)
        assert nas.acknowledged >= set(sent)
        assert stored(stack, "strict").keys() == set(sent)

    trace = (tmp_path / "trace").read_text()
    acknowledged, early = acknowledged_before_safe(trace)
    assert acknowledged >= 600
    assert early == 0
    # Records that wait together share a request to the disk.
    assert trace.count("fdatasync(") < 600


NO_TEXT = {"latin": b"caf\xe9", "broken": b"\xff\xfe\xfd", "nul": b"bu\0di", "only-nul": b"\0"}


def test_with_the_strict_mode_a_record_of_bytes_that_are_no_text_is_acknowledged(db_url: str, tmp_path: Path) -> None:
    with (
        radius_stack(tmp_path, db_url, spool_strict=True, spool_sync_ms=60_000) as stack,
        contextlib.closing(_router_of(stack)) as nas,
    ):
        wait_for(lambda: nas.send(a_record("ready"), timeout_s=0.3, tries=1), 15)
        assert [key for key, name in NO_TEXT.items() if not nas.send(a_record(key, name))] == []
        whole = stored(stack)
        assert whole.keys() >= NO_TEXT.keys()
        assert whole["latin"]["User-Name"].encode(errors="surrogateescape") == NO_TEXT["latin"]
        assert whole["latin"]["Acct-Session-Time"] == 600


def test_with_the_strict_mode_a_proxy_gets_back_what_it_needs(db_url: str, tmp_path: Path) -> None:
    marks = [b"first \xff", b"second"]
    with (
        radius_stack(tmp_path, db_url, spool_strict=True, spool_sync_ms=60_000) as stack,
        contextlib.closing(_router_of(stack)) as nas,
    ):
        wait_for(lambda: nas.send(a_record("ready"), timeout_s=0.3, tries=1), 15)
        answer = nas.answer_to([*a_record("proxied"), *(("Proxy-State", mark) for mark in marks)])
        assert [value for name, value in answer if name == "Proxy-State"] == marks
        assert "proxied" in stored(stack)


def notes_of(stack: RadiusStack) -> list[dict[str, float]]:
    """What the watch of each accounting server says, of those that have said anything."""
    return [json.loads(path.read_text()) for path in sorted(stack.settings.spool_dir.glob("watch-accounting*.json"))]


@needs_strace
@pytest.mark.parametrize("strict", [True, False])
def test_a_disk_that_does_not_take_what_it_is_given_gets_no_acknowledgement(
    db_url: str, tmp_path: Path, strict: bool
) -> None:
    with (
        radius_stack(tmp_path, db_url, spool_strict=strict, spool_sync_ms=50) as stack,
        contextlib.closing(_router_of(stack)) as nas,
    ):
        wait_for(lambda: nas.send(a_record("ready"), timeout_s=0.3, tries=1), 15)
        with traced(stack, tmp_path / "trace", "-e", "inject=fdatasync:error=EIO"):
            nas.send(a_record("first"), timeout_s=0.3, tries=1)
            time.sleep(0.5)
            assert not nas.send(a_record("refused"), timeout_s=0.3, tries=2)
        assert "accounting spool not synced" in stack.log()
        wait_for(lambda: any(note["errors"] > 0 for note in notes_of(stack)), 5)
        # It is trusted again after a while of quiet.
        wait_for(lambda: nas.send(a_record("later"), timeout_s=0.3, tries=1), 20)
        assert "later" in stored(stack)


@needs_strace
def test_a_slow_disk_makes_acknowledgements_slow_and_loses_none(db_url: str, tmp_path: Path) -> None:
    with (
        radius_stack(tmp_path, db_url, spool_strict=True, spool_sync_ms=60_000) as stack,
        contextlib.closing(_router_of(stack)) as nas,
    ):
        wait_for(lambda: nas.send(a_record("ready"), timeout_s=0.3, tries=1), 15)
        with traced(stack, tmp_path / "trace", "-e", "inject=fdatasync:delay_enter=200000"):
            sent = nas.storm(40, "slow", timeout_s=20)
        assert nas.acknowledged >= set(sent)
        assert stored(stack, "slow").keys() == set(sent)


def test_in_the_background_everything_is_on_the_disk_within_the_interval(db_url: str, tmp_path: Path) -> None:
    with radius_stack(tmp_path, db_url, spool_sync_ms=100) as stack, contextlib.closing(_router_of(stack)) as nas:
        wait_for(lambda: nas.send(a_record("ready"), timeout_s=0.3, tries=1), 15)
        sent_at = time.time()
        assert nas.send(a_record("safe"))
        servers = len(stack.servers(freeradius.ACCOUNTING))
        wait_for(lambda: sum(note["synced_at"] > sent_at for note in notes_of(stack)) == servers, 5)
        assert [note["errors"] for note in notes_of(stack)] == [0.0] * servers


@pytest.mark.long
def test_a_spool_folder_that_cannot_be_written_gets_no_acknowledgement(db_url: str, tmp_path: Path) -> None:
    with radius_stack(tmp_path, db_url) as stack, contextlib.closing(_router_of(stack)) as nas:
        wait_for(lambda: nas.send(a_record("ready"), timeout_s=0.3, tries=1), 15)
        spool = stack.settings.spool_dir
        # Root may write anywhere, so the folder makes way for a file of its name.
        spool.rename(tmp_path / "away")
        spool.write_text("")
        assert not nas.send(a_record("refused"), timeout_s=0.3, tries=2)
        spool.unlink()
        (tmp_path / "away").rename(spool)
        # Longer than the disk is distrusted, should a sync have fallen into that time.
        wait_for(lambda: nas.send(a_record("back"), timeout_s=0.3, tries=1), 20)
        assert "refused" not in stored(stack)


@needs_strace
@pytest.mark.parametrize("error", ["ENOSPC", "EIO", "EDQUOT"])
def test_a_write_that_fails_once_costs_a_try_and_no_record(db_url: str, tmp_path: Path, error: str) -> None:
    with radius_stack(tmp_path, db_url) as stack, contextlib.closing(_router_of(stack)) as nas:
        wait_for(lambda: nas.send(a_record("ready"), timeout_s=0.3, tries=1), 15)
        (spool,) = stack.settings.spool_dir.glob("acct-*.jsonl")
        with traced(stack, tmp_path / "trace", "-P", str(spool), "-e", f"inject=write,writev:error={error}:when=3+10"):
            for number in range(40):
                assert nas.send(a_record(f"once{number}"), timeout_s=0.3)
        whole = stored(stack, "once")
        assert whole.keys() == {f"once{number}" for number in range(40)}
        assert spool.stat().st_size > 0

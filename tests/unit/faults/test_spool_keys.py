"""Which record a line of the spool is."""

from pathlib import Path

import pytest

from faults.checks import Spooled, key_of, lost_records, read_spool
from faults.truth import Key

CLASS = "lts1:17:0:abc"
START = Key("127.0.0.9", "81000017", CLASS, "Start", None, None, None)
INTERIM = Key("127.0.0.9", "81000017", CLASS, "Interim-Update", (1 << 32) + 10, 20, 60)


def spooled(key: Key) -> bytes:
    told = (
        ""
        if key.session_s is None
        else f',"Acct-Session-Time":{key.session_s},"Acct-Input-Octets":10,"Acct-Input-Gigawords":1,'
        '"Acct-Output-Octets":20'
    )
    return (
        f'1795741235.204512 {key.router} {{"Acct-Status-Type":"{key.status}","Acct-Session-Id":"{key.session_id}",'
        f'"Class":"0x{CLASS.encode().hex()}"{told}}}\n'
    ).encode()


@pytest.mark.parametrize("key", [START, INTERIM])
def test_a_line_is_the_record_that_was_sent(key: Key) -> None:
    assert key_of(spooled(key)) == key


@pytest.mark.parametrize(
    "raw", [b"", b"nothing", b"1795741235.2 127.0.0.9 {", b'1795741235.2 127.0.0.9 {"Acct-Status-Type":"Stop"}',
            b'1.2 127.0.0.9 {"Acct-Status-Type":"Stop","Acct-Session-Id":["a","b"]}']
)  # fmt: skip
def test_what_is_no_record_is_none(raw: bytes) -> None:
    assert key_of(raw) is None


def test_repeats_and_torn_lines_are_counted_and_a_missing_record_is_lost(tmp_path: Path) -> None:
    before = b"an older run\n"
    torn = spooled(START)[:25]
    (tmp_path / "acct-2026112700.jsonl").write_bytes(before + spooled(START) * 2 + torn + spooled(INTERIM))

    found = read_spool({"n": tmp_path}, {("n", "acct-2026112700.jsonl"): len(before)})

    assert (found.lines, found.unreadable, found.torn, found.keys) == (3, 0, 1, {START: 2, INTERIM: 1})
    assert lost_records([START, INTERIM], found) == []
    assert lost_records([INTERIM], Spooled(keys=type(found.keys)(), lines=0, unreadable=0)) == [INTERIM]

"""Accounting on its way to the disk: what is acknowledged is stored, whole, as it came, whatever the packet holds."""

import contextlib
import hashlib
import json
import os
import random
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from accounting.records import parse_line
from factories import make_nas, make_subscription
from packets.conftest import SECRET
from radius_stack import RadiusStack, radius_stack, wait_for
from simulator import Login, Method, Service, SimulatedRouter, wire
from simulator.wire import Attribute, Code

LINE = re.compile(rb"(\d{10})\.(\d{6}) (\S+) (\{.*\})", re.DOTALL)
SEED = 20_261_101
CRAFTED = [
    'bu"di',
    "bu'di",
    "bu\\di\\",
    "bu\ndi",
    'bu\ndi"}\n1700000000.000001 127.0.0.1 {"User-Name":"forged","Acct-Status-Type":"Stop"}',
    'budi","User-Name":"forged',
    "%{User-Name} %{exec:/bin/false} %n %t",
    "${var} `id` $(id)",
    "tab\tcr\rend",
    "\x01\x1f\x7f",
    "<b>&amp;</b>",
    "bu\u2028di 😀 é",
    "x" * 253,
]


class Nas:
    """A router that sends raw accounting packets, many in flight, and remembers what was acknowledged."""

    def __init__(self, stack: RadiusStack, secret: str = SECRET, source: str = "127.0.0.1") -> None:
        self._secret = secret.encode()
        self._target = ("127.0.0.1", stack.settings.radius_acct_port)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((source, 0))
        self.acknowledged: set[str] = set()

    def close(self) -> None:
        self._socket.close()

    def packet(self, attributes: list[Attribute], identifier: int = 1) -> bytes:
        return wire.hashed_request(
            code=Code.ACCOUNTING_REQUEST, identifier=identifier, attributes=attributes, secret=self._secret
        )

    def send(self, attributes: list[Attribute], timeout_s: float = 1.0, tries: int = 5) -> bool:
        """One record, sent again until acknowledged; True when it was."""
        return any(self._burst([("one", attributes)], timeout_s) for _ in range(tries))

    def answer_to(self, attributes: list[Attribute], timeout_s: float = 5.0) -> tuple[Attribute, ...]:
        """The attributes of the acknowledgement of one record; raises TimeoutError."""
        data = self.packet(attributes)
        self.raw(data)
        self._socket.settimeout(timeout_s)
        answer = self._socket.recv(4096)
        assert wire.response_is_authentic(answer, data[4:20], self._secret)
        return wire.decode(answer).attributes

    def storm(self, count: int, prefix: str, timeout_s: float = 0.5) -> list[str]:
        """So many records at once, in bursts of one socket's identifiers; their session ids."""
        ids = [f"{prefix}{number:06d}" for number in range(count)]
        for first in range(0, count, 200):
            self._burst([(name, a_record(name)) for name in ids[first : first + 200]], timeout_s)
        return ids

    def raw(self, data: bytes) -> None:
        self._socket.sendto(data, self._target)

    def _burst(self, records: list[tuple[str, list[Attribute]]], timeout_s: float) -> bool:
        sent = {}
        for identifier, (name, attributes) in enumerate(records):
            data = self.packet(attributes, identifier)
            sent[identifier] = (name, data[4:20])
            self.raw(data)
        deadline = time.monotonic() + timeout_s
        while sent and (left_s := deadline - time.monotonic()) > 0:
            self._socket.settimeout(left_s)
            try:
                answer = self._socket.recv(4096)
            except (TimeoutError, ConnectionRefusedError):
                continue
            name, authenticator = sent.get(answer[1], ("", b""))
            if wire.response_is_authentic(answer, authenticator, self._secret):
                assert answer[0] == Code.ACCOUNTING_RESPONSE
                self.acknowledged.add(name)
                del sent[answer[1]]
        return not sent


def a_record(session_id: str, username: str | bytes = "budi", **over: Any) -> list[Attribute]:
    values: dict[str, Any] = {
        "Acct-Status-Type": "Interim-Update",
        "User-Name": username,
        "Acct-Session-Id": session_id,
        "Acct-Session-Time": 600,
        "Acct-Input-Octets": 1,
        "Acct-Output-Octets": 2,
        "NAS-IP-Address": "127.0.0.1",
        "Class": b"lts1:5:0:" + session_id.encode(),
    }
    return [(name.replace("_", "-"), value) for name, value in (values | over).items()]


def attributes_of(line: bytes) -> dict[str, Any]:
    """The JSON of a line; bytes that are no UTF-8 come as surrogates."""
    match = LINE.fullmatch(line)
    assert match is not None, line
    found = json.loads(match[4].decode(errors="surrogateescape"))
    assert isinstance(found, dict)
    return {name: unescaped(value) for name, value in found.items()}


def unescaped(value: Any) -> Any:
    """FreeRADIUS 3.2.1 escapes texts twice."""
    if isinstance(value, list):
        return [unescaped(item) for item in value]
    return json.loads(f'"{value}"') if isinstance(value, str) and "\\" in value else value


def stored(stack: RadiusStack, prefix: str = "") -> dict[str, dict[str, Any]]:
    """Every whole line by its session id."""
    lines = [attributes_of(line) for line in stack.accounting_lines()]
    named = {str(found.get("Acct-Session-Id", "")): found for found in lines}
    return {name: found for name, found in named.items() if name.startswith(prefix)}


def ready(stack: RadiusStack) -> None:
    """Wait until the server knows its router."""
    with contextlib.closing(Nas(stack)) as nas:
        wait_for(lambda: nas.send(a_record("ready"), timeout_s=0.3, tries=1), 15)


@pytest.fixture(scope="module")
def known_stack(stack: RadiusStack) -> RadiusStack:
    """The server of this module, with one router and one customer."""
    with stack.sessions() as db:
        make_nas(db, host="127.0.0.1", radius_secret=SECRET)
        make_subscription(db, username="budi")
        make_subscription(db, username="ani")
        db.commit()
    ready(stack)
    return stack


@pytest.fixture
def nas(known_stack: RadiusStack) -> Iterator[Nas]:
    nas = Nas(known_stack)
    yield nas
    nas.close()


@pytest.fixture
def router(known_stack: RadiusStack) -> Iterator[SimulatedRouter]:
    with known_stack.router(secret=SECRET, coa_port=None) as simulated:
        yield simulated


# --- what a line holds --------------------------------------------------------------------------------------------


def test_a_record_that_was_acknowledged_is_a_line_with_everything_in_it(
    known_stack: RadiusStack, router: SimulatedRouter
) -> None:
    before = time.time()
    session = router.login_pppoe("budi", "pw-budi", mac="4C:5E:0C:00:00:01")
    session.traffic(download_bytes=5 << 30, upload_bytes=9 << 30, seconds=60)
    assert session.interim().acknowledged
    line = known_stack.accounting_lines()[-1]
    assert session.stop().acknowledged

    found = attributes_of(line)
    truth = session.truth
    assert found["User-Name"] == "budi"
    assert found["Acct-Status-Type"] == "Interim-Update"
    assert found["Acct-Session-Id"] == session.session_id
    assert found["Calling-Station-Id"] == "4C:5E:0C:00:00:01"
    assert found["Framed-IP-Address"] == session.framed_ip
    assert int(found["Acct-Input-Octets"]) + (int(found["Acct-Input-Gigawords"]) << 32) == truth.upload_bytes
    assert int(found["Acct-Output-Octets"]) + (int(found["Acct-Output-Gigawords"]) << 32) == truth.download_bytes
    class_text = bytes.fromhex(found["Class"].removeprefix("0x")).decode()
    assert re.fullmatch(r"lts1:\d+:0:[0-9a-f]{1,32}", class_text)
    seconds, _, source, _ = LINE.fullmatch(line).groups()  # type: ignore[union-attr]
    assert source == b"127.0.0.1"
    assert before - 1 <= int(seconds) <= time.time() + 1
    assert attributes_of(known_stack.accounting_lines()[-1])["Acct-Status-Type"] == "Stop"


def test_several_classes_come_back_as_several(known_stack: RadiusStack, nas: Nas) -> None:
    assert nas.send([*a_record("two-classes"), ("Class", b"\x00\xffsomebody else's")])

    assert stored(known_stack)["two-classes"]["Class"] == [
        "0x" + b"lts1:5:0:two-classes".hex(),
        "0x" + b"\x00\xffsomebody else's".hex(),
    ]


@pytest.mark.parametrize("status", ["Accounting-On", "Accounting-Off"])
def test_a_router_that_starts_or_stops_is_acknowledged_and_stored(
    known_stack: RadiusStack, nas: Nas, status: str
) -> None:
    assert nas.send([("Acct-Status-Type", status), ("NAS-Identifier", "r"), ("NAS-IP-Address", "127.0.0.1")])

    assert attributes_of(known_stack.accounting_lines()[-1])["Acct-Status-Type"] == status


@pytest.mark.parametrize("name", CRAFTED, ids=ascii)
def test_a_crafted_name_stays_one_line_and_comes_back_as_it_was(known_stack: RadiusStack, nas: Nas, name: str) -> None:
    before = len(known_stack.accounting_lines())

    assert nas.send(a_record("crafted", name), tries=1)

    lines = known_stack.accounting_lines()
    assert len(lines) == before + 1
    assert attributes_of(lines[-1])["User-Name"] == name
    record = parse_line(lines[-1])
    assert (record.session_id, record.attributes["User-Name"]) == ("crafted", name)


@pytest.mark.parametrize("name", [b"caf\xe9", b"\xff\xfe\xfd", b"ok\xc3", b"\xed\xa0\x80", b"\xc0\xaf", b'\xff"\n\xff'])
def test_bytes_that_are_no_text_are_kept(known_stack: RadiusStack, nas: Nas, name: bytes) -> None:
    before = len(known_stack.accounting_lines())

    assert nas.send(a_record("bytes", name), tries=1)

    lines = known_stack.accounting_lines()
    assert len(lines) == before + 1
    assert attributes_of(lines[-1])["User-Name"].encode(errors="surrogateescape") == name
    record = parse_line(lines[-1])
    assert (record.session_id, record.attributes["User-Name"]) == ("bytes", name.decode(errors="backslashreplace"))


def test_a_name_with_a_nul_is_stored_and_forges_nothing(known_stack: RadiusStack, nas: Nas) -> None:
    before = len(known_stack.accounting_lines())

    assert nas.send(a_record("nul", b'bu\0di","x":"y'), tries=1)

    lines = known_stack.accounting_lines()
    assert len(lines) == before + 1
    assert attributes_of(lines[-1])["User-Name"].startswith("bu")
    assert "x" not in attributes_of(lines[-1])


def test_the_time_of_arrival_reads_as_a_decimal_number(known_stack: RadiusStack, nas: Nas) -> None:
    nas.storm(400, "clock")

    lines = known_stack.accounting_lines()

    assert len(lines) >= 400
    assert [line for line in lines if not re.match(rb"\d{10}\.\d{6} ", line)] == []


@pytest.mark.parametrize(("source", "secret"), [("127.0.0.1", "another-secret"), ("127.0.0.99", SECRET)])
def test_a_record_of_somebody_else_is_neither_acknowledged_nor_stored(
    known_stack: RadiusStack, source: str, secret: str
) -> None:
    before = len(known_stack.accounting_lines())

    with contextlib.closing(Nas(known_stack, secret, source)) as stranger:
        assert not stranger.send(a_record("stranger"), timeout_s=0.3, tries=2)

    assert len(known_stack.accounting_lines()) == before


def test_the_spool_is_for_its_owner_alone(known_stack: RadiusStack, nas: Nas) -> None:
    assert nas.send(a_record("private"))

    for path in known_stack.settings.spool_dir.glob("*.jsonl"):
        assert path.stat().st_mode & 0o077 == 0, path


# --- broken packets -----------------------------------------------------------------------------------------------


def _mutated(data: bytes, chance: random.Random) -> bytes:
    """A few bytes changed, cut out, put in or cut off."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(changed)) if changed else 0
        kind = chance.random()
        if kind < 0.6 and changed:
            changed[at] = chance.randrange(256)
        elif kind < 0.75:
            changed[at:at] = chance.randbytes(chance.randint(1, 8))
        elif kind < 0.9:
            del changed[at : at + chance.randint(1, 8)]
        else:
            del changed[at:]
    return bytes(changed)


def _signed(body: bytes, secret: bytes) -> bytes:
    """An accounting packet with a true authenticator around attributes that may be broken."""
    body = body[:4000]
    header = bytes([Code.ACCOUNTING_REQUEST, 1]) + (20 + len(body)).to_bytes(2, "big")
    return header + hashlib.md5(header + bytes(16) + body + secret).digest() + body


def test_broken_packets_leave_the_server_alive_and_every_line_readable(
    known_stack: RadiusStack, nas: Nas, router: SimulatedRouter
) -> None:
    chance = random.Random(SEED)
    authentication = ("127.0.0.1", known_stack.settings.radius_auth_port)
    login = wire.access_request(
        identifier=1,
        authenticator=chance.randbytes(16),
        attributes=[("User-Name", "budi"), ("Service-Type", "Framed-User"), ("Framed-Protocol", "PPP")],
        secret=SECRET.encode(),
        sign=True,
    )
    whole = nas.packet(a_record("broken"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        for number in range(700):
            nas.raw(_mutated(whole, chance))
            nas.raw(_signed(_mutated(whole[20:], chance), SECRET.encode()))
            other.sendto(_mutated(login, chance), authentication)
            if number % 50 == 0:
                time.sleep(0.01)

    wait_for(lambda: nas.send(a_record("after"), timeout_s=0.5, tries=1), 10)
    assert all(process.is_running() for process in known_stack.processes.values())
    ani = Login(service=Service.PPPOE, username="ani", password="pw-ani", method=Method.PAP)
    wait_for(lambda: router.authenticate(ani).accepted, 5)
    for line in known_stack.accounting_lines():
        attributes_of(line)
    assert "after" in stored(known_stack)


# --- a full disk --------------------------------------------------------------------------------------------------

DISK_MB, MIN_FREE_MB = 8, 4


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of a few megabytes, in which `spool` is to be."""
    spool = tmp_path / "spool"
    spool.mkdir()
    options = f"size={DISK_MB}m,mode=0700"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", spool], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip("only root may mount a small disk")
    try:
        yield tmp_path
    finally:
        subprocess.run(["umount", "-l", spool], check=True)


def _fill(ballast: Path, leave_bytes: int) -> None:
    space = os.statvfs(ballast.parent)
    with ballast.open("wb") as file:
        file.write(bytes(max(0, space.f_bavail * space.f_frsize - leave_bytes)))


def test_on_a_full_disk_nothing_is_acknowledged_that_is_not_stored_and_it_recovers(
    db_url: str, small_disk: Path
) -> None:
    with (
        radius_stack(small_disk, db_url, spool_min_free_mb=MIN_FREE_MB) as stack,
        contextlib.closing(_router_of(stack)) as nas,
    ):
        wait_for(lambda: nas.send(a_record("ready"), timeout_s=0.3, tries=1), 15)
        ballast = stack.settings.spool_dir / "ballast"
        _fill(ballast, MIN_FREE_MB * 2**20 + 200_000)
        sent: list[str] = []
        # 400 bytes a line: the disk is too full after a few hundred of these.
        while not sent or sent[-1] in nas.acknowledged:
            assert len(sent) < 10_000
            sent += nas.storm(200, f"full{len(sent)}-")

        assert not nas.send(a_record("refused"), timeout_s=0.3, tries=2)
        whole = stored(stack, "full")
        assert nas.acknowledged & set(sent) == whole.keys()
        assert 0 < len(whole) < len(sent)
        assert "refused" not in stored(stack)

        ballast.unlink()
        wait_for(lambda: nas.send(a_record("recovered"), timeout_s=0.3, tries=1), 5)
        again = nas.storm(200, "again")
        assert set(again) <= nas.acknowledged
        assert stored(stack, "again").keys() == set(again)
        assert "recovered" in stored(stack)


def _router_of(stack: RadiusStack) -> Nas:
    """The one router of a server that has a test to itself."""
    with stack.sessions() as db:
        make_nas(db, host="127.0.0.1", radius_secret=SECRET)
        db.commit()
    return Nas(stack)


# --- a killed server ----------------------------------------------------------------------------------------------


def test_a_killed_server_has_stored_every_record_that_it_acknowledged(db_url: str, tmp_path: Path) -> None:
    with radius_stack(tmp_path, db_url) as stack, contextlib.closing(_router_of(stack)) as nas:
        wait_for(lambda: nas.send(a_record("ready"), timeout_s=0.3, tries=1), 15)
        for turn in range(3):
            killer = threading.Timer(0.15 + 0.1 * turn, stack.kill)
            killer.start()
            sent = nas.storm(2000, f"kill{turn}-", timeout_s=0.1)
            killer.join()
            assert nas.acknowledged & set(sent), "the server was killed before it answered anything"
            stack.start()
            wait_for(lambda turn=turn: nas.send(a_record(f"back{turn}"), timeout_s=0.3, tries=1), 15)

        lines = stack.accounting_lines()
        whole = {str(attributes_of(line).get("Acct-Session-Id")) for line in lines if LINE.fullmatch(line)}
        assert nas.acknowledged - {"one"} <= whole
        assert {"back0", "back1", "back2"} <= whole

"""RADIUS over TLS: a router with its own certificate logs customers in and reports them; nobody else gets a word."""

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_bytes

import pytest

from factories import make_nas, make_subscription
from packets.conftest import SECRET
from radius_stack import RadiusStack, radius_stack, wait_for
from runtime import certificates, ports, radsec
from simulator import Method, wire
from simulator.credentials import Proof

RADSEC = b"radsec"
ACCEPT, REJECT, ACCOUNTING_RESPONSE = 2, 3, 5


@pytest.fixture(scope="module")
def secured(module_db_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RadiusStack]:
    port = ports.choose(0, transport=ports.Transport.TCP, taken=[0])
    with radius_stack(tmp_path_factory.mktemp("radsec"), module_db_url, radsec_port=port) as running:
        with running.sessions() as db:
            make_nas(db, host="127.0.0.1", radius_secret=SECRET)
            make_nas(db, host="127.0.0.9", radius_secret=SECRET)
            make_subscription(db, username="budi")
            db.commit()
        yield running


def number_of(stack: RadiusStack, host: str) -> int:
    return int(stack.sql("SELECT id FROM nas_servers WHERE host = %s", host)[0][0])


def certificate(folder: Path, authority: Path, name: str) -> Path:
    made = certificates.issue_client(authority, name, now=datetime.now(UTC), days=30, password="x")
    path = folder / f"{name}-{authority.name}.pem"
    path.write_text(made.certificate_pem + made.key_pem)
    return path


@contextmanager
def connected(stack: RadiusStack, proof: Path | None) -> Iterator[ssl.SSLSocket]:
    context = ssl.create_default_context(cafile=str(stack.settings.radsec_folder / certificates.CA_FILE))
    context.check_hostname = False
    if proof is not None:
        context.load_cert_chain(proof)
    address = ("127.0.0.1", stack.settings.radsec_port)
    with socket.create_connection(address, timeout=5) as plain, context.wrap_socket(plain) as secure:
        yield secure


def login(password: str = "pw-budi", *, place: bytes | None = None) -> bytes:
    authenticator = token_bytes(16)
    who: list[wire.Attribute] = [
        ("User-Name", "budi"),
        ("Service-Type", "Framed-User"),
        ("Framed-Protocol", "PPP"),
        ("Calling-Station-Id", "4C:5E:0C:00:00:01"),
    ]
    proof = Proof(method=Method.PAP, username="budi", password=password)
    if place is not None:
        who.append(("Called-Station-Id", place))
    attributes = [*who, *proof.attributes(secret=RADSEC, authenticator=authenticator)]
    return wire.access_request(
        identifier=1, authenticator=authenticator, attributes=attributes, secret=RADSEC, sign=True
    )


def ask(secure: ssl.SSLSocket, packet: bytes) -> bytes:
    secure.sendall(packet)
    return secure.recv(4096)


def test_a_router_with_its_certificate_logs_in_and_reports(secured: RadiusStack, tmp_path: Path) -> None:
    own = certificate(tmp_path, secured.settings.radsec_folder, str(number_of(secured, "127.0.0.1")))

    with connected(secured, own) as secure:
        wait_for(lambda: ask(secure, login())[0] == ACCEPT)
        assert ask(secure, login("wrong-password"))[0] == REJECT
        record = wire.hashed_request(
            code=4,
            identifier=3,
            attributes=[("Acct-Status-Type", "Start"), ("Acct-Session-Id", "81000001"), ("User-Name", "budi")],
            secret=RADSEC,
        )
        assert ask(secure, record)[0] == ACCOUNTING_RESPONSE

    assert any(b"127.0.0.1" in line and b"81000001" in line for line in secured.accounting_lines())
    assert secured.wait_for_record("budi")[2] == number_of(secured, "127.0.0.1")


def test_bytes_that_are_no_text_are_kept_and_hinder_nobody(secured: RadiusStack, tmp_path: Path) -> None:
    own = certificate(tmp_path, secured.settings.radsec_folder, str(number_of(secured, "127.0.0.1")))

    with connected(secured, own) as secure:
        wait_for(lambda: ask(secure, login())[0] == ACCEPT)
        assert ask(secure, login(place=b"caf\xe9"))[0] == ACCEPT
        attributes: list[wire.Attribute] = [
            ("Acct-Status-Type", "Start"), ("Acct-Session-Id", "81000002"), ("User-Name", "budi"),
            ("Called-Station-Id", b"caf\xe9"), ("Proxy-State", b"\xff\x00back"),
        ]  # fmt: skip
        record = wire.hashed_request(code=4, identifier=9, attributes=attributes, secret=RADSEC)
        answer = ask(secure, record)

    assert answer[:2] == bytes([ACCOUNTING_RESPONSE, 9])
    assert b"\xff\x00back" in answer
    line = next(line for line in secured.accounting_lines() if b"81000002" in line)
    assert b"127.0.0.1" in line
    assert b'"Called-Station-Id":"0x636166e9"' in line


def test_with_the_strict_mode_a_report_is_kept_and_acknowledged(db_url: str, tmp_path: Path) -> None:
    port = ports.choose(0, transport=ports.Transport.TCP, taken=[0])
    with radius_stack(tmp_path, db_url, radsec_port=port, spool_strict=True, spool_sync_ms=60_000) as stack:
        with stack.sessions() as db:
            make_nas(db, host="127.0.0.1", radius_secret=SECRET)
            make_subscription(db, username="budi")
            db.commit()
        own = certificate(tmp_path, stack.settings.radsec_folder, str(number_of(stack, "127.0.0.1")))
        with connected(stack, own) as secure:
            wait_for(lambda: ask(secure, login())[0] == ACCEPT)
            attributes: list[wire.Attribute] = [
                ("Acct-Status-Type", "Start"), ("Acct-Session-Id", "strict"), ("User-Name", "budi"),
            ]  # fmt: skip
            record = wire.hashed_request(code=4, identifier=3, attributes=attributes, secret=RADSEC)
            assert ask(secure, record)[:2] == bytes([ACCOUNTING_RESPONSE, 3])
        assert any(b"strict" in line for line in stack.accounting_lines())


def test_the_port_is_seen_to_begin_tls(secured: RadiusStack, tmp_path: Path) -> None:
    wait_for(lambda: radsec.answers(secured.settings))
    away = secured.settings.model_copy(
        update={"radsec_port": ports.choose(0, transport=ports.Transport.TCP, taken=[0])}
    )
    another = certificates.ensure(tmp_path / "secrets" / "radsec", now=datetime.now(UTC)).parent.parent

    assert not radsec.answers(away)
    assert not radsec.answers(secured.settings.model_copy(update={"var_dir": another}))
    with socket.create_server(("127.0.0.1", 0)) as mute:
        silent = secured.settings.model_copy(update={"radsec_port": mute.getsockname()[1]})
        assert not radsec.answers(silent, timeout_s=0.2)


def test_a_revoked_routers_certificate_does_not_get_in(secured: RadiusStack, tmp_path: Path) -> None:
    folder, now = secured.settings.radsec_folder, datetime.now(UTC)
    name = str(number_of(secured, "127.0.0.1"))
    made = certificates.issue_client(folder, name, now=now, days=30, password="x")
    path = tmp_path / "revoked.pem"
    path.write_text(made.certificate_pem + made.key_pem)
    certificates.write_crl(folder, {made.serial: now}, now=now)
    secured.kill("login")
    secured.start("login")
    wait_for(lambda: radsec.answers(secured.settings))

    with pytest.raises(OSError, match=r"alert|reset|closed|EOF|nothing"):
        talk(secured, path)
    with connected(secured, certificate(tmp_path, folder, name)) as secure:
        wait_for(lambda: ask(secure, login())[0] == ACCEPT)


def test_an_open_connection_falls_silent_when_its_certificate_is_revoked(secured: RadiusStack, tmp_path: Path) -> None:
    name = str(number_of(secured, "127.0.0.1"))
    made = certificates.issue_client(secured.settings.radsec_folder, name, now=datetime.now(UTC), days=30, password="x")
    path = tmp_path / "open.pem"
    path.write_text(made.certificate_pem + made.key_pem)
    secured.sql(
        "INSERT INTO issued_certificates (tenant_id, kind, serial, name, valid_until, issued_by)"
        " SELECT id, 'router', %s, %s, now() + interval '1 day', 'test' FROM tenants LIMIT 1",
        made.serial,
        name,
    )

    with connected(secured, path) as secure:
        wait_for(lambda: ask(secure, login())[0] == ACCEPT)
        secured.sql("UPDATE issued_certificates SET revoked_at = now() WHERE serial = %s", made.serial)
        time.sleep(1.0)
        secure.settimeout(1)
        with pytest.raises(TimeoutError):
            ask(secure, login())


def test_a_certificate_of_another_router_is_met_with_silence(secured: RadiusStack, tmp_path: Path) -> None:
    other = certificate(tmp_path, secured.settings.radsec_folder, str(number_of(secured, "127.0.0.9")))

    with connected(secured, other) as secure:
        secure.settimeout(1)
        with pytest.raises(TimeoutError):
            ask(secure, login())


@pytest.mark.parametrize("of_customers", [True, False])
def test_a_customers_certificate_or_none_does_not_get_in(
    secured: RadiusStack, tmp_path: Path, of_customers: bool
) -> None:
    proof = None
    if of_customers:
        proof = certificate(tmp_path, secured.settings.eap_folder, str(number_of(secured, "127.0.0.1")))

    with pytest.raises(OSError, match=r"alert|reset|closed|EOF|nothing"):
        talk(secured, proof)


def talk(secured: RadiusStack, proof: Path | None) -> None:
    with connected(secured, proof) as secure:
        answer = ask(secure, login())
        if not answer:
            raise ConnectionError("nothing came back")

"""A router that is slow, dead, cut, lying or another one: always an error of ours, always in time."""

import logging
import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routeros import (
    Broken,
    CertificateChanged,
    CertificateUnknown,
    LoginRefused,
    Pool,
    Refused,
    RouterApiError,
    Target,
    TimedOut,
    TooMuch,
    Unreachable,
    certificate_of,
    wire,
)
from simulator import ApiServer


def test_it_says_who_it_is(api: ApiServer, pool: Pool, target: Target) -> None:
    api.tables.identity = "RB-Cempaka"

    with pool.open(target, deadline_s=2) as router:
        assert router.identity() == "RB-Cempaka"
        assert router.resource().uptime_s == 9 * 86400 + 3 * 3600 + 4 * 60 + 5
        assert router.resource().total_memory_bytes == 268435456


@pytest.mark.parametrize("says_empty", [True, False])
def test_nothing_found_is_an_empty_list(api: ApiServer, pool: Pool, target: Target, says_empty: bool) -> None:
    api.faults.says_empty = says_empty

    with pool.open(target, deadline_s=2) as router:
        assert router.ppp_active() == []
        assert router.identity() == "MikroTik"


@pytest.mark.parametrize("name", ["12345", "007", "yes", "true", "no", "Иван", "budi=siti", "?x", "a\tb", "-5"])
def test_text_stays_text(api: ApiServer, pool: Pool, target: Target, name: str) -> None:
    api.tables.put("/ppp/secret", {"name": name, "comment": name})

    with pool.open(target, deadline_s=2) as router:
        found = router.ppp_secrets(name=name)

    assert [(row.name, row.comment) for row in found] == [(name, name)]


def test_a_comment_from_an_old_winbox_keeps_every_character(api: ApiServer, pool: Pool, target: Target) -> None:
    api.tables.put("/ppp/secret", {"name": "budi", "comment": b"Caf\xe9".decode("utf-8", "surrogateescape")})

    with pool.open(target, deadline_s=2) as router:
        assert router.ppp_secrets()[0].comment == "Café"


def test_passwords_are_seen_only_when_asked_for_and_never_printed(api: ApiServer, pool: Pool, target: Target) -> None:
    api.tables.put("/ppp/secret", {"name": "budi", "password": "rahasia"})

    with pool.open(target, deadline_s=2) as router:
        assert router.ppp_secrets()[0].password == ""
        found = router.ppp_secrets(with_passwords=True)[0]

    assert found.password == "rahasia"
    assert "rahasia" not in repr(found)
    assert api.password not in repr(target)


def test_no_word_reaches_a_log(api: ApiServer, pool: Pool, target: Target, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    with pool.open(target, deadline_s=2) as router:
        router.identity()

    assert api.password not in caplog.text


def asked(pool: Pool, target: Target, deadline_s: float) -> tuple[RouterApiError | None, float]:
    begun = time.monotonic()
    try:
        with pool.open(target, deadline_s=deadline_s) as router:
            router.ppp_secrets()
    except RouterApiError as error:
        return error, time.monotonic() - begun
    return None, time.monotonic() - begun


def test_a_router_that_accepts_and_never_answers_holds_nobody(api: ApiServer, pool: Pool, target: Target) -> None:
    api.faults.is_silent = True

    error, took_s = asked(pool, target, 0.5)

    assert isinstance(error, TimedOut)
    assert took_s < 0.7


def test_a_router_that_says_one_byte_a_second_holds_nobody(api: ApiServer, pool: Pool, target: Target) -> None:
    api.faults.drip_s = 1.0

    error, took_s = asked(pool, target, 1.5)

    assert isinstance(error, TimedOut)
    assert took_s < 1.8


def test_a_router_that_stops_in_the_middle_of_its_answer_holds_nobody(
    api: ApiServer, pool: Pool, target: Target
) -> None:
    with pool.open(target, deadline_s=2) as router:
        router.identity()
    api.faults.drip_s = 0.05
    for number in range(50):
        api.tables.put("/ppp/secret", {"name": f"user{number}"})

    error, took_s = asked(pool, target, 0.6)

    assert isinstance(error, TimedOut)
    assert took_s < 0.8


@pytest.mark.parametrize("size", [1, 5, 40])
def test_a_reset_in_the_middle_of_a_sentence_is_said(api: ApiServer, pool: Pool, target: Target, size: int) -> None:
    api.tables.put("/ppp/secret", {"name": "budi", "comment": "Budi Santoso CUST-2026110001 in the second house"})
    with pool.open(target, deadline_s=2) as router:
        router.identity()
    api.faults.cut_after_bytes = size

    error, _ = asked(pool, target, 2)

    assert isinstance(error, Broken)


def test_a_closed_port_is_said_at_once(target: Target, pool: Pool) -> None:
    error, took_s = asked(pool, replace(target, port=1), 2)

    assert isinstance(error, Unreachable)
    assert "connection refused" in str(error)
    assert took_s < 0.5


def test_a_wrong_password_is_said_without_the_password(pool: Pool, target: Target) -> None:
    with (
        pytest.raises(LoginRefused, match="invalid user name or password") as refused,
        pool.open(replace(target, password="geheim-falsch"), deadline_s=2),
    ):
        pass

    assert "geheim" not in str(refused.value)


def test_a_trap_is_a_refusal_with_its_words_and_the_conversation_goes_on(
    api: ApiServer, pool: Pool, target: Target
) -> None:
    with pool.open(target, deadline_s=2) as router:
        with pytest.raises(Refused, match="input does not match") as refused:
            router.traffic("ether99")
        assert router.identity() == "MikroTik"

    assert refused.value.message.startswith("input does not match")


def test_a_fatal_ends_the_conversation(api: ApiServer, pool: Pool, target: Target) -> None:
    api.faults.fatal = "session terminated on request"

    error, _ = asked(pool, target, 2)

    assert isinstance(error, Broken)
    assert "session terminated" in str(error)


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n" * 20,
        b"\x00" * 10,
        b"\xff\xff\xff\xff\xff",
        b"\x05!trap\x00\x05!done\x00",
        b"\x04!bad\x00" * 3 + b"\x05!done\x00",
        b"\x03!re\x05=a=b=\x00\x03!re\x02.t\x00\x05!done\x00",
        b"\x06!fatal\x00",
    ],
)
def test_whatever_answers_the_login_it_is_an_error_of_ours_or_none(
    api: ApiServer, pool: Pool, target: Target, said: bytes
) -> None:
    api.faults.garbage = said

    error, took_s = asked(pool, target, 0.5)

    assert error is None or isinstance(error, RouterApiError)
    assert took_s < 0.8


@settings(max_examples=30)
@given(said=st.binary(max_size=80))
def test_no_bytes_raise_anything_else(said: bytes) -> None:
    with ApiServer() as server:
        server.faults.garbage = said or b"\x00"
        target = Target(host=server.host, port=server.port, username=server.username, password=server.password)
        error, took_s = asked(Pool(), target, 0.05)

    assert error is None or isinstance(error, RouterApiError)
    assert took_s < 0.5


def test_an_answer_has_a_bound(api: ApiServer, pool: Pool, target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MAX_ANSWER_BYTES", 100_000)
    api.tables.put("/ppp/secret", {"name": "budi", "comment": "x" * 500})
    api.faults.repeat_rows = 1000

    error, _ = asked(pool, target, 5)

    assert isinstance(error, TooMuch)


def test_twenty_thousand_secrets_are_read(api: ApiServer, pool: Pool, target: Target) -> None:
    api.tables.put("/ppp/secret", {"name": "budi", "comment": "Budi Santoso CUST-2026110001", "profile": "default"})
    api.faults.repeat_rows = 20_000

    with pool.open(target, deadline_s=30) as router:
        assert len(router.ppp_secrets()) == 20_000


# --- TLS ----------------------------------------------------------------------------------------------------------


def target_of(server: ApiServer, fingerprint: str | None) -> Target:
    return Target(
        host=server.host, port=server.port, username=server.username, password=server.password,
        is_tls=True, fingerprint=fingerprint,
    )  # fmt: skip


def test_a_certificate_that_nobody_trusted_is_shown_and_the_password_is_not_sent(
    secured: ApiServer, pool: Pool
) -> None:
    with pytest.raises(CertificateUnknown) as unknown, pool.open(target_of(secured, None), deadline_s=2):
        pass

    assert len(unknown.value.fingerprint) == 64
    assert secured.logins == 0


def test_a_trusted_certificate_is_talked_to(secured: ApiServer, pool: Pool) -> None:
    shown = certificate_of(target_of(secured, None), deadline_s=2)

    with pool.open(target_of(secured, shown.upper()), deadline_s=2) as router:
        assert router.identity() == "MikroTik"


def test_another_certificate_is_refused_before_the_password_is_sent(secured: ApiServer, pool: Pool) -> None:
    trusted = certificate_of(target_of(secured, None), deadline_s=2)
    secured.new_certificate()

    with pytest.raises(CertificateChanged) as changed, pool.open(target_of(secured, trusted), deadline_s=2):
        pass

    assert changed.value.trusted == trusted != changed.value.fingerprint
    assert secured.logins == 0


def test_tls_towards_a_plain_port_ends_in_time(api: ApiServer, pool: Pool) -> None:
    error, took_s = asked(pool, target_of(api, "0" * 64), 0.5)

    assert isinstance(error, RouterApiError)
    assert took_s < 0.8


def test_a_handshake_that_nobody_answers_ends_in_time(secured: ApiServer, pool: Pool) -> None:
    secured.faults.is_silent = True

    error, took_s = asked(pool, target_of(secured, "0" * 64), 0.5)

    assert isinstance(error, TimedOut)
    assert took_s < 0.7

"""The gateway's bad days: each ends within its deadline, as what it was, and leaves no secret anywhere."""

import logging
import time
from typing import Any

import pytest

from gateways import Exchange, GatewayError, Nonsense, Refused, Unreachable
from gateways.wire import MAX_ANSWER_BYTES, shown
from tests.unit.gateways.at_gateways import SECRETS, bench, order

KINDS = ("midtrans", "xendit", "mpesa", "stripe")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateways.wire.DEADLINE_S", 0.5)


BAD_DAYS: list[tuple[dict[str, Any], type[GatewayError]]] = [
    ({"errors": -1}, Unreachable),
    ({"delay_s": 5.0}, Unreachable),
    ({"drips": True}, Unreachable),
    ({"hangs_up": True}, Unreachable),
    ({"raw": b"<html>nginx</html>"}, Nonsense),
    ({"raw": b'{"a": 1, "a": 2}'}, Nonsense),
    ({"raw": b'{"a": NaN}'}, Nonsense),
    ({"raw": b"[1]"}, Nonsense),
    ({"raw": b"\xff\xfe"}, Nonsense),
    ({"raw": b"{" + b'"a":{' * 5000}, Nonsense),
    ({"raw": b'{"a": "' + b"x" * (MAX_ANSWER_BYTES + 1) + b'"}'}, Nonsense),
    ({"raw": b"{}"}, Nonsense),
    ({"redirect_to": "http://127.0.0.1:1/"}, Nonsense),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("day", "expected"), BAD_DAYS, ids=lambda value: str(value)[:30])
def test_a_bad_day_ends_in_time_as_what_it_was(
    quick: None, kind: str, day: dict[str, Any], expected: type[GatewayError]
) -> None:
    with bench(kind) as made:
        for name, value in day.items():
            setattr(made.server.bad_day, name, value)
        begun = time.monotonic()

        with pytest.raises(expected):
            made.gateway.create(order(kind))

        assert time.monotonic() - begun < 2.5
        assert made.exchanges


def test_nobody_there_is_unreachable() -> None:
    with bench("midtrans") as made:
        made.server.stop()
        with pytest.raises(Unreachable):
            made.gateway.create(order("midtrans"))


@pytest.mark.parametrize("kind", KINDS)
def test_no_secret_is_in_what_is_recorded_shown_or_logged(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with bench(kind) as made:
        wanted = order(kind)
        created = made.gateway.create(wanted)
        made.pay(created, wanted)
        made.gateway.status(made.placed(created, wanted))
        made.server.bad_day.errors = 1
        with pytest.raises(Unreachable) as error:
            made.gateway.probe()

    kept = f"{made.exchanges} {error.value} {made.gateway!r} {vars(made.gateway).get('_wire')!r} {caplog.text}"
    for secret in SECRETS[kind].values():
        assert secret not in kept
    if kind == "mpesa":
        assert not any(token in kept for token in made.server.tokens)
    assert {exchange.event for exchange in made.exchanges} >= {"create", "status_check"}


def test_what_is_recorded_is_bounded_and_holds_no_key_at_any_depth() -> None:
    deep: dict[str, Any] = {"token": "t", "order_id": "A"}
    for _ in range(20):
        deep = {"inner": deep, "signature_key": "s", "list": [{"Password": "p"}] * 500, "long": "x" * 5000}

    text = str(shown(deep))

    assert len(text) < 60_000
    assert "'t'" not in text
    assert "'s'" not in text
    assert "'p'" not in text


def test_a_refusal_says_the_gateways_reason() -> None:
    with bench("midtrans") as made:
        made.gateway.create(order("midtrans"))
        with pytest.raises(Refused, match="order_id has already been taken"):
            made.gateway.create(order("midtrans"))
        last: Exchange = made.exchanges[-1]

    assert last.status == 400
    assert "already been taken" in last.problem

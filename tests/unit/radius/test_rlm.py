"""The entries that FreeRADIUS calls, with a FreeRADIUS that is made up."""

import importlib
import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from profiles import DEVICES, GOOD_STANDING
from tests.unit.radius.desk import ROUTER, Desk, request_of


class FakeRadiusd(ModuleType):
    """The built-in module of the server: result codes, a log, and the module's configuration."""

    RLM_MODULE_REJECT, RLM_MODULE_FAIL, RLM_MODULE_OK, RLM_MODULE_HANDLED = 0, 1, 2, 3
    RLM_MODULE_NOTFOUND = 6
    L_ERR, L_WARN = 4, 5

    def __init__(self) -> None:
        super().__init__("radiusd")
        self.config: dict[str, Any] = {}
        self.said: list[str] = []

    def radlog(self, _level: int, text: str) -> None:
        self.said.append(text)


@pytest.fixture
def radiusd(monkeypatch: pytest.MonkeyPatch) -> FakeRadiusd:
    fake = FakeRadiusd()
    monkeypatch.setitem(sys.modules, "radiusd", fake)
    return fake


@pytest.fixture
def rlm(radiusd: FakeRadiusd, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.delitem(sys.modules, "radius.rlm", raising=False)
    yield importlib.import_module("radius.rlm")
    sys.modules.pop("radius.rlm", None)


@pytest.fixture
def desk(rlm: Any) -> Desk:
    desk = Desk()
    desk.keep(GOOD_STANDING)
    rlm._desk[:] = [SimpleNamespace(authorize=desk.ask, policy_failed=desk.authorizer.policy_failed)]
    return desk


@pytest.mark.parametrize("config", [{}, {"settings_file": "/nowhere/policy.json"}])
def test_a_policy_that_cannot_start_stops_the_server(rlm: Any, radiusd: FakeRadiusd, config: dict[str, Any]) -> None:
    radiusd.config = config

    assert rlm.instantiate(None) < 0
    assert "policy not started" in radiusd.said[0]


def test_a_setting_that_the_policy_does_not_know_stops_the_server(
    rlm: Any, radiusd: FakeRadiusd, tmp_path: Any
) -> None:
    path = tmp_path / "policy.json"
    path.write_text('{"dsn": "x", "keys_file": "x", "spool_dir": "x", "spool_gate": "x", "max_stale": 1}')
    radiusd.config = {"settings_file": str(path)}

    assert rlm.instantiate(None) < 0
    assert "max_stale" in radiusd.said[0]


def test_a_bug_refuses_one_login_says_where_and_lets_the_next_one_in(
    rlm: Any, radiusd: FakeRadiusd, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = request_of("budi", service="pppoe", mac=DEVICES[0])
    with monkeypatch.context() as patch:
        patch.setattr(desk.authorizer, "_compile", lambda *_: 1 / 0)
        assert rlm.authorize(request)[0] == radiusd.RLM_MODULE_REJECT

    assert "ZeroDivisionError" in radiusd.said[0]
    assert desk.records[-1].reason == "policy_error"
    assert rlm.authorize(request)[0] == radiusd.RLM_MODULE_OK


def test_freeradius_is_told_of_routers_that_are_known_and_of_no_others(rlm: Any, radiusd: FakeRadiusd) -> None:
    rlm._routers.by_address = {"10.0.0.1": ROUTER}

    code, reply, client = rlm.find_router((("Tmp-String-0", "10.0.0.1"),))

    assert (code, reply) == (radiusd.RLM_MODULE_OK, ())
    assert ("FreeRADIUS-Client-Secret", ROUTER.secret) in client
    assert rlm.find_router((("Tmp-String-0", "10.0.0.2"),)) == radiusd.RLM_MODULE_NOTFOUND


@pytest.mark.parametrize("request_list", [(), (("Tmp-String-2", "0xzz"),), (("Tmp-String-2", "0x616263"),)])
def test_a_refusal_that_cannot_be_recorded_does_not_stop_the_reject(
    rlm: Any, radiusd: FakeRadiusd, desk: Desk, request_list: Any
) -> None:
    assert rlm.refused(request_list) == radiusd.RLM_MODULE_OK
    assert "a refusal was not recorded" in radiusd.said[0]


def test_a_condition_is_logged_once_in_a_while_and_not_once_a_login(rlm: Any, radiusd: FakeRadiusd) -> None:
    for number in range(100):
        rlm._complain(f"database not read: try {number}")
        rlm._complain(f"access log not written: try {number}")

    assert radiusd.said == ["database not read: try 0", "access log not written: try 0"]


def test_an_error_met_ahead_of_a_login_is_told_and_does_not_end_the_filling_of_memory(
    rlm: Any, radiusd: FakeRadiusd
) -> None:
    def fail(_: object) -> None:
        raise ZeroDivisionError

    rlm._desk[:] = [SimpleNamespace(prepare=fail)]

    rlm._prepare(object())

    assert "policy failed ahead of a login" in radiusd.said[0]

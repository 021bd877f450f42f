"""The job queue's promises that can be read from its configuration."""

import socket
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from runtime import tasks
from runtime.settings import SettingsError, get_settings


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(tasks, "_nudger", tasks._Nudger())
    for name in ("DATABASE_URL", "REDIS_URL", "KEYS_FILE", "SECRET_KEY_FILE", "SPOOL_DIR"):
        monkeypatch.setenv("LINTAS_" + name, "x")
    monkeypatch.setenv("LINTAS_DATABASE_URL", "postgresql://x:x@127.0.0.1:1/x")
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


def point_redis_at(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINTAS_REDIS_URL", f"redis://:pw@127.0.0.1:{port}/0")


def test_a_nudge_without_redis_returns_at_once_and_raises_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        point_redis_at(unused.getsockname()[1], monkeypatch)
        began = time.monotonic()
        assert tasks.nudge_coa() is False
        assert time.monotonic() - began < 0.5


def test_a_nudge_to_a_redis_that_hangs_gives_up_within_half_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        point_redis_at(silent.getsockname()[1], monkeypatch)
        began = time.monotonic()
        assert tasks.nudge_coa() is False
        assert time.monotonic() - began < 0.5


def test_only_the_first_of_many_nudges_waits_for_a_missing_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        point_redis_at(silent.getsockname()[1], monkeypatch)
        tasks.nudge_coa()
        began = time.monotonic()
        for _ in range(100):
            tasks.nudge_coa()
        assert time.monotonic() - began < 0.2


def test_a_nudge_in_an_installation_that_is_not_configured_does_not_raise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LINTAS_REDIS_URL", raising=False)
    assert tasks.nudge_coa() is False


def test_only_json_is_accepted_and_work_is_acknowledged_when_done() -> None:
    point = tasks.make_app().conf
    assert point.accept_content == ["json"]
    assert point.task_acks_late
    assert point.task_reject_on_worker_lost


def test_no_task_may_outlast_the_time_after_which_it_is_given_to_another_worker() -> None:
    assert tasks.make_app().conf.task_time_limit < tasks.VISIBILITY_TIMEOUT_SECONDS


def test_a_sweep_that_waited_its_whole_period_is_dropped() -> None:
    schedule = tasks.make_app().conf.beat_schedule
    for name in ("coa.sweep", "accounting.sweep"):
        assert schedule[name]["options"]["expires"] == schedule[name]["schedule"].run_every.total_seconds()


def test_where_redis_is_can_be_asked_again_after_there_was_no_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = tasks.make_app()
    monkeypatch.setattr(tasks, "get_settings", _not_configured)
    with pytest.raises(SettingsError):
        _ = app.conf.broker_url

    monkeypatch.setattr(tasks, "get_settings", lambda: SimpleNamespace(redis_url="redis://127.0.0.1:7/0"))

    assert app.conf.broker_url == app.conf.redbeat_redis_url == "redis://127.0.0.1:7/0"


def _not_configured() -> None:
    raise SettingsError("not configured")

"""What never reaches a log."""

import json
import logging
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.logs import configure_logs, get_logger, redact


@pytest.fixture(autouse=True)
def restored_root() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


@pytest.mark.parametrize("key", ["password", "nas_secret", "API_TOKEN", "Authorization", "chap_challenge", "dsn"])
def test_a_value_whose_key_names_a_secret_is_cut(key: str) -> None:
    assert redact(None, "info", {key: "s3cret", "event": "x"}) == {key: "[redacted]", "event": "x"}


def test_secrets_inside_nested_values_are_cut() -> None:
    event = {"event": "x", "request": {"headers": [{"cookie": "s3cret"}]}}
    assert "s3cret" not in str(redact(None, "info", event))


@given(st.text(alphabet=st.characters(exclude_characters=" \t\n\r@/:", exclude_categories=["C", "Z"]), min_size=1))
def test_a_password_inside_an_address_is_cut_wherever_it_stands(password: str) -> None:
    event = redact(None, "info", {"event": f"cannot reach postgresql://lintas:{password}@h:1/d now"})
    assert event["event"] == "cannot reach postgresql://lintas:[redacted]@h:1/d now"


def test_production_logs_are_one_json_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(log_format="json")
    get_logger("a.b").warning("it happened", used_bytes=3)
    logging.getLogger("c").warning("foreign %s", "line")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert lines[0]["event"] == "it happened"
    assert lines[0]["used_bytes"] == 3
    assert lines[0]["logger"] == "a.b"
    assert lines[1]["event"] == "foreign line"


def test_a_password_inside_a_traceback_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(log_format="json")
    try:
        raise ValueError("no route to redis://:s3cret@h/0")
    except ValueError:
        get_logger("a").exception("failed")
    text = capsys.readouterr().err
    assert "no route" in text
    assert "s3cret" not in text

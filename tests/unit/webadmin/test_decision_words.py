"""The panel has words for every rule and every value, in the reader's language and the provider's zone."""

from typing import Any

import pytest
from flask import Flask
from flask_babel import Babel

from bss import receipt_words
from domain.access import MAC_BINDINGS, NAS_BINDINGS, SESSION_LIMIT_ACTIONS
from domain.quota import QUOTA_KINDS, QUOTA_PERIODS
from webadmin.panel import decision_words
from webadmin.panel.decision_words import seen_words, value_words


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Flask:
    app = Flask("words")
    Babel(app)
    monkeypatch.setattr(decision_words, "exact", lambda moment: moment.isoformat())
    return app


def test_the_panel_and_the_terminal_name_the_same_rules_and_values() -> None:
    allowances = {f"{period} {kind} left" for period in QUOTA_PERIODS for kind in QUOTA_KINDS}

    assert set(decision_words.RULES) == set(receipt_words.RULES)
    assert set(decision_words.VALUES) == set(receipt_words.VALUES) | allowances


def test_every_code_of_a_value_has_words() -> None:
    codes = {"nas_binding": NAS_BINDINGS, "mac_binding": MAC_BINDINGS, "session_limit_action": SESSION_LIMIT_ACTIONS}

    assert {name: set(words) for name, words in decision_words.CODES.items()} == {
        name: set(values) for name, values in codes.items()
    }


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("customer", "suspended", "suspended"),
        ("mac_status", "pending", "waits for approval"),
        ("mac_binding", "learn", "the first device is learned"),
        ("connection_type", "pppoe", "PPPoE"),
        ("nas_server_id", 7, "RB-7"),
        ("nas_server_id", 8, "8"),
        ("is_blacklisted", True, "yes"),
        ("mac", None, "none"),
        ("cut_off_at", "2026-11-01T17:00:00+00:00", "2026-11-01T17:00:00+00:00"),
        ("monthly data left", 1_500_000_000, "1.5 GB"),
        ("brand_new", "text", "text"),
    ],
)
def test_a_value_is_written_as_people_write_it(app: Flask, name: str, value: Any, said: str) -> None:
    with app.test_request_context():
        assert seen_words(name, value, {7: "RB-7"}) == said


def test_an_allowance_of_the_family_is_named_as_such(app: Flask) -> None:
    with app.test_request_context():
        assert str(value_words("family monthly data left")) == "data left this month of the family"
        assert str(value_words("brand_new")) == "brand new"

"""Every code the rules know has words in the panel."""

import pytest
from flask import Flask, request
from flask_babel import Babel

from domain.access import REASONS
from domain.lifecycle import CUSTOMER_STATUSES, SUBSCRIPTION_STATUSES
from domain.live_change import CHANGE_REASONS, CHANGE_STATUSES
from webadmin.panel import sentences, words
from webadmin.panel.language import TRANSLATIONS, compile_catalogues


@pytest.fixture
def app() -> Flask:
    compile_catalogues()
    app = Flask("words")
    Babel(
        app,
        default_translation_directories=str(TRANSLATIONS),
        locale_selector=lambda: request.accept_languages.best_match(["en", "id"]),
    )
    return app


def test_every_reason_of_a_decision_has_words() -> None:
    assert set(words._REASONS) == set(REASONS)


def test_every_reason_of_a_live_change_has_words() -> None:
    assert set(words._CHANGE_REASONS) == set(CHANGE_REASONS)


@pytest.mark.parametrize(
    ("kind", "states"),
    [("customer", CUSTOMER_STATUSES), ("subscription", SUBSCRIPTION_STATUSES), ("change", CHANGE_STATUSES)],
)
def test_every_state_has_a_mark_with_colour_sign_and_word(kind: str, states: tuple[str, ...]) -> None:
    assert set(words._STATES[kind]) == set(states)


def test_a_code_nobody_gave_words_is_shown_as_it_is() -> None:
    assert words.state_mark("customer", "brand_new").text == "brand_new"
    assert words.reason_words("brand_new") == "brand_new"


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        ("503 Session-Context-Not-Found", "it has no such session"),
        ("599 something", "cause 599"),
        (None, "it gave no reason"),
        ("port 3799 is closed", "port 3799 is closed"),
    ],
)
def test_the_cause_of_a_refusal_is_told_in_words(app: Flask, cause: str | None, said: str) -> None:
    with app.test_request_context():
        assert str(words.nak_words(cause)) == said


def test_a_sentence_of_the_business_is_translated_with_its_values(app: Flask) -> None:
    with app.test_request_context(headers={"Accept-Language": "id"}):
        assert sentences.said("is longer than 50 characters") == "lebih panjang dari 50 huruf"
        assert sentences.said("is a plan for hotspot") == "paket untuk Hotspot"
        assert sentences.said("nobody ever wrote this") == "nobody ever wrote this"

"""Every code the rules know has words in the panel."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask, request
from flask_babel import Babel

from domain.access import MAC_BINDINGS, NAS_BINDINGS, REASONS, SESSION_LIMIT_ACTIONS
from domain.lifecycle import CUSTOMER_STATUSES, SUBSCRIPTION_STATUSES
from domain.live_change import CHANGE_REASONS, OUTCOMES
from webadmin.panel import sentences, states, words
from webadmin.panel.language import TRANSLATIONS, compile_catalogues

ROOT = Path(__file__).resolve().parents[3]


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


def test_what_happens_to_one_login_more_has_words_and_nothing_else_is_offered() -> None:
    assert set(words.SESSION_LIMIT_ACTIONS) == set(SESSION_LIMIT_ACTIONS)


def test_every_binding_has_words_and_there_is_no_other() -> None:
    assert set(words.MAC_BINDINGS) == set(MAC_BINDINGS)
    assert set(words.NAS_BINDINGS) == set(NAS_BINDINGS)


@pytest.mark.parametrize(
    ("kind", "codes"),
    [("customer", CUSTOMER_STATUSES), ("subscription", SUBSCRIPTION_STATUSES), ("change", tuple(OUTCOMES))],
)
def test_every_state_has_a_mark_with_colour_sign_and_word(kind: str, codes: tuple[str, ...]) -> None:
    assert set(states._STATES[kind]) == set(codes)


def test_a_code_nobody_gave_words_is_shown_as_it_is() -> None:
    assert states.state_mark("customer", "brand_new").text == "brand_new"
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


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        ("503 Session-Context-Not-Found", "tidak punya sesi itu"),
        (None, "tidak memberi alasan"),
        ("Connection refused", "koneksi ditolak"),
        ("not asked: it refuses Mikrotik-Total-Limit", "tidak diminta: router menolak Mikrotik-Total-Limit"),
        ("without Mikrotik-Total-Limit: at the next login", "tanpa Mikrotik-Total-Limit: saat login berikutnya"),
        ("a router's own words", "a router's own words"),
    ],
)
def test_why_a_change_was_not_simply_done_is_told_in_the_readers_language(
    app: Flask, cause: str | None, said: str
) -> None:
    with app.test_request_context(headers={"Accept-Language": "id"}):
        assert sentences.cause_words(cause) == said


def test_a_sentence_inside_a_sentence_is_translated_too(app: Flask) -> None:
    english = "10.20.0.1 cannot be reached on port 8728: no route to host; it is asked again in 5 seconds"
    with app.test_request_context(headers={"Accept-Language": "id"}):
        assert sentences.said(english) == (
            "10.20.0.1 tidak terjangkau di port 8728: tidak ada jalur ke mesin itu; ditanya lagi dalam 5 detik"
        )


def test_a_sentence_of_the_business_is_translated_with_its_values(app: Flask) -> None:
    with app.test_request_context(headers={"Accept-Language": "id"}):
        assert sentences.said("is longer than 50 characters") == "lebih panjang dari 50 huruf"
        assert sentences.said("is a plan for hotspot") == "paket untuk Hotspot"
        assert sentences.said("nobody ever wrote this") == "nobody ever wrote this"


@pytest.mark.parametrize(
    ("english", "indonesian"),
    [
        ("", ""),
        (
            "the invoice is unpaid: refund its payment instead",
            "status tagihan: belum dibayar: kembalikan pembayarannya saja",
        ),
        ("there is no such order", "tidak ada pesanan itu"),
        ("it is nothing we know: nor this", "it is nothing we know: nor this"),
        ("8.00 % of RCP-20261127-0003", "8.00 % dari RCP-20261127-0003"),
    ],
)
def test_a_refusal_is_told_with_its_mend_and_an_empty_one_says_nothing(
    app: Flask, english: str, indonesian: str
) -> None:
    with app.test_request_context(headers={"Accept-Language": "id"}):
        assert sentences.said(english) == indonesian
    with app.test_request_context(headers={"Accept-Language": "en"}):
        assert sentences.said(english) == english


@pytest.mark.parametrize(
    ("name", "indonesian"),
    [
        ("payment gateway Midtrans", "gateway pembayaran Midtrans"),
        ("billing run 12", "proses penagihan 12"),
        ("billing", "penagihan"),
        ("Ratna Dewi", "Ratna Dewi"),
        (None, ""),
    ],
)
def test_what_works_by_itself_is_named_in_words_and_a_person_by_his_name(
    app: Flask, name: str | None, indonesian: str
) -> None:
    with app.test_request_context(headers={"Accept-Language": "id"}):
        assert words.actor_words(name) == indonesian


def _audited() -> Iterator[str]:
    """Every action that the business writes into the audit log by its whole name."""
    for path in sorted((ROOT / "bss").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            given = [one.value for one in node.keywords if one.arg == "action"] if name == "record" else []
            given += node.args if "audit" in name else []
            for value in given:
                if isinstance(value, ast.Constant) and re.fullmatch(r"[a-z_]+\.[a-z_]+", str(value.value)):
                    yield str(value.value)


def test_everything_that_is_written_into_the_audit_log_has_words() -> None:
    actions = set(_audited())

    assert len(actions) > 80
    assert {action for action in actions if words.action_words(action) == action} == set()

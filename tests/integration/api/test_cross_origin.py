"""Pages of other sites: those of the setting may use the API from a browser, all others are told nothing."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import ValidationError

from db.models import User
from runtime.settings import Settings
from webadmin.app import create_app

API = "/api/v1"
OURS, OTHERS = "https://app.isp.example", "https://evil.example"
ASKS = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "authorization,if-match"}


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    allowing = settings.model_copy(update={"api_origins": f"{OURS}, http://localhost:3000"})
    application = create_app(allowing, TESTING=True, PROPAGATE_EXCEPTIONS=False)
    yield application
    application.extensions["lintas_engine"].dispose()


@pytest.mark.parametrize("origin", [OURS, "http://localhost:3000"])
def test_a_page_of_ours_is_told_what_it_may_send(client: FlaskClient, origin: str) -> None:
    said = client.options(f"{API}/customers/1", headers={"Origin": origin, **ASKS})

    assert said.status_code == 204
    assert said.headers["Access-Control-Allow-Origin"] == origin
    assert "PATCH" in said.headers["Access-Control-Allow-Methods"]
    assert {"authorization", "if-match", "idempotency-key"} <= {
        name.strip().lower() for name in said.headers["Access-Control-Allow-Headers"].split(",")
    }
    assert "Access-Control-Allow-Credentials" not in said.headers


@pytest.mark.parametrize(
    "origin", [OTHERS, "null", "http://app.isp.example", f"{OURS}.evil.example", f"{OURS}:8443", "*", ""]
)
def test_a_page_of_anybody_else_is_told_nothing(client: FlaskClient, origin: str) -> None:
    for said in (
        client.options(f"{API}/customers", headers={"Origin": origin, **ASKS}),
        client.get(f"{API}/customers", headers={"Origin": origin}),
    ):
        assert not [name for name, _ in said.headers if name.startswith("Access-Control-Allow")]
        assert "Origin" in said.headers["Vary"]


def test_answers_and_refusals_can_be_read_by_a_page_of_ours(client: FlaskClient, app: Flask) -> None:
    headers = {"Origin": OURS}

    for said in (
        client.get(f"{API}/customers", headers=headers),
        client.get(f"{API}/customers/999999", headers=headers),
        app.test_client().get(f"{API}/customers", headers=headers),
    ):
        assert said.headers["Access-Control-Allow-Origin"] == OURS
        assert "X-Request-Id" in said.headers["Access-Control-Expose-Headers"]


def test_the_panel_is_for_no_other_site(app: Flask) -> None:
    said = app.test_client().get("/login", headers={"Origin": OURS})

    assert "Access-Control-Allow-Origin" not in said.headers


def test_without_the_setting_there_is_no_word_of_it(
    settings: Settings, client_of: Callable[..., FlaskClient], admin: User
) -> None:
    plain = create_app(settings, TESTING=True)
    said = plain.test_client().options(f"{API}/customers", headers={"Origin": OURS, **ASKS})
    plain.extensions["lintas_engine"].dispose()

    assert "Access-Control-Allow-Origin" not in said.headers


@pytest.mark.parametrize("value", ["*", "app.isp.example", "https://app.isp.example/path", "https://a.example;x"])
def test_a_setting_that_names_no_origins_is_refused(settings: Settings, value: str) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate(settings.model_dump() | {"api_origins": value})

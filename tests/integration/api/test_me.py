"""Who a token stands for."""

from flask.testing import FlaskClient

from bss.permissions import PERMISSIONS


def test_a_token_knows_its_owner_and_permissions(client: FlaskClient) -> None:
    answer = client.get("/api/v1/me")

    assert answer.status_code == 200, answer.json
    assert answer.json["permissions"] == sorted(PERMISSIONS)


def test_without_a_token_the_answer_is_a_problem(app: object, client: FlaskClient) -> None:
    client.environ_base.pop("HTTP_AUTHORIZATION")

    answer = client.get("/api/v1/me")

    assert answer.status_code == 401
    assert answer.mimetype == "application/problem+json"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")

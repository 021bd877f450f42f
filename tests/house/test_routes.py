"""No door without a lock: every route of panel and API says what it needs. No service runs for this."""

import pytest
from flask import Flask

from bss.permissions import BY_SUBJECT, PERMISSIONS, ROLES
from runtime.settings import Settings
from webadmin.api.base import PREFIX
from webadmin.app import create_app
from webadmin.permissions import PUBLIC, SIGNED_IN, need_of, requires
from webadmin.security import PUBLIC_ENDPOINTS

# The steps of signing in, and of getting a new password, are taken by somebody who is not in yet.
BEFORE_SIGNING_IN = (
    "signing_in.forgot",
    "signing_in.passkey",
    "signing_in.passkey_options",
    "signing_in.second",
    "signing_in.set_password",
)


def needs(app: Flask) -> dict[str, str | None]:
    """What each endpoint declares, without the few of libraries that everybody must reach."""
    return {
        rule.endpoint: need_of(app.view_functions[rule.endpoint])
        for rule in app.url_map.iter_rules()
        if rule.endpoint not in PUBLIC_ENDPOINTS and not rule.endpoint.endswith(".static")
    }


def test_every_route_declares_what_it_needs(app: Flask) -> None:
    assert [endpoint for endpoint, need in needs(app).items() if need is None] == []


def test_every_declared_permission_exists(app: Flask) -> None:
    assert set(needs(app).values()) <= set(PERMISSIONS) | {PUBLIC, SIGNED_IN}


def test_outside_the_panel_only_health_and_the_document_are_public(app: Flask) -> None:
    public = {endpoint for endpoint, need in needs(app).items() if need == PUBLIC}

    assert {endpoint for endpoint in public if not endpoint.startswith("panel.")} == {
        "api_docs.openapi_json",
        "api_docs.page",
        "api_docs.part_json",
        "api_docs.part_page",
        "health.alive",
        "health.ready",
        # What gateways tell is believed by nobody: it is asked about.
        "webhooks.tell",
        *BEFORE_SIGNING_IN,
    }


def test_nothing_that_changes_something_is_public(app: Flask) -> None:
    open_to_all = needs(app)
    changing = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if {"POST", "PUT", "PATCH", "DELETE"} & (rule.methods or set()) and open_to_all.get(rule.endpoint) == PUBLIC
    }

    # The language of the sign-in page is a cookie of the reader's own. Whoever has a link begins to pay by it, and what
    # a gateway tells only makes us ask the gateway.
    assert {endpoint for endpoint in changing if not endpoint.startswith("panel.settings.")} == {
        "panel.pay.begin",
        "webhooks.tell",
        *BEFORE_SIGNING_IN,
    }


def test_a_view_that_declares_nothing_is_closed(nowhere: Settings) -> None:
    app = create_app(nowhere, TESTING=True)
    app.add_url_rule("/forgotten", "forgotten", lambda: "open")

    assert app.test_client().get("/forgotten").status_code == 403


def test_a_permission_that_does_not_exist_cannot_be_asked_for() -> None:
    with pytest.raises(ValueError, match="no such permission"):
        requires("view_everything")


def test_every_permission_is_about_one_subject() -> None:
    assert sum(len(permissions) for permissions in BY_SUBJECT.values()) == len(PERMISSIONS)


def test_roles_grant_only_what_exists_and_administrators_all_of_it() -> None:
    assert all(granted <= set(PERMISSIONS) for _, granted in ROLES.values())
    assert ROLES["admin"][1] == set(PERMISSIONS)
    assert not any(code.startswith(("create", "edit", "delete", "manage", "suspend")) for code in ROLES["viewer"][1])


def test_the_api_is_under_one_prefix_with_one_spelling(app: Flask) -> None:
    paths = [rule.rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/api")]

    assert all(path.startswith(f"{PREFIX}/") for path in paths)
    assert not any(path.endswith("/") or path != path.lower() for path in paths)
    assert not any("PUT" in (rule.methods or set()) for rule in app.url_map.iter_rules() if rule.rule in paths)

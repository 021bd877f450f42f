"""Whatever a query names, it means only itself: no page stumbles over a name that the program uses."""

import inspect

from flask import Flask, url_for
from flask.testing import FlaskClient

from panel_addresses import rules_to_look_at

OWN_NAMES = sorted({*inspect.signature(url_for).parameters, "key", "kind", "name", "self", "cursor", "_fragment"})


def test_what_no_text_can_hold_is_refused_wherever_it_is_asked_for(app: Flask, owner: FlaskClient) -> None:
    lists = [rule.rule for rule in rules_to_look_at(app) if not rule.arguments]

    answers = {path: owner.get(f"{path}?q=a%00b").status_code for path in (*lists, "/api/v1/customers/export.csv")}

    assert {path: status for path, status in answers.items() if status != 422} == {}


def test_no_page_stumbles_over_the_name_of_an_argument(app: Flask, owner: FlaskClient) -> None:
    query = "&".join(f"{name}=subscriptions" for name in OWN_NAMES)
    lists = [rule.rule for rule in rules_to_look_at(app) if not rule.arguments]

    failed = [path for path in lists if owner.get(f"{path}?{query}").status_code >= 500]

    assert len(lists) > 50
    assert failed == []

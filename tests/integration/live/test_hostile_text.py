"""Hostile text, sent by routers and typed by staff, then every page and every file opened: nothing of it is executed.

What is sent is found in the API's own document and what is opened in the application, so new ones are covered unnamed.
"""

import re
import socket
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import BrowserContext, Page, sync_playwright

from db.models import Subscription, User
from factories import PASSWORD
from hostile import MARKUP, TEXTS, Forms, formulas_in_csv, formulas_in_workbook, outside_quotes
from integration.live.conftest import SECRET, password_of
from live_stack import LiveStack
from panel_addresses import TABLES, address_of, rules_to_look_at
from panel_server import serving
from radius_stack import wait_for
from simulator import Login, Method, Service, SimulatedRouter, wire

# These end what others need, or talk with a router by its API, which has none here.
NOT_SENT = re.compile(
    r"erase|anonymize|terminate|deactivate|/(disable|cancel|remove|undo|stop|void)$|change-(secret|password)|/secrets"
    r"|/queues|/address-lists|end-sessions|forget-device|trust-cert|/nas/[^/]*/(test|disconnect)|/jobs/|/me\b|/staff/"
    r"|replay|ping"
)
# These need an answer of a router's API, or never end.
NOT_OPENED = re.compile(r"/api(/|$)|/live$|/events$|test$|/follow$|/stream$|logout|certificate$|/secrets|/queues")
FILES = re.compile(r"csv|xlsx|pdf|export|download|/sheets/")
ARGUMENT = re.compile(r"{(\w+)}")
# Fewer calls accepted, or pages seen, than this: the test looked at nothing.
ENOUGH_CALLS, ENOUGH_PAGES, ENOUGH_FILES = 100, 100, 5
# What a browser is asked on each page: was the markup taken for markup, or did a script of it run?
EXECUTED = "() => Boolean(document.querySelector('x-hit') || window.hit)"


@pytest.fixture
def chromium(app: Flask, admin: User) -> Iterator[BrowserContext]:
    """A browser with the administrator signed in."""
    with serving(app) as address, sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        context = started.new_context(base_url=address)
        page = context.new_page()
        page.goto("/login")
        page.fill("#email", admin.email)
        page.fill("#password", PASSWORD)
        page.click("button[name=submit]")
        page.wait_for_selector(".frame")
        yield context
        started.close()


def newest(live: LiveStack, table: str) -> int | None:
    return int(live.radius.sql(f"SELECT coalesce(max(id), 0) FROM {table}")[0][0]) or None


def send_by_api(live: LiveStack, api: FlaskClient) -> Counter[int]:
    """Every text in every field of every call that makes or changes something; what the answers were."""
    document = api.get("/api/v1/openapi.json").get_json()
    forms = Forms(document, lambda table: newest(live, table))
    answers: Counter[int] = Counter()
    for method in ("post", "patch", "put"):
        for path, schema in forms.calls(method):
            address = None if NOT_SENT.search(path) else address_for(live, path)
            if address is not None:
                answers.update(send(api, method, address, forms, schema, text) for text in TEXTS)
    return answers


def address_for(live: LiveStack, path: str) -> str | None:
    names = {name: TABLES.get(name) for name in ARGUMENT.findall(path)}
    numbers = {name: None if table is None else newest(live, table) for name, table in names.items()}
    return None if None in numbers.values() else path.format(**numbers)


def send(api: FlaskClient, method: str, address: str, forms: Forms, schema: str, text: str) -> int:
    """Send a text in all fields; those it is refused in become tame, so that the others arrive."""
    refused: Counter[str] = Counter()
    for _ in range(5):
        answer = api.open(address, method=method.upper(), json=forms.body(schema, text, refused))
        assert answer.status_code < 500, (address, answer.text)
        if answer.status_code != 422:
            break
        refused.update({error["field"].split(".")[0] for error in answer.get_json()["errors"]})
    return answer.status_code


def send_by_radius(live: LiveStack, router: SimulatedRouter, customer: Subscription) -> None:
    """Every text as a name nobody has, and in what a router says of a known customer's login and session."""
    for number, text in enumerate(TEXTS):
        known = Login(
            service=Service.PPPOE, username=customer.username, password=password_of(customer), method=Method.PAP,
            mac="02:00:00:40:00:01", called=text[:200], interface=text[:200],
        )  # fmt: skip
        assert router.authenticate(known).accepted is True
        assert router.authenticate(replace(known, username=text[:200])).accepted is False
        acknowledge(live, customer, number, text[:200])
    opened = "SELECT 1 FROM radacct_open WHERE username = %s HAVING count(*) >= %s"
    wait_for(lambda: live.radius.sql(opened, customer.username, len(TEXTS)), 15)


def acknowledge(live: LiveStack, customer: Subscription, number: int, text: str) -> None:
    """A session's first record, hostile wherever a router has text to give."""
    attributes: list[wire.Attribute] = [
        ("User-Name", customer.username), ("Acct-Status-Type", "Start"), ("Acct-Session-Id", f"{number}{text}"[:60]),
        ("NAS-Identifier", text), ("NAS-Port-Id", text), ("Called-Station-Id", text), ("Calling-Station-Id", text),
        ("NAS-IP-Address", "127.0.0.1"), ("Framed-IP-Address", f"100.64.9.{number + 1}"),
    ]  # fmt: skip
    packet = wire.hashed_request(code=4, identifier=number, attributes=attributes, secret=SECRET.encode())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.settimeout(5)
        sender.sendto(packet, ("127.0.0.1", live.radius.settings.radius_acct_port))
        assert sender.recv(4096)[0] == wire.Code.ACCOUNTING_RESPONSE


def open_pages(live: LiveStack, app: Flask, context: BrowserContext) -> tuple[list[str], list[str]]:
    """Open every page, and every list once more with the texts as its filter; what was opened, what was executed."""
    page, opened, executed = context.new_page(), [], []
    asked = "&".join(f"{name}={quote(MARKUP)}" for name in ("search", "sort", "status", "q", "cursor"))
    context.on("console", lambda said: executed.append(said.text) if "Content Security" in said.text else None)
    for rule in rules_to_look_at(app):
        address = address_of(rule, lambda table: newest(live, table))
        if address is None or NOT_OPENED.search(rule.rule) or FILES.search(rule.rule):
            continue
        look_at(page, address, executed)
        opened.append(address)
        answer = context.request.get(f"{address}?{asked}")
        if answer.status == 500 or "<x-hit" in answer.text():
            executed.append(f"{address} filtered")
    return opened, executed


def look_at(page: Page, address: str, executed: list[str]) -> None:
    answer = page.goto(address, wait_until="domcontentloaded")
    if answer is None or answer.status == 500 or page.evaluate(EXECUTED):
        executed.append(address)


def open_files(live: LiveStack, app: Flask, context: BrowserContext) -> tuple[list[str], list[tuple[str, Any]]]:
    """Fetch every file the panel offers; what was fetched, and cells that would be reckoned."""
    fetched, executed = [], []
    for rule in rules_to_look_at(app):
        address = address_of(rule, lambda table: newest(live, table))
        if address is None or not FILES.search(rule.rule) or NOT_OPENED.search(rule.rule):
            continue
        answer = context.request.get(address)
        assert answer.status < 500, address
        fetched.append(address)
        kind, body = answer.headers.get("content-type", ""), answer.body()
        found = formulas_in_csv(body.decode()) if "text/csv" in kind else []
        found += formulas_in_workbook(body) if "spreadsheetml" in kind else []
        executed += [(address, cell) for cell in found]
    return fetched, executed


def commands_of_scripts(live: LiveStack, page: Page) -> list[Any]:
    """What the scripts for a router would do that nobody meant."""
    page.goto(f"/routers/{newest(live, 'nas_servers')}")
    scripts = [script for script in page.locator("pre").all_text_contents() if "/radius" in script]
    assert len(scripts) >= 2, "no script for version 6 or 7 on the router's page"
    read = [outside_quotes(script) for script in scripts]
    return [found for outside, inside in read for found in (*re.findall("reboot|forged-line", outside), *inside)]


@pytest.mark.long
@pytest.mark.timeout(540)
def test_hostile_text_stays_text_on_every_page_in_every_file_script_and_log(
    live: LiveStack, router: SimulatedRouter, customer: Subscription, app: Flask, api: FlaskClient,
    chromium: BrowserContext, capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    send_by_radius(live, router, customer)
    answers = send_by_api(live, api)
    accepted = sum(count for status, count in answers.items() if status < 300)
    assert accepted >= ENOUGH_CALLS, answers

    opened, executed = open_pages(live, app, chromium)
    fetched, reckoned = open_files(live, app, chromium)

    assert (executed, reckoned) == ([], [])
    assert commands_of_scripts(live, chromium.pages[0]) == []
    assert len(opened) >= ENOUGH_PAGES, opened
    assert len(fetched) >= ENOUGH_FILES, fetched
    said = live.radius.log() + live.log("collector") + live.log("worker") + "".join(capfd.readouterr())
    assert not re.search(r"^forged-line", said, re.MULTILINE)
    assert live.radius.sql("SELECT count(*) FROM customers")[0][0] > 0

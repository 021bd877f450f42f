"""The API's page: read, tried out, and loaded from nowhere but here."""

from urllib.parse import urlsplit

from playwright.sync_api import Page, expect

from browser.seed_panel import Seeded


def test_the_page_shows_every_part_and_asks_nobody_else(visitor: Page, complaints: list[str], panel_url: str) -> None:
    asked: list[str] = []
    visitor.on("request", lambda request: asked.append(request.url))
    visitor.goto("/api/v1/docs")
    expect(visitor.get_by_role("heading", name="The people who pay")).to_be_visible()
    visitor.get_by_role("link", name="POST /api/v1/webhooks", exact=True).click()

    create = visitor.locator("#operations-outgoing-webhooks-create-webhook")
    expect(create.get_by_text("Enter an address; the secret that signs its calls", exact=False).first).to_be_visible()
    expect(create.get_by_text("Idempotency-Key", exact=True).first).to_be_visible()
    expect(create.get_by_text("https://hooks.example.net/lintas").first).to_be_visible()

    hosts = {urlsplit(url).netloc for url in asked if urlsplit(url).scheme in ("http", "https", "ws")}
    assert hosts == {urlsplit(panel_url).netloc}
    assert complaints == []


def test_it_can_be_tried_out_and_says_why_not(visitor: Page, complaints: list[str], seeded: Seeded) -> None:
    visitor.goto("/api/v1/docs/me#/me/get-me")
    me = visitor.locator("#operations-me-get-me")
    me.get_by_role("button", name="Try it out").click()
    me.get_by_role("button", name="Execute").click()

    expect(me.locator(".live-responses-table tbody .response-col_status").first).to_contain_text("401")
    expect(me.get_by_text("application/problem+json").first).to_be_visible()
    assert complaints == []

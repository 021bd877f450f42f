"""Steps that several browser tests take."""

from playwright.sync_api import Page

from browser.seed_panel import EMAIL
from factories import PASSWORD


def sign_in(page: Page, email: str = EMAIL, password: str = PASSWORD) -> None:
    """Come in through the sign-in page."""
    page.goto("/login")
    page.fill("#email", email)
    page.fill("#password", password)
    page.click("button[name=submit]")
    page.wait_for_selector(".frame")

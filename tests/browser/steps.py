"""Steps that several browser tests take."""

import re

from playwright.sync_api import Page

from browser.seed_panel import EMAIL
from factories import PASSWORD
from simulator import SimulatedRouter


def sign_in(page: Page, email: str = EMAIL, password: str = PASSWORD) -> None:
    """Come in through the sign-in page."""
    page.goto("/login")
    page.fill("#email", email)
    page.fill("#password", password)
    page.click("button[name=submit]")
    page.wait_for_selector(".frame")


def pasted(commands: str, *, source_ip: str) -> SimulatedRouter:
    """A router that was told these commands. Its 192.0.2.1 stands for this machine, as the page says."""
    secret = re.search(r'secret="([^"]+)"', commands)
    auth, acct = re.search(r"authentication-port=(\d+)", commands), re.search(r"accounting-port=(\d+)", commands)
    coa = re.search(r"incoming set accept=yes port=(\d+)", commands)
    assert secret, commands
    assert auth, commands
    assert acct, commands
    assert coa, commands
    return SimulatedRouter(
        secret=secret[1],
        source_ip=source_ip,
        auth_port=int(auth[1]),
        acct_port=int(acct[1]),
        coa_port=int(coa[1]),
        timeout_ms=1000,
    )

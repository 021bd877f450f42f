"""The main pages with the life of a small provider in them; the pictures in README and docs are taken here.

Those that need a router which answers are taken where one is walked with: `test_first_run` and
`test_ten_jobs_on_the_network`.
"""

import math
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import update
from sqlalchemy.orm import Session

from browser.pictures import picture
from browser.seed_money import seed_money
from browser.seed_panel import Seeded
from db.models import OnlineSample, RadAcct
from db.queries.samples import EVERY

LAPTOP, TALL, PHONE = (1366, 860), (1366, 1180), (360, 740)


@pytest.fixture
def lived_in(db: Session, seeded: Seeded) -> Seeded:
    """Yesterday and today with their curves, and a month's money."""
    now = datetime.now(UTC)
    seed_money(db, seeded, now)
    first = now.replace(minute=0, second=0, microsecond=0) - timedelta(days=2)
    for place in range((now - first) // EVERY + 1):
        moment = first + place * EVERY
        # Fewest at four in the morning, most at eight in the evening, in Jakarta.
        share = 0.62 - 0.3 * math.cos((moment.hour + moment.minute / 60 + 7 - 8) * math.pi / 12 + 0.6)
        online = round(20 * share)
        figures = {"online": online, "download_kbps": online * 7_400 + place % 9 * 800, "upload_kbps": online * 1_900}
        db.add(OnlineSample(tenant_id=seeded.tenant.id, taken_at=moment, **figures))
    running = (RadAcct.subscription_id == seeded.service.id, RadAcct.acctstoptime.is_(None))
    db.execute(update(RadAcct).where(*running).values(download_kbps=8_300, upload_kbps=1_200))
    db.commit()
    return seeded


@pytest.mark.parametrize(
    ("name", "address", "seen", "size"),
    [
        ("today", "/", "Online now", LAPTOP),
        ("customers", "/customers", "Budi Santoso", LAPTOP),
        ("customer", "/customers/{budi}", "Speed and usage", TALL),
        ("phone-customer", "/customers/{budi}", "Speed and usage", PHONE),
        ("plan", "/plans/{plan}", "If you save this now", LAPTOP),
        ("cash-desk", "/cash/{budi}", "What is open", LAPTOP),
        ("api-docs", "/api/v1/docs", "", LAPTOP),
    ],
)
def test_a_main_page_is_whole(
    panel: Page, lived_in: Seeded, name: str, address: str, seen: str, size: tuple[int, int]
) -> None:
    panel.set_viewport_size({"width": size[0], "height": size[1]})
    panel.goto(address.format(budi=lived_in.budi.id, plan=lived_in.plans[0].id))
    expect(panel.locator("body")).to_contain_text(seen)
    if name == "plan":
        expect(panel.locator("#effect")).to_contain_text("running sessions")
    # What is asked for after the page is there: figures, charts, effects.
    panel.wait_for_timeout(1500)
    picture(panel, name)

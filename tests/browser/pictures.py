"""Pictures of the panel for README and docs, taken by the tests that walk its pages when they are told a folder."""

import io
import os
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page

# Names the folder; without it no picture is taken, so that a run of the tests changes no file.
FOLDER = "PICTURES_FOLDER"
NAMES = frozenset({
    "api-docs", "cash-desk", "customer", "customers", "doctor", "first-run", "online", "phone-customer", "plan",
    "router", "today",
})  # fmt: skip


def picture(page: Page, name: str) -> None:
    """Keep what the page shows now as `name`.png, if pictures are wanted."""
    assert name in NAMES, name
    folder = os.environ.get(FOLDER)
    if not folder:
        return
    page.evaluate("document.fonts.ready.then(() => true)")
    taken = page.screenshot(animations="disabled", caret="hide")
    # A page has few colours: as a palette that holds the rare ones too it is a third of the size and looks the same.
    whole = Image.open(io.BytesIO(taken)).convert("RGB")
    small = whole.quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    small.save(Path(folder) / f"{name}.png", optimize=True)

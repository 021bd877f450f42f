"""Pictures of the panel for README and docs, taken by the tests that walk its pages when they are told a folder."""

import io
import os
from collections import Counter
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
    small = _with_few_colours(Image.open(io.BytesIO(taken)).convert("RGB"))
    small.save(Path(folder) / f"{name}.png", optimize=True)


def _with_few_colours(whole: Image.Image) -> Image.Image:
    """A third of the size, looking the same: 256 colours, rare ones too, each the one it most often stands for."""
    small = whole.quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    palette = small.getpalette() or []
    seen = Counter(zip(small.get_flattened_data(), whole.get_flattened_data(), strict=True))
    for (place, colour), _ in reversed(seen.most_common()):
        palette[place * 3 : place * 3 + 3] = colour
    small.putpalette(palette)
    return small

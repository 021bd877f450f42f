"""Somebody at the panel: reads one language, has one screen, and presses only what is written there.

What is pressed is named by its English words and found by the translation of them, so a walk is the same in both
languages and breaks only when the words or roles on a page do.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from babel.support import NullTranslations, Translations
from playwright.sync_api import Locator, Page, expect

import webadmin
from browser.pictures import picture

CATALOGUE = Path(webadmin.__file__).parent / "translations"


@dataclass(frozen=True, kw_only=True)
class Walk:
    """In which language and on how wide a screen somebody works."""

    language: str
    width: int
    height: int

    @property
    def is_phone(self) -> bool:
        """Whether the rail is a bar below."""
        return self.width < 768


WALKS = {
    "english, laptop": Walk(language="en", width=1366, height=860),
    "indonesian, phone": Walk(language="id", width=360, height=740),
}


class Person:
    """Someone who works with the panel; `page` is the browser's."""

    def __init__(self, page: Page, walk: Walk) -> None:
        self.page, self.walk = page, walk
        self._words = Translations.load(CATALOGUE, [walk.language]) if walk.language != "en" else NullTranslations()
        self.faults: list[str] = []

    def word(self, english: str, **values: object) -> str:
        """What the panel says for it in this person's language."""
        text: str = self._words.gettext(english)
        return text % values if values else text

    def named(self, english: str, within: Locator | None = None) -> Locator:
        """The link or button that is visible and called so; a key it has may stand behind its name."""
        name = re.compile(rf"^\s*{re.escape(self.word(english))}(\s+\S{{1,3}})?\s*$")
        place = within if within is not None else self.page.locator("body")
        found = place.get_by_role("link", name=name).or_(place.get_by_role("button", name=name))
        return found.or_(place.locator("summary").filter(has_text=name)).filter(visible=True).first

    def press(self, english: str, within: Locator | None = None) -> None:
        """Press it."""
        self.named(english, within).click()

    def field(self, english: str, within: Locator | None = None) -> Locator:
        """The box with this label."""
        name = re.compile(rf"^\s*{re.escape(self.word(english))}(\s+· .*)?\s*$")
        return (within if within is not None else self.page).get_by_label(name).filter(visible=True).first

    def fill(self, english: str, text: str, within: Locator | None = None) -> None:
        """Type into it, in place of what stands there."""
        self.field(english, within).fill(text)

    def go(self, group: str, title: str) -> None:
        """Go to a page as one finds it: by the rail, on a phone by More."""
        title_text = self.word(title)
        self.page.wait_for_load_state()
        if self.walk.is_phone:
            self.page.locator(".tabbar .more > summary").click()
            self.page.locator(".more-pages").get_by_role("link", name=title_text, exact=True).click()
        else:
            link = self.page.locator(".rail").get_by_role("link", name=title_text, exact=True)
            if not link.is_visible():
                self.page.locator(".rail summary").filter(has_text=self.word(group)).click()
            link.click()
        expect(self.page.get_by_role("heading", level=1)).to_have_text(title_text)

    def sheet(self) -> Locator:
        """The question over the page."""
        return self.page.locator("dialog[open]")

    def sees(self, *texts: str) -> None:
        """These stand on the page."""
        for text in texts:
            expect(self.page.locator("main")).to_contain_text(text)

    def picture(self, name: str) -> None:
        """Take it for the docs, which show the panel in English and wide."""
        if self.walk.language == "en" and not self.walk.is_phone:
            picture(self.page, name)

    def looks(self, where: str) -> None:
        """Nothing on the page is inaccessible or wider than the screen; what is goes to `faults`."""
        self.page.wait_for_load_state()
        wide = self.page.evaluate("document.documentElement.scrollWidth")
        if wide > self.walk.width:
            self.faults.append(f"{where}: {wide} px wide")
        for fault in Axe().run(self.page).response["violations"]:
            self.faults.append(f"{where}: {fault['id']}: {fault['nodes'][0]['html'][:160]}")

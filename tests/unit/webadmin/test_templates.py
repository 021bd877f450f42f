"""What holds for every template: nothing the content security policy forbids, nothing unescaped, icons that exist."""

import re
from pathlib import Path

import pytest

from webadmin.panel.navigation import _GROUPS
from webadmin.panel.states import _STATES

ROOT = Path(__file__).resolve().parents[3]
TEMPLATES = sorted((ROOT / "webadmin" / "templates").rglob("*.html"))
PYTHON = sorted((ROOT / "webadmin" / "panel").glob("*.py"))
FORBIDDEN = {
    "a style attribute": re.compile(r"\sstyle\s*="),
    "an inline script": re.compile(r"<script(?![^>]*\ssrc=)"),
    "an inline style sheet": re.compile(r"<style"),
    "an event attribute": re.compile(r"\s(on[a-z]+|hx-on[:a-z-]*)\s*=", re.IGNORECASE),
    "a javascript: address": re.compile(r"javascript:", re.IGNORECASE),
    "text that is not escaped": re.compile(r"\|\s*safe\b|autoescape\s+false"),
    "a file from another host": re.compile(r"(src|href)=\"https?://(?!wa\.me/)"),
}


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
@pytest.mark.parametrize("what", FORBIDDEN)
def test_a_template_holds_nothing_that_is_forbidden(path: Path, what: str) -> None:
    assert FORBIDDEN[what].search(path.read_text()) is None


# Nobody signs in where customers pay, so there is nothing for another site to ride on.
@pytest.mark.parametrize("path", [path for path in TEMPLATES if path.parent.name != "pay"], ids=lambda path: path.name)
def test_every_form_that_changes_something_carries_the_csrf_token(path: Path) -> None:
    for form in re.findall(r"<form[^>]*method=\"post\".*?</form>", path.read_text(), re.DOTALL):
        assert "csrf()" in form or "hidden_tag()" in form, form[:120]


def test_every_icon_is_in_the_sprite() -> None:
    offered = set((ROOT / "scripts" / "icons.txt").read_text().split())
    used = {mark.icon for marks in _STATES.values() for mark in marks.values()}
    used |= {page.icon for group in _GROUPS for page in group[3]} | {group[2] for group in _GROUPS}
    for path in TEMPLATES:
        used |= set(re.findall(r"(?:icon|teach)\(\"([a-z0-9-]+)\"", path.read_text()))
    assert used - offered == set()


def test_no_state_is_shown_by_its_colour_alone() -> None:
    for kind, marks in _STATES.items():
        icons = {code: mark.icon for code, mark in marks.items()}
        same = {code for code, icon in icons.items() if list(icons.values()).count(icon) > 1}
        colours = [marks[code].colour for code in same]
        assert "green" not in colours or kind == "enabled", f"{kind}: a good state shares its sign with another"

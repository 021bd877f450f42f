"""Which language and theme this request is answered in: own choice, cookie, browser."""

from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from flask import Flask, g, request
from flask_babel import Babel
from flask_login import current_user
from sqlalchemy.exc import SQLAlchemyError

from runtime.logs import get_logger

LANGUAGES = {"en": "English", "id": "Bahasa Indonesia"}
THEMES = ("auto", "light", "dark")
COOKIE = "lintas_language"
COOKIE_SECONDS = 365 * 24 * 3600
log = get_logger("webadmin.panel")
TRANSLATIONS = Path(__file__).resolve().parent.parent / "translations"


def chosen_language() -> str:
    """The language code for this request."""
    own = _own_choice("language")
    if own in LANGUAGES:
        return own
    cookie = request.cookies.get(COOKIE)
    if cookie in LANGUAGES:
        return cookie
    # A customer's page: his language, until he chooses.
    if g.get("page_language") in LANGUAGES:
        return str(g.page_language)
    return request.accept_languages.best_match(LANGUAGES) or "en"


def chosen_theme() -> str:
    """The theme for this request; the sign-in page follows the system."""
    own = _own_choice("theme")
    return own if own in THEMES else "auto"


def _own_choice(name: str) -> str:
    try:
        return str(getattr(current_user, name)) if current_user.is_authenticated else ""
    except SQLAlchemyError:
        # The page that says the database is away must not need the database.
        return ""


def init_language(app: Flask) -> None:
    """Give the application its translations, compiled first where the catalogue is newer."""
    compile_catalogues()
    app.config.setdefault("BABEL_TRANSLATION_DIRECTORIES", str(TRANSLATIONS))
    if "babel" not in app.extensions:
        Babel(app, locale_selector=chosen_language)


def compile_catalogues(directory: Path = TRANSLATIONS) -> None:
    """Write the .mo beside each .po that changed. An installation that may not write here compiled them at set-up."""
    for source in directory.glob("*/LC_MESSAGES/messages.po"):
        target = source.with_suffix(".mo")
        if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
            continue
        try:
            _compile(source, target)
        except OSError as error:
            # The panel in English is better than no panel.
            log.warning("translation not compiled", catalogue=str(source), error=str(error))


def _compile(source: Path, target: Path) -> None:
    with source.open("rb") as text:
        catalogue = read_po(text, locale=source.parent.parent.name)
    # Several server processes start together: each writes its own file and renames, so none reads half of one.
    fresh = target.with_suffix(f".{id(catalogue)}.tmp")
    with fresh.open("wb") as binary:
        write_mo(binary, catalogue)
    fresh.replace(target)

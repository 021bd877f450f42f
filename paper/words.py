"""What paper says in each language: its own small catalogues, read as they are written.

A customer's paper is in the customer's language, whatever language staff read the panel in.
"""

from functools import lru_cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LANGUAGES = ("en", "id")
TRANSLATIONS = Path(__file__).resolve().parent / "translations"


def language_of(wanted: str | None) -> str:
    """The language among ours, English where somebody wants another."""
    return wanted if wanted in LANGUAGES else LANGUAGES[0]


@lru_cache(maxsize=len(LANGUAGES))
def words_in(language: str) -> NullTranslations:
    """The translations into a language; English is what the code says."""
    source = TRANSLATIONS / language / "LC_MESSAGES" / "messages.po"
    if not source.exists():
        return NullTranslations()
    with source.open("rb") as text:
        catalogue = read_po(text, locale=language)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return GNUTranslations(compiled)

"""From values to HTML: the templates of paper, with every value escaped and every word in the reader's language."""

from datetime import date
from decimal import Decimal
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from paper import spelling
from paper.words import words_in

TEMPLATES = Path(__file__).resolve().parent / "templates"


def page(template: str, language: str, **values: object) -> str:
    """A page as one text that needs nothing else: styles and pictures are in it."""
    return _environment(language).get_template(template).render(language=language, **values)


@lru_cache(maxsize=4)
def _environment(language: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.install_gettext_translations(words_in(language), newstyle=True)  # type: ignore[attr-defined]
    environment.filters.update(_filters(language))
    return environment


def _filters(language: str) -> dict[str, object]:
    """Values in the reader's spelling."""

    def money(amount: Decimal, currency: str) -> str:
        return spelling.money(amount, currency, language)

    def day(value: date) -> str:
        return spelling.calendar_day(value, language)

    return {
        "money": money,
        "day": day,
        "number": lambda value: spelling.number(value, language),
        "volume": lambda value: spelling.volume(value, language),
        "duration": lambda value: spelling.duration(value, language),
        "lines": _lines,
    }


def _lines(text: str) -> Markup:
    """Text with its line breaks."""
    return Markup("<br>").join(escape(line) for line in text.splitlines())

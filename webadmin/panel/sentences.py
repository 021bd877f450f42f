"""Sentences of the business in the reader's language.

The business speaks English and puts values into its sentences: numbers, names, codes. What was said is recognised by
the sentences that the catalogue knows with {0}, {1} in the places of values; of several that fit, the one with the
most words of its own is meant. A value that is itself a word of ours (a kind of access, a state) is translated too.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache

from babel.messages.mofile import read_mo
from flask_babel import get_locale, gettext
from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString

from webadmin.panel.language import TRANSLATIONS
from webadmin.panel.words import CHOICES, nak_words

# Stands for a value in the text of a program, where `pattern_of` finds it.
VALUE = "\0"
_PLACE = re.compile(r"\{\d+\}")
_VALUES = re.compile(r"\0|(?<![\w.:])\d+(?:[.,]\d+)*(?![\w:])")
_LONGEST = 2000
_NOUNS: dict[str, LazyString] = {
    "customer": _l("customer"),
    "subscription": _l("subscription"),
    "router": _l("router"),
    "router group": _l("router group"),
    "plan": _l("plan"),
    "voucher": _l("voucher"),
    "token": _l("token"),
    "certificate": _l("certificate"),
    "device": _l("device"),
    "family": _l("family"),
    "operator": _l("operator"),
    "contact": _l("contact"),
    "tag": _l("tag"),
    "equipment": _l("equipment"),
    "transfer": _l("transfer"),
    "job": _l("job"),
    "invoice": _l("invoice"),
    "payment": _l("payment"),
    "expense": _l("expense"),
    "gateway": _l("gateway"),
    "link": _l("link"),
    "order": _l("order"),
    "run": _l("run"),
    "batch": _l("batch"),
    "sheet": _l("sheet"),
    "change": _l("change"),
    "roll-out": _l("roll-out"),
    "paused": _l("held"),
    "unpaid": _l("open"),
    "refunded": _l("given back"),
    "completed": _l("received"),
    "pending": _l("waiting"),
    "rejected": _l("refused"),
    "replaced": _l("replaced by a newer one"),
}
# What the operating system says of a connection, which comes in either case.
_SYSTEM: dict[str, LazyString] = {
    "connection refused": _l("connection refused"),
    "connection reset by peer": _l("connection cut by the other side"),
    "host is down": _l("the machine is off"),
    "network is unreachable": _l("no way to that network"),
    "no route to host": _l("no way to that machine"),
    "port unreachable": _l("nothing listens on the port"),
}


class Sentences:
    """The sentences with values that a catalogue translates, ready to be recognised."""

    def __init__(self, catalogue: Mapping[str, str], *, word: Callable[[str], str]) -> None:
        known = sorted((text for text in catalogue if _PLACE.search(text)), key=lambda text: -len(_PLACE.sub("", text)))
        self._known = [(_matching(text), catalogue[text]) for text in known]
        self._word = word

    def say(self, text: str) -> str | None:
        """The text translated with its values put back, or None when no sentence fits it."""
        for pattern, translation in self._known if len(text) <= _LONGEST else ():
            found = pattern.fullmatch(text)
            if found is not None:
                return self._filled(translation, found)
        return None

    def _filled(self, translation: str, found: re.Match[str]) -> str:
        return _PLACE.sub(lambda place: self._word(found["v" + place[0][1:-1]]), translation)


def said(text: str) -> str:
    """A sentence of the business translated, its values kept; also “what is wrong: what mends it”."""
    reason, _, mend = text.partition(": ")
    told, advice = (_known(reason), _known(mend)) if mend else (None, None)
    # Both halves first: the value at the end of the reason would take in the advice as well.
    if told and advice:
        return f"{told}: {advice}"
    return _known(text) or (f"{told}: {mend}" if told else text)


def _known(text: str) -> str | None:
    # The empty sentence is the head of every catalogue.
    plain = str(gettext(text)) if text else text
    if plain != text:
        return plain
    known = _SYSTEM.get(text.lower())
    return str(known) if known is not None else _sentences(str(get_locale())).say(text)


def cause_words(cause: str | None) -> str:
    """Why a live change was not simply done: the number of a refusal in words, or the sentence that was kept."""
    words = nak_words(cause)
    return said(cause) if cause and words == cause else str(words)


def pattern_of(text: str) -> tuple[str, list[str]]:
    """The sentence with {0}, {1} in place of its numbers and of each `VALUE`, and what stood there."""
    values: list[str] = []

    def keep(match: re.Match[str]) -> str:
        values.append(match[0])
        return f"{{{len(values) - 1}}}"

    return _VALUES.sub(keep, text), values


@lru_cache(maxsize=8)
def _sentences(language: str) -> Sentences:
    path = TRANSLATIONS / language / "LC_MESSAGES" / "messages.mo"
    if not path.exists():
        return Sentences({}, word=_word)
    with path.open("rb") as file:
        catalogue = read_mo(file)
    plain = {one.id: one.string for one in catalogue if isinstance(one.id, str) and isinstance(one.string, str)}
    return Sentences(plain, word=_word)


def _word(value: str) -> str:
    known = _NOUNS.get(value) or CHOICES.get(value)
    if known is not None:
        return str(known)
    # A value may be a sentence itself: why something is, inside what follows from it.
    if " " in value:
        return said(value)
    return str(gettext(value)) if value.isalpha() else value


def _matching(text: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\d+)\}", text)
    # Text and numbers of places follow each other; a place named a second time must hold the same again.
    seen: set[str] = set()
    pattern = ""
    for position, part in enumerate(parts):
        if position % 2 == 0:
            pattern += re.escape(part)
        else:
            pattern += f"(?P=v{part})" if part in seen else f"(?P<v{part}>.+?)"
            seen.add(part)
    return re.compile(pattern, re.DOTALL)

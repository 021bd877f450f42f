"""Every sentence of the panel exists in every language, with the same places for values."""

import importlib.machinery
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
from babel.messages.pofile import read_po

from webadmin.panel.language import TRANSLATIONS, compile_catalogues
from webadmin.panel.sentences import VALUE, Sentences, pattern_of

ROOT = Path(__file__).resolve().parents[3]
CATALOGUES = sorted(TRANSLATIONS.glob("*/LC_MESSAGES/messages.po"))
PLACE = re.compile(r"%\(\w+\)[sd]|\{\d+\}|%%")


@pytest.fixture(scope="module")
def keeper() -> ModuleType:
    path = str(ROOT / "scripts" / "translations")
    loader = importlib.machinery.SourceFileLoader("translations_script", path)
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parts[-3])
def test_every_sentence_is_translated(keeper: ModuleType, path: Path) -> None:
    with path.open("rb") as file:
        catalogue = read_po(file, locale=path.parts[-3])
    catalogue.update(keeper.template(), no_fuzzy_matching=True)
    assert keeper.lacking(catalogue) == [], "run scripts/translations and translate what it prints"


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parts[-3])
def test_a_translation_has_the_places_of_its_original(path: Path) -> None:
    with path.open("rb") as file:
        catalogue = read_po(file, locale=path.parts[-3])
    for message in catalogue:
        if not message.id:
            continue
        originals = [message.id] if isinstance(message.id, str) else message.id
        forms = [message.string] if isinstance(message.string, str) else message.string
        for original, form in zip(originals, forms, strict=True):
            assert sorted(PLACE.findall(form)) == sorted(PLACE.findall(original)), original


def test_catalogues_are_compiled_when_they_are_newer(tmp_path: Path) -> None:
    target = tmp_path / "id" / "LC_MESSAGES"
    target.mkdir(parents=True)
    (target / "messages.po").write_bytes(CATALOGUES[0].read_bytes())
    compile_catalogues(tmp_path)
    compiled = (target / "messages.mo").stat().st_mtime_ns
    compile_catalogues(tmp_path)
    assert (target / "messages.mo").stat().st_mtime_ns == compiled
    assert [path.name for path in target.iterdir() if path.suffix == ".tmp"] == []


def _as_programs_say_it(keeper: ModuleType) -> list[tuple[str, list[str]]]:
    """Every sentence of the business that holds a value, as it would be said with words in the places of values."""
    words = ["hotspot", "budi, siti", "'x y'", "12", "2026-11-01"]
    made = []
    for _, _, pattern in [*keeper.said_by_the_business(), *keeper.said_about_routers()]:
        places = re.findall(r"\{(\d+)\}", pattern)
        if places:
            values = [words[(position + len(pattern)) % len(words)] for position in range(len(places))]
            made.append((pattern, values))
    return made


def test_every_sentence_of_the_business_with_a_value_is_found_again(keeper: ModuleType) -> None:
    known = {message.id: f"<{message.id}>" for message in keeper.template() if isinstance(message.id, str)}
    sentences = Sentences(known, word=str)
    made = _as_programs_say_it(keeper)

    assert len(made) > 60
    for pattern, values in made:
        text = pattern.format(*values)
        assert sentences.say(text) == f"<{text}>"


def test_the_sentence_with_most_words_of_its_own_is_meant() -> None:
    known = {"use {0}": "pakai {0}", "use at most {0}": "paling banyak {0}", "is a plan for {0}": "paket {0}"}
    sentences = Sentences(known, word=lambda value: value.upper())

    assert sentences.say("use at most 5") == "paling banyak 5"
    assert sentences.say("use pppoe, hotspot") == "pakai PPPOE, HOTSPOT"
    assert sentences.say("is a plan for hotspot") == "paket HOTSPOT"
    assert sentences.say("has no sentence") is None
    assert sentences.say("use " + "x" * 5000) is None


@pytest.mark.parametrize(
    ("text", "pattern", "numbers"),
    [
        ("is longer than 253 characters", "is longer than {0} characters", ["253"]),
        ("write it like +628123456789", "write it like +{0}", ["628123456789"]),
        ("write it like AA:BB:CC:DD:EE:FF", "write it like AA:BB:CC:DD:EE:FF", []),
        ("write it like 10.20.0.15", "write it like {0}", ["10.20.0.15"]),
        (f"is a plan for {VALUE}, {VALUE}MB", "is a plan for {0}, {1}MB", [VALUE, VALUE]),
        ("is not a usable IPv4 address", "is not a usable IPv4 address", []),
    ],
)
def test_numbers_are_taken_out_of_a_sentence_before_it_is_looked_up(
    text: str, pattern: str, numbers: list[str]
) -> None:
    assert pattern_of(text) == (pattern, numbers)

"""Every sentence of the panel exists in every language, with the same places for values."""

import importlib.machinery
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
from babel.messages.pofile import read_po

from webadmin.panel.language import TRANSLATIONS, compile_catalogues
from webadmin.panel.words import pattern_of

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
        original = message.id if isinstance(message.id, str) else message.id[0]
        forms = [message.string] if isinstance(message.string, str) else message.string
        for form in forms:
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


@pytest.mark.parametrize(
    ("text", "pattern", "numbers"),
    [
        ("is longer than 253 characters", "is longer than {0} characters", ["253"]),
        ("write it like +628123456789", "write it like +{0}", ["628123456789"]),
        ("write it like AA:BB:CC:DD:EE:FF", "write it like AA:BB:CC:DD:EE:FF", []),
        ("write it like 10.20.0.15", "write it like {0}", ["10.20.0.15"]),
        ("is not a usable IPv4 address", "is not a usable IPv4 address", []),
    ],
)
def test_numbers_are_taken_out_of_a_sentence_before_it_is_looked_up(
    text: str, pattern: str, numbers: list[str]
) -> None:
    assert pattern_of(text) == (pattern, numbers)

"""What README, changelog and docs name is there: pictures, headings, files, commands, settings and addresses."""

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import click
import pytest
from flask import Flask
from werkzeug.routing import MapAdapter

from cli.main import root
from runtime.settings import PREFIX, Settings
from tests.house.code import ROOT

DOCUMENTS = (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md")))
LINK = re.compile(r"\]\(([^)\s]+)\)")
QUOTED = re.compile(r"`([^`\n]+)`")
BLOCK = re.compile(r"^```[a-z]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"(?:^|[\s(;|])(?:\.venv/bin/)?lintas((?: [a-z][a-z0-9|-]*)+)([^;]*)")
OPTION = re.compile(r"(?<=[ \[])--[a-z][a-z-]+")
ADDRESS = re.compile(r"(?:/api/v1|\$L)(/[a-z0-9_./{}-]++)(?!…)")
SETTING = re.compile(rf"\b{PREFIX}([A-Z_]+)\b")
# What a checkout gets by itself is not in it.
MADE = ("var/", "node_modules/", ".venv/")
# Read before there are settings, or by whoever calls.
ELSEWHERE = {"HOME", "ENV_FILE", "VAR_DIR"}


@lru_cache
def text_of(path: Path) -> str:
    return path.read_text()


def headings(path: Path) -> set[str]:
    """The anchors of a document, as GitHub spells them."""
    lines = re.findall(r"^#+ (.+)$", BLOCK.sub("", text_of(path)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}


def code_in(path: Path) -> Iterator[str]:
    """What stands in a document as code, line by line."""
    text = text_of(path)
    for block in BLOCK.findall(text):
        yield from block.splitlines()
    yield from QUOTED.findall(BLOCK.sub("", text))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    astray = []
    for link in LINK.findall(text_of(path)):
        if link.startswith(("http://", "https://")):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        if not target.exists() or (anchor and anchor not in headings(target)):
            astray.append(link)
    assert astray == []


def test_every_picture_is_shown_somewhere() -> None:
    shown = {(path.parent / link).resolve() for path in DOCUMENTS for link in LINK.findall(text_of(path))}

    assert [file.name for file in sorted((ROOT / "docs" / "images").iterdir()) if file.resolve() not in shown] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_files_that_are_named_are_there(path: Path) -> None:
    rooms = tuple(f"{folder.name}/" for folder in ROOT.iterdir() if folder.is_dir())
    named = {code for code in code_in(path) if code.startswith(rooms) and not code.startswith(MADE)}
    missing = [code for code in sorted(named) if re.fullmatch(r"[\w./-]+", code) and not (ROOT / code).exists()]

    assert missing == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_commands_that_are_named_are_there_with_their_options(path: Path) -> None:
    unknown = []
    for code in code_in(path):
        for words, rest in COMMAND.findall(code):
            commands = [command_of(way) for way in ways(words.split())]
            missing = {option for option in OPTION.findall(rest) if not any(takes(one, option) for one in commands)}
            if missing or None in commands:
                unknown.append(f"lintas{words} {' '.join(missing)}")

    assert unknown == []


def ways(words: list[str]) -> list[list[str]]:
    """`add|edit` is both."""
    made: list[list[str]] = [[]]
    for word in words:
        made = [[*way, one] for way in made for one in word.split("|")]
    return made


def command_of(words: list[str]) -> click.Command | None:
    """The command that the words lead to; what stands behind it is its arguments."""
    found: click.Command = root
    context = click.Context(root)
    for word in words:
        if not isinstance(found, click.Group):
            return found
        below = found.get_command(context, word)
        if below is None:
            return found if found.invoke_without_command else None
        found = below
    return found


def takes(command: click.Command | None, option: str) -> bool:
    """Whether the command knows the option."""
    return command is not None and any(option in (*known.opts, *known.secondary_opts) for known in command.params)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_targets_of_make_that_are_named_are_there(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {target for code in code_in(path) for target in re.findall(r"\bmake ([a-z][a-z-]*)", code)}

    assert named <= targets


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_settings_that_are_named_are_read(path: Path) -> None:
    known = {name.upper() for name in Settings.model_fields} | ELSEWHERE

    assert set(SETTING.findall(text_of(path))) <= known


def test_the_readme_names_every_room() -> None:
    rooms = {folder.name for folder in ROOT.iterdir() if (folder / "__init__.py").exists()}

    assert {room for room in rooms if f"`{room}/`" not in text_of(ROOT / "README.md")} == set()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_addresses_of_the_api_that_are_named_are_there(path: Path, app: Flask) -> None:
    known = app.url_map.bind("localhost")
    unknown = [
        address
        for code in code_in(path)
        for address in ADDRESS.findall(code)
        if not answers(known, "/api/v1" + re.sub(r"\{\w+\}", "1", address))
    ]

    assert unknown == []


def answers(known: MapAdapter, address: str) -> bool:
    """Whether some method is answered there."""
    return bool(known.allowed_methods(address.rstrip(".")))

"""Attribute names, numbers and types, read from radius/dictionaries.

Decides how a dictionary line is read.  It knows only the lines our own files use (ATTRIBUTE, VALUE, VENDOR,
BEGIN-VENDOR, END-VENDOR, $INCLUDE) and refuses any other word, so a file that drifts is noticed here.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Definition:
    """One attribute: what its number means and how its octets are read."""

    name: str
    number: int
    vendor: int
    type: str
    tagged: bool = False
    numbers: dict[str, int] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)


@dataclass(kw_only=True)
class Dictionary:
    """All definitions, by name and by (vendor, number)."""

    by_name: dict[str, Definition] = field(default_factory=dict)
    by_number: dict[tuple[int, int], Definition] = field(default_factory=dict)
    vendors: dict[str, int] = field(default_factory=dict)

    def read(self, path: Path) -> None:
        """Add the definitions of one file and of those it includes."""
        vendor = 0
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            words = line.split("#", 1)[0].split()
            match words:
                case []:
                    continue
                case ["$INCLUDE", name]:
                    self.read(path.parent / name)
                case ["VENDOR", name, code]:
                    self.vendors[name] = int(code)
                case ["BEGIN-VENDOR", name]:
                    vendor = self.vendors[name]
                case ["END-VENDOR", _]:
                    vendor = 0
                case ["ATTRIBUTE", name, code, type_, *flags]:
                    self._add(name=name, number=int(code), vendor=vendor, type_=type_, flags=flags)
                case ["VALUE", attribute, name, code]:
                    self.by_name[attribute].numbers[name] = int(code)
                    self.by_name[attribute].names[int(code)] = name
                case _:
                    raise ValueError(f"{path}:{number}: not a dictionary line: {line!r}")

    def _add(self, *, name: str, number: int, vendor: int, type_: str, flags: list[str]) -> None:
        tagged = any("has_tag" in flag for flag in flags)
        definition = Definition(name=name, number=number, vendor=vendor, type=type_.partition("[")[0], tagged=tagged)
        self.by_name[name] = definition
        self.by_number[vendor, number] = definition


def dictionary_path() -> Path:
    """radius/dictionaries/dictionary: data we read, not code we import."""
    spec = importlib.util.find_spec("radius")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("the radius package, which holds the dictionaries, is not installed")
    return Path(next(iter(spec.submodule_search_locations))) / "dictionaries" / "dictionary"


@cache
def standard() -> Dictionary:
    """The project's own set, read once."""
    dictionary = Dictionary()
    dictionary.read(dictionary_path())
    return dictionary

"""Our dictionaries are the facts everybody else uses."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from pyrad.dictionary import Dictionary as PyradDictionary

from simulator.dictionary import Dictionary, dictionary_path, standard

DEBIAN = Path("/usr/share/freeradius")
installed = pytest.mark.skipif(
    not (DEBIAN / "dictionary").exists(), reason="FreeRADIUS' dictionaries are not installed"
)


def _debian() -> tuple[dict[str, tuple[int, int, str]], dict[tuple[str, str], int]]:
    """Attributes as (vendor, number, type) and named values, of every Debian file that `dictionary` includes."""
    attributes: dict[str, tuple[int, int, str]] = {}
    values: dict[tuple[str, str], int] = {}
    vendors: dict[str, int] = {}

    def read(path: Path) -> None:
        vendor = 0
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            words = re.sub(r"#.*", "", line).split()
            if len(words) >= 2 and words[0] == "$INCLUDE" and (path.parent / words[1]).exists():
                read(path.parent / words[1])
            elif words[:1] == ["VENDOR"]:
                vendors[words[1]] = int(words[2], 0)
            elif words[:1] == ["BEGIN-VENDOR"]:
                vendor = vendors[words[1]]
            elif words[:1] == ["END-VENDOR"]:
                vendor = 0
            elif words[:1] == ["ATTRIBUTE"] and words[2].isdecimal():
                attributes.setdefault(words[1], (vendor, int(words[2]), words[3].split("[")[0]))
            elif words[:1] == ["VALUE"] and words[3].isdecimal():
                values[words[1], words[2]] = int(words[3])

    read(DEBIAN / "dictionary")
    return attributes, values


@installed
def test_every_attribute_has_debians_vendor_number_and_type() -> None:
    theirs, _ = _debian()
    ours = {name: (one.vendor, one.number, one.type) for name, one in standard().by_name.items()}
    assert ours == {name: theirs.get(name) for name in ours}


@installed
def test_every_named_value_has_debians_number() -> None:
    _, theirs = _debian()
    ours = {(name, value): number for name, one in standard().by_name.items() for value, number in one.numbers.items()}
    assert ours == {key: theirs.get(key) for key in ours}


def test_pyrad_reads_the_set_and_skips_nothing() -> None:
    read = PyradDictionary(str(dictionary_path()))
    assert set(read.attributes) == set(standard().by_name)
    assert not read.skipped_attributes


def test_no_number_has_two_names() -> None:
    assert len(standard().by_number) == len(standard().by_name)


def test_every_file_of_the_folder_is_included() -> None:
    main = dictionary_path()
    included = set(re.findall(r"^\$INCLUDE (\S+)$", main.read_text(), flags=re.MULTILINE))
    assert included == {path.name for path in main.parent.iterdir()} - {main.name}


def test_a_line_the_reader_does_not_know_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "dictionary").write_text("ATTRIBUTE User-Name 1 string\nATRIBUTE Class 25 octets\n")
    with pytest.raises(ValueError, match="dictionary:2: not a dictionary line"):
        Dictionary().read(tmp_path / "dictionary")


@pytest.mark.skipif(not shutil.which("radclient"), reason="radclient is not installed")
def test_freeradius_loads_our_set_on_top_of_its_own(tmp_path: Path) -> None:
    # radclient reads <raddb>/dictionary after the full set and stops on a definition that contradicts it.
    (tmp_path / "dictionary").write_text(f"$INCLUDE {dictionary_path()}\n")
    command = ["radclient", "-d", str(tmp_path), "-r", "1", "-t", "0.1", "127.0.0.1:9", "auth", "a secret"]
    ran = subprocess.run(command, input="User-Name = x", capture_output=True, text=True, timeout=20, check=False)
    assert "dict_init" not in ran.stderr
    assert "Sent Access-Request" in ran.stdout

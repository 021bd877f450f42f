"""What a reader may count on in every file."""

import ast
import re

import pytest

from tests.house.code import ROOT, Source, project_files, sources

LONGEST_FILE = 600
LONGEST_FUNCTION = 50
# A function that is longer, and why it is not cut: "path:name" to the reason.
LONG_FUNCTIONS: dict[str, str] = {}

# Where somebody works is nobody's business, and a file says nothing of how it came about. In pieces, so that this file
# does not hold them either.
FORBIDDEN = {
    "a place on somebody's machine": re.compile("/" + r"(work|root|Users)/|/" + r"home/[a-z]"),
    "a number in somebody's tracker": re.compile(r"\bissue" + r" #\d", re.IGNORECASE),
    "work that is put off": re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b"),
    "a private key": re.compile("BEGIN [A-Z ]*PRIVATE" + " KEY"),
    "a package registry": re.compile(r"(pypi\.|registry\.npmjs\.|files\.python" + r"hosted\.)"),
}
# Made by tools that write where a package came from.
LOCKS = {"uv.lock", "package-lock.json"}


def found(lines: list[str]) -> str:
    return "\n".join(lines)


def public_things(file: Source) -> list[tuple[str, int, ast.AST]]:
    """The module, its classes and its functions that others may use."""
    named = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    things = [
        (node.name, node.lineno, node)
        for node in file.tree.body
        if isinstance(node, named) and not node.name.startswith("_")
    ]
    return [("the module", 1, file.tree), *things]


def test_every_public_module_class_and_function_says_what_it_does() -> None:
    silent = [
        f"{file.name}:{line} {name}"
        for file in sources()
        if not file.is_generated
        for name, line, node in public_things(file)
        if file.text.strip() and ast.get_docstring(node) is None  # type: ignore[arg-type]
    ]

    assert not silent, found(silent)


def test_files_are_short_enough_to_read() -> None:
    long = [
        f"{file.name}: {lines} lines"
        for file in sources()
        if not file.is_generated and (lines := len(file.text.splitlines())) > LONGEST_FILE
    ]

    assert not long, found(long)


def test_functions_are_short_or_have_a_reason() -> None:
    long = {
        f"{file.name}:{node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for file in sources()
        if not file.is_generated
        for node in file.functions()
        if (node.end_lineno or node.lineno) - node.lineno + 1 > LONGEST_FUNCTION
    }

    assert long.keys() == LONG_FUNCTIONS.keys(), long


def test_no_error_is_swallowed() -> None:
    swallowed = [
        f"{file.name}:{node.lineno}"
        for file in sources()
        for node in file.nodes
        if isinstance(node, ast.ExceptHandler) and all(isinstance(step, ast.Pass) for step in node.body)
    ]

    assert not swallowed, found(swallowed)


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_speaks_of(what: str) -> None:
    pattern = FORBIDDEN[what]
    said = []
    for path in project_files():
        if path.name in LOCKS or path.suffix in {".png", ".woff2", ".ico", ".mo"}:
            continue
        text = path.read_text(errors="replace")
        said += [
            f"{path.relative_to(ROOT)}:{text.count(chr(10), 0, match.start()) + 1} {match[0]}"
            for match in pattern.finditer(text)
        ]

    assert not said, found(said)

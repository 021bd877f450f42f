"""The project's own files, read once for the house rules."""

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# From what everything may use to what uses everything.
LAYERS = (
    ("domain",),
    ("db",),
    ("runtime",),
    ("routeros", "paper", "gateways"),
    ("radius", "accounting", "coa"),
    ("bss", "monitoring"),
    ("webadmin", "cli"),
)
ROOMS = tuple(room for layer in LAYERS for room in layer)
GENERATED = ("db/migrations/versions/",)


@dataclass(frozen=True)
class Source:
    """One Python file of a room."""

    path: Path
    text: str
    tree: ast.Module
    nodes: tuple[ast.AST, ...]

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @property
    def room(self) -> str:
        return self.name.split("/")[0]

    @property
    def is_generated(self) -> bool:
        return self.name.startswith(GENERATED)

    def imports(self) -> Iterator[tuple[str, int]]:
        """Every module imported anywhere in the file, and the line."""
        for node in self.nodes:
            if isinstance(node, ast.Import):
                yield from ((alias.name, node.lineno) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module, node.lineno

    def texts(self) -> Iterator[tuple[str, int]]:
        """Every text literal, also the pieces of f-strings, that is no docstring."""
        documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        docstrings = {
            id(node.body[0].value)
            for node in self.nodes
            if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
        }
        for node in self.nodes:
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
                yield node.value, node.lineno

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        """Every function and method."""
        for node in self.nodes:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node


@lru_cache(maxsize=1)
def sources() -> tuple[Source, ...]:
    """Every Python file of the rooms."""
    paths = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
    texts = [(path, path.read_text()) for path in paths]
    trees = [(path, text, ast.parse(text)) for path, text in texts]
    return tuple(Source(path, text, tree, tuple(ast.walk(tree))) for path, text, tree in trees)


def source(name: str) -> Source:
    """One of them by its path in the project."""
    return next(file for file in sources() if file.name == name)


@lru_cache(maxsize=1)
def project_files() -> tuple[Path, ...]:
    """Every file that is or could be committed; empty where there is no git."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, capture_output=True, check=False, timeout=30)
    names = [name for name in done.stdout.decode().split("\0") if name]
    return tuple(path for name in names if (path := ROOT / name).is_file() and not path.is_symlink())

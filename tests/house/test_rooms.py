"""Every room keeps to itself: who may import whom, and what belongs in one room only."""

import ast
import importlib.util
import re
import sys
from pathlib import Path

import pytest

from tests.house.code import LAYERS, ROOMS, ROOT, Source, source, sources

HEIGHT = {room: height for height, layer in enumerate(LAYERS) for room in layer}
PURE = frozenset(
    {
        "bisect",
        "calendar",
        "collections",
        "dataclasses",
        "datetime",
        "decimal",
        "enum",
        "fractions",
        "functools",
        "hashlib",
        "hmac",
        "ipaddress",
        "itertools",
        "math",
        "operator",
        "re",
        "string",
        "typing",
        "unicodedata",
    }
)
CLOCKS = frozenset({"now", "utcnow", "today", "time", "monotonic", "perf_counter", "localtime", "gmtime"})
# Only what is meant for a database: a word at the start is not enough, since forms and pages say "Delete" as well.
SQL = re.compile(
    r"\s*(SELECT\s+(?!1\s*$)\S|INSERT\s+INTO\s|UPDATE\s+\S+\s+(\S+\s+)?SET\s|DELETE\s+FROM\s|WITH\s+\S+\s+AS\s)"
)
# One user each: whoever else needs one of these asks that file.
ONE_USER = {"radiusd": "radius/rlm.py", "pyrad": "coa/exchange.py", "librouteros": "routeros/wire.py"}


def found(lines: list[str]) -> str:
    return "\n".join(lines)


def test_imports_go_one_way() -> None:
    wrong = [
        f"{file.name}:{line} imports {module}"
        for file in sources()
        for module, line in file.imports()
        if (room := module.split(".")[0]) in HEIGHT and room != file.room and HEIGHT[room] >= HEIGHT[file.room]
    ]

    assert not wrong, found(wrong)


def test_the_policy_imports_only_rules_queries_and_keys() -> None:
    allowed = ("radius", "domain", "db.queries", "db.crypto")
    wrong = [
        f"{file.name}:{line} imports {module}"
        for file in sources()
        if file.room == "radius"
        for module, line in file.imports()
        if module.split(".")[0] in HEIGHT and not any(module == a or module.startswith(a + ".") for a in allowed)
    ]

    assert not wrong, found(wrong)


def test_nothing_slow_is_loaded_into_freeradius_by_way_of_another_room() -> None:
    """Follows every import from the module that FreeRADIUS loads."""
    heavy = {"flask", "celery", "kombu", "redis", "pyrad", "librouteros", "pydantic", "pydantic_settings"}
    heavy |= {"sqlalchemy", "alembic"}
    by_module = {module_name(file): file for file in sources()}
    reached: set[str] = set()
    waiting = ["radius.rlm"]
    while waiting:
        name = waiting.pop()
        parents = {".".join(name.split(".")[:count]) for count in range(1, name.count(".") + 2)}
        for module in parents & by_module.keys() - reached:
            reached.add(module)
            waiting += [imported for imported, _ in by_module[module].imports()]
            waiting += [f"{m.module}.{a.name}" for m in from_imports(by_module[module]) for a in m.names]
    wrong = [
        f"{by_module[module].name} imports {imported}"
        for module in reached
        for imported, _ in by_module[module].imports()
        if imported.split(".")[0] in heavy
    ]

    assert "db.queries.access" in reached
    assert not wrong, found(wrong)


def module_name(file: Source) -> str:
    return file.name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def from_imports(file: Source) -> list[ast.ImportFrom]:
    return [node for node in file.nodes if isinstance(node, ast.ImportFrom) and node.module]


@pytest.mark.parametrize(("module", "user"), ONE_USER.items())
def test_it_is_imported_in_one_file(module: str, user: str) -> None:
    users = {file.name for file in sources() for name, _ in file.imports() if name.split(".")[0] == module}

    assert users == {user}


def test_the_rules_are_made_of_nothing_but_the_language() -> None:
    wrong = [
        f"{file.name}:{line} imports {module}"
        for file in sources()
        if file.room == "domain"
        for module, line in file.imports()
        if module.split(".")[0] not in PURE | {"domain"}
    ]

    assert not wrong, found(wrong)


def test_the_rules_have_no_clock_and_no_chance() -> None:
    wrong = [
        f"{file.name}:{node.lineno} asks {ast.unparse(node)}"
        for file in sources()
        if file.room == "domain"
        for node in file.nodes
        if (isinstance(node, ast.Attribute) and node.attr in CLOCKS and is_clock(node.value))
        or (isinstance(node, ast.Name) and node.id in {"open", "print", "input", "globals", "exec", "eval"})
    ]

    assert not wrong, found(wrong)


def is_clock(node: ast.expr) -> bool:
    return ast.unparse(node) in {"datetime", "date", "time", "datetime.datetime", "datetime.date"}


def test_sql_is_written_in_one_room() -> None:
    wrong = [
        f"{file.name}:{line} {text.strip()[:60]!r}"
        for file in sources()
        if file.room != "db"
        for text, line in file.texts()
        if SQL.match(text)
    ]

    assert not wrong, found(wrong)


# Where one call is several transactions, and why.
SEVERAL_TRANSACTIONS = {
    "bss/gateways/": "a gateway is asked while no transaction is open",
    "bss/billing/work.py": "a run is worked on in portions, each with its checkpoint",
    "bss/billing/clock.py": "what the clock made due for everybody is done in portions",
    "bss/webhooks/telling.py": "a receiver is asked while no transaction is open",
}


def test_queries_and_rules_do_not_commit() -> None:
    """Whoever calls a use-case commits, once."""
    wrong = [
        f"{file.name}:{node.lineno} {ast.unparse(node)}"
        for file in sources()
        if file.room == "bss" or file.name.startswith("db/queries/")
        for node in file.nodes
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "commit"
        and "tasks" not in file.name
        and not file.name.startswith(tuple(SEVERAL_TRANSACTIONS))
    ]

    assert not wrong, found(wrong)


@pytest.mark.parametrize("room", ROOMS)
def test_the_room_that_is_imported_is_this_one(room: str) -> None:
    spec = importlib.util.find_spec(room)

    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).resolve().is_relative_to(ROOT / room)


def test_no_room_has_the_name_of_a_module_that_comes_first() -> None:
    """FreeRADIUS appends our path behind Python's own and Debian's: what is found there would win."""
    debian = {path.name.split(".")[0] for path in Path("/usr/lib/python3/dist-packages").glob("*")}

    assert not set(ROOMS) & (debian | sys.stdlib_module_names)


def test_every_room_says_what_it_is_for() -> None:
    for room in ROOMS:
        assert ast.get_docstring(source(f"{room}/__init__.py").tree), room

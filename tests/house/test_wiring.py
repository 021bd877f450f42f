"""Names that are resolved at run time: FreeRADIUS's functions and placeholders, jobs, queues and attributes."""

import ast
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from domain.attributes import ATTRIBUTES
from radius.settings import PolicySettings
from runtime import freeradius, services
from runtime.settings import Settings
from simulator.dictionary import standard
from tests.house.code import ROOT, source, sources

RADDB = ROOT / "radius" / "raddb"
CONFIGURATION = {path: path.read_text() for path in sorted(RADDB.rglob("*")) if path.is_file()}
# Attributes in the words of the protocol: two parts or more, each begun with a capital.
ATTRIBUTE = re.compile(r"(?:Mikrotik|WISPr|Framed|Acct|Ascend|Filter)-[A-Z][A-Za-z0-9-]*|(?:Session|Idle)-Timeout")


def settings(folder: Path) -> Settings:
    return Settings(
        database_url="postgresql://lintas@127.0.0.1/lintas",
        redis_url="redis://127.0.0.1:6379/0",
        keys_file=folder / "keys",
        secret_key_file=folder / "flask.key",
        spool_dir=folder / "spool",
        var_dir=folder,
    )


# --- FreeRADIUS ---------------------------------------------------------------------------------------------------


def test_every_function_freeradius_is_told_to_call_is_there() -> None:
    defined = {node.name for node in source("radius/rlm.py").tree.body if isinstance(node, ast.FunctionDef)}

    called = {
        name for text in CONFIGURATION.values() for name in re.findall(r"^\s*func_\w+\s*=\s*(\S+)", text, re.MULTILINE)
    }
    assert called
    assert called <= defined


def test_every_function_is_given_with_its_module_since_one_without_the_other_stops_the_server() -> None:
    for text in CONFIGURATION.values():
        given = {kind: set(re.findall(rf"^\s*{kind}_(\w+)\s*=", text, re.MULTILINE)) for kind in ("func", "mod")}
        assert given["func"] == given["mod"]
        assert set(re.findall(r"^\s*module\s*=\s*(\S+)", text, re.MULTILINE)) <= {"radius.rlm"}


@pytest.mark.parametrize("part", freeradius.PARTS)
def test_each_server_has_one_python_instance_since_a_second_one_aborts_it(part: str) -> None:
    included = re.findall(r"@RADDB_DIR@/(\S+)", (RADDB / f"{part}.conf").read_text())
    lines = [line for name in included for line in (RADDB / name).read_text().splitlines()]

    assert len([line for line in lines if re.match(r"\s*python3?\b[^#]*\{", line)]) == 1


def test_every_placeholder_is_filled_and_every_value_is_used(tmp_path: Path) -> None:
    asked = {
        name for text in CONFIGURATION.values() for name in re.findall(r"@([A-Z][A-Z0-9_]*)@", without_comments(text))
    }

    assert asked == freeradius.values_for(settings(tmp_path), tmp_path / "raddb").keys()


def without_comments(text: str) -> str:
    return "\n".join(line.partition("#")[0] for line in text.splitlines())


def test_what_the_policy_is_told_is_what_it_knows(tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    path.write_text(freeradius.policy_settings(settings(tmp_path), tmp_path / "raddb"))

    assert PolicySettings.from_file(str(path)).spool_gate == str(freeradius.gate_of(tmp_path / "raddb"))


# --- attributes ---------------------------------------------------------------------------------------------------


def test_every_attribute_a_login_may_be_answered_with_is_in_our_dictionaries() -> None:
    assert not ATTRIBUTES.keys() - standard().by_name.keys()


def named_values() -> set[str]:
    """The words that our dictionaries have for a value of an attribute."""
    files = (ROOT / "radius" / "dictionaries").glob("dictionary*")
    return {name for path in files for name in re.findall(r"^VALUE\s+\S+\s+(\S+)", path.read_text(), re.MULTILINE)}


def test_every_attribute_that_is_named_anywhere_is_in_our_dictionaries() -> None:
    """Also those of a live change: pyrad refuses what it does not know, when the customer is already waiting."""
    unknown = [
        f"{file.name}:{line} {text}"
        for file in sources()
        for text, line in file.texts()
        if ATTRIBUTE.fullmatch(text) and text not in standard().by_name and text not in named_values()
    ]

    assert not unknown, "\n".join(unknown)


# --- jobs ---------------------------------------------------------------------------------------------------------


LOOK = """
import json
from runtime.tasks import app
app.loader.import_default_modules()
names = [name for name in app.tasks if not name.startswith("celery.")]
queues = {name: app.amqp.router.route({}, name)["queue"].name for name in names}
schedule = [[entry["task"], entry["options"]["queue"]] for entry in app.conf.beat_schedule.values()]
print(json.dumps({"queues": queues, "schedule": schedule, "default": app.conf.task_default_queue}))
"""


@dataclass(frozen=True)
class Jobs:
    """Each job's queue, what the clock starts on which queue, and where a job without a queue goes."""

    queues: dict[str, str]
    schedule: list[tuple[str, str]]
    default: str


@pytest.fixture(scope="module")
def jobs() -> Jobs:
    """As a worker sees them; in a process of its own, because the application keeps what it was told."""
    names = ("DATABASE_URL", "REDIS_URL", "KEYS_FILE", "SECRET_KEY_FILE", "SPOOL_DIR")
    environment = os.environ | {f"LINTAS_{name}": "x" for name in names} | {"LINTAS_REDIS_URL": "redis://127.0.0.1:1/0"}
    environment["LINTAS_DATABASE_URL"] = "postgresql://x:x@127.0.0.1:1/x"
    done = subprocess.run(
        [sys.executable, "-c", LOOK], cwd=ROOT, env=environment, capture_output=True, check=True, timeout=60
    )
    return Jobs(**json.loads(done.stdout))


def consumed() -> set[str]:
    worker = services._worker(SimpleNamespace(places=SimpleNamespace(run=Path("run"))))  # type: ignore[arg-type]
    return set(worker.command[worker.command.index("-Q") + 1].split(","))


def test_every_job_the_clock_starts_is_there(jobs: Jobs) -> None:
    assert {name for name, _ in jobs.schedule} <= jobs.queues.keys()


def test_every_queue_a_job_goes_to_is_worked_on(jobs: Jobs) -> None:
    assert {*jobs.queues.values(), *(queue for _, queue in jobs.schedule), jobs.default} <= consumed()


def test_a_job_goes_to_the_same_queue_whoever_starts_it(jobs: Jobs) -> None:
    assert not [(name, queue) for name, queue in jobs.schedule if jobs.queues[name] != queue]


def test_every_job_sent_by_name_is_there(jobs: Jobs) -> None:
    sent = {
        node.args[0].value
        for file in sources()
        for node in file.nodes
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "send_task"
        and isinstance(node.args[0], ast.Constant)
    }

    assert sent
    assert sent <= jobs.queues.keys()

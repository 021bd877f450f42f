"""The load generator compiles without a warning, speaks RADIUS, and knows what it sent."""

import csv
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.unit.simulator.fake_server import SECRET, FakeServer

SOURCE = Path(__file__).parents[2] / "benchmarks" / "radload.c"
pytestmark = pytest.mark.skipif(
    not shutil.which("cc") or not Path("/usr/include/openssl/md5.h").exists(),
    reason="no C compiler or no OpenSSL headers",
)


@pytest.fixture(scope="module")
def radload(tmp_path_factory: pytest.TempPathFactory) -> Path:
    binary = tmp_path_factory.mktemp("radload") / "radload"
    command = ["cc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", str(binary), str(SOURCE), "-lcrypto"]
    subprocess.run(command, check=True, timeout=60)
    return binary


def _run(radload: Path, server: FakeServer, *arguments: str) -> dict[str, Any]:
    command = [str(radload), "-s", SECRET.decode(), "-p", str(server.port), "-c", "4", "-t", "0.3", "-v", *arguments]
    ran = subprocess.run(command, check=True, capture_output=True, timeout=30)
    result: dict[str, Any] = json.loads(ran.stdout)
    return result


def test_what_the_server_stored_lies_between_what_was_acknowledged_and_what_was_sent(
    radload: Path, server: FakeServer, tmp_path: Path
) -> None:
    truth = tmp_path / "truth.csv"
    result = _run(radload, server, "-m", "acct", "-n", "20", "-S", "-x", str(truth))
    stored: dict[str, int] = {}
    for record in server.records:
        octets = sum(record.get(name, [0])[0] for name in ("Acct-Input-Octets", "Acct-Output-Octets"))
        session = record["Acct-Session-Id"][0]
        stored[session] = max(octets, stored.get(session, 0))
    rows = list(csv.DictReader(truth.read_text().splitlines()))
    assert result["acked_sessions"] == len(rows) == len(stored) == 20
    assert all(int(row["acked_octets"]) <= stored[row["session"]] <= int(row["sent_octets"]) for row in rows)
    assert result["forged"] == result["lost"] == 0
    assert all(record.VerifyAcctRequest() for record in server.records)


def test_passwords_arrive_as_typed_and_requests_are_signed(radload: Path, server: FakeServer) -> None:
    assert _run(radload, server, "-m", "pap", "-w", "pass%06ld", "-n", "1", "-a")["ok"] > 0
    pap = server.logins[-1]
    assert pap.PwDecrypt(pap["User-Password"][0]) == "pass000001"
    assert pap.verify_message_authenticator()
    assert _run(radload, server, "-m", "chap", "-w", "pass%06ld", "-n", "1", "-b", "127.0.0.44")["ok"] > 0
    assert server.logins[-1].VerifyChapPasswd("pass000001")
    assert "127.0.0.44" in {address for address, _ in server.sources}


def test_it_has_no_secret_of_its_own(radload: Path) -> None:
    ran = subprocess.run([str(radload)], check=False, capture_output=True, text=True, timeout=10)
    assert ran.returncode == 2
    assert "-s secret" in ran.stderr

"""`lintas simulate` against the fake server."""

import json
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from pyrad.packet import AccessReject, Packet

from cli.simulate import simulate
from tests.unit.simulator.fake_server import SECRET, FakeServer, accept

Run = Callable[..., Result]


@pytest.fixture
def run(server: FakeServer, tmp_path: Path) -> Run:
    """Runs the command against the fake server with the secret in a file."""
    secret, password = tmp_path / "secret", tmp_path / "password"
    secret.write_bytes(SECRET + b"\n")
    password.write_text("rahasia\n")
    ports = ["--server", "127.0.0.1", "--auth-port", str(server.port), "--acct-port", str(server.port)]
    files = ["--secret-file", str(secret), "--password-file", str(password)]

    def run_with(*arguments: str, **options: Any) -> Result:
        return CliRunner().invoke(simulate, [*ports, *files, "--coa-port", "0", *arguments], **options)

    return run_with


def _with_rate(request: Packet) -> Packet:
    return accept(request, Mikrotik_Rate_Limit="400k/800k") if request.code == 1 else accept(request)


def _events(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.output.splitlines()]


def test_a_customer_logs_in_takes_what_his_limit_allows_and_stops(run: Run, server: FakeServer) -> None:
    server.answer = _with_rate
    result = run("--user", "budi", "--duration", "0.5", "--rate-mbps", "100", "--json")
    assert result.exit_code == 0, result.output
    summary = _events(result)[-1]
    assert (summary["kind"], summary["accepted"], summary["sessions"]) == ("summary", 1, 1)
    # 800 kbit/s for half a second are 50 kB; the clock of a busy machine may add some.
    assert 45_000 <= summary["download_bytes"] <= 100_000
    assert summary["download_bytes"] / summary["upload_bytes"] == pytest.approx(2, rel=0.01)
    assert summary["acknowledged_bytes"] == summary["download_bytes"] + summary["upload_bytes"]
    assert [record["Acct-Status-Type"][0] for record in server.records] == ["Start", "Stop"]
    assert server.records[-1]["Acct-Terminate-Cause"] == ["User-Request"]


def test_people_read_what_was_granted(run: Run, server: FakeServer) -> None:
    server.answer = _with_rate
    result = run("--user", "budi", "--duration", "0.1")
    assert "budi 81000001: accepted in" in result.output
    assert "Mikrotik-Rate-Limit=400k/800k" in result.output
    assert "1 accepted, 0 refused" in result.output


def test_a_refusal_is_shown_and_is_the_exit_code(run: Run, server: FakeServer) -> None:
    def reject(request: Packet) -> Packet:
        reply = accept(request, Reply_Message="suspended")
        reply.code = AccessReject
        return reply

    server.answer = reject
    result = run("--user", "budi", "--duration", "1")
    assert result.exit_code == 1
    assert "budi: rejected with Reply-Message=suspended" in result.output


def test_customers_come_from_a_file(run: Run, server: FakeServer, tmp_path: Path) -> None:
    users = tmp_path / "users.csv"
    users.write_text("username,password,mac,service\nbudi,a,,\nsiti,b,4C:5E:0C:00:00:02,hotspot\ntono,c,,\n")
    result = run("--users", str(users), "--sessions", "2", "--duration", "0.1", "--json")
    assert result.exit_code == 0, result.output
    assert sorted(login["User-Name"][0] for login in server.logins) == ["budi", "siti"]
    siti = next(login for login in server.logins if login["User-Name"] == ["siti"])
    assert siti["Calling-Station-Id"] == ["4C:5E:0C:00:00:02"]
    assert siti["Service-Type"] == ["Login-User"]


def test_several_sessions_of_one_user_come_from_several_devices(run: Run, server: FakeServer) -> None:
    run("--user", "budi", "--sessions", "3", "--duration", "0.1", "--mac", "02:4C:00:00:00:FF")
    assert sorted(login["Calling-Station-Id"][0] for login in server.logins) == [
        "02:4C:00:00:00:FF",
        "02:4C:00:00:01:00",
        "02:4C:00:00:01:01",
    ]


def test_an_interrupt_sends_the_stops(run: Run, server: FakeServer) -> None:
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    result = run("--user", "budi", "--duration", "0", "--json")
    timer.join()
    assert result.exit_code == 0, result.output
    assert server.records[-1]["Acct-Status-Type"] == ["Stop"]


def test_a_rate_that_routeros_does_not_read_is_said(run: Run, server: FakeServer) -> None:
    server.answer = lambda request: accept(request, Mikrotik_Rate_Limit="1G") if request.code == 1 else accept(request)
    assert "RouterOS reads no rate in '1G'" in run("--user", "budi", "--duration", "0.1").output


def test_secrets_can_be_in_the_environment(server: FakeServer) -> None:
    ports = ["--server", "127.0.0.1", "--auth-port", str(server.port), "--acct-port", str(server.port)]
    environment = {"LINTAS_NAS_SECRET": SECRET.decode(), "LINTAS_SIMULATE_PASSWORD": "rahasia"}
    arguments = [*ports, "--coa-port", "0", "--user", "budi", "--duration", "0.1"]
    assert CliRunner().invoke(simulate, arguments, env=environment).exit_code == 0


def test_without_a_secret_it_says_where_to_put_one() -> None:
    result = CliRunner().invoke(simulate, ["--server", "127.0.0.1", "--user", "budi"])
    assert result.exit_code == 2
    assert "--secret-file" in result.output
    assert "LINTAS_NAS_SECRET" in result.output


def test_no_secret_is_taken_from_the_command_line() -> None:
    names = {name for parameter in simulate.params for name in parameter.opts}
    assert not {"--secret", "--password"} & names


def test_a_taken_coa_port_is_explained(run: Run, server: FakeServer) -> None:
    result = run("--user", "budi", "--coa-port", str(server.port))
    assert result.exit_code == 1
    assert "see --coa-port" in result.output


def test_a_file_without_the_column_is_explained(run: Run, tmp_path: Path) -> None:
    users = tmp_path / "users.csv"
    users.write_text("name,password\nbudi,a\n")
    result = run("--users", str(users))
    assert result.exit_code == 2
    assert "username" in result.output

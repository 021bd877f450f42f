"""The policy itself is wrong: it raises, or grants what cannot be said. Those who meet it are refused, nobody else."""

import asyncio
from typing import Any, ClassVar

from domain.attributes import MAX_SESSION_TIMEOUT_S
from faults.checks import Compared
from faults.fault import Fault, Run
from faults.spoils import BAD, RAISING
from faults.stage import Stage, dialler
from runtime import freeradius
from simulator import Login, Router, Service
from simulator.router import LoginResult

_SPOILED = "tests.faults.spoiled"
_LOGIN = "radius-login"
_UNTIL = 0.9
_PAUSE_S = 0.1


class _Spoiled(Fault):
    """Somebody whose login meets the error tries again and again while everybody else goes on."""

    is_weather = True
    names: ClassVar[frozenset[str]]

    def prepare(self, run: Run) -> None:
        _start_spoiled(run.stage)
        run.kept["logged"] = run.stage.lab.log_file(_LOGIN).stat().st_size

    def tidy(self, run: Run) -> None:
        run.stage.end(_LOGIN)
        run.stage.start(_LOGIN)

    def inject(self, run: Run) -> None:
        address = run.routers[0].address.rsplit(".", 1)[0] + ".203"
        run.stage.add_routers([address])
        run.kept["results"] = asyncio.run(self._try(run, address))

    async def _try(self, run: Run, address: str) -> list[LoginResult]:
        server, results = run.stage.server, []
        async with Router(
            secret=run.stage.lab.secret, auth_port=server.auth_port, acct_port=server.acct_port, source_ip=address,
            coa_port=None, timeout_ms=1000,
        ) as router:  # fmt: skip
            while run.fleet.progress < _UNTIL:
                results += await asyncio.gather(*(router.authenticate(_login(name)) for name in sorted(self.names)))
                await asyncio.sleep(_PAUSE_S)
        return results

    def check(self, run: Run, compared: Compared) -> None:
        results: list[LoginResult] = run.kept["results"]
        wrong = [result.reply for result in results if result.accepted and not self._may_be(result)]
        silent = sum(result.accepted is None for result in results)
        run.outcome.false_accepts += len(wrong)
        compared.figures |= {
            "spoiled_logins": len(results),
            "spoiled_refused": sum(result.accepted is False for result in results),
            "spoiled_let_in": sum(result.accepted is True for result in results),
            "spoiled_unanswered": silent,
        }
        compared.note("replies that no plan could have meant", wrong)
        if silent:
            compared.problems.append(f"{silent} of their logins were not answered")
        self._look_into_the_log(run, compared)

    def _may_be(self, result: LoginResult) -> bool:
        return False

    def _look_into_the_log(self, run: Run, compared: Compared) -> None:
        with run.stage.lab.log_file(_LOGIN).open(errors="replace") as file:
            file.seek(run.kept["logged"])
            said = file.read()
        compared.figures["log_says_why"] = said.count("policy failed")
        if not compared.figures["log_says_why"]:
            compared.problems.append("the log does not say that the policy failed")
        if "Exception in thread" in said:
            compared.problems.append("the error ended a thread of the server")
        secrets = [dialler(int(name.removeprefix("user"))).password for name in self.names]
        compared.note("passwords in the log", [secret for secret in secrets if secret in said])


class Raises(_Spoiled):
    """Rules raise an exception at four customers."""

    id, title, names = "a15", "policy raises at four customers", RAISING


class BadReply(_Spoiled):
    """Rules grant eight customers what no router could read as it is meant: no rates, no addresses, no such length."""

    id, title, names = "a16", "policy grants what cannot be said", frozenset(BAD)

    def _may_be(self, result: LoginResult) -> bool:
        """A session's length may have been brought into its range; then nothing else may be missing."""
        reply: dict[str, Any] = dict(result.reply)
        return "Mikrotik-Rate-Limit" in reply and 1 <= int(reply.get("Session-Timeout", 0)) <= MAX_SESSION_TIMEOUT_S


def _login(name: str) -> Login:
    own = dialler(int(name.removeprefix("user")))
    return Login(service=Service.PPPOE, username=own.username, password=own.password, mac=own.mac)


def _start_spoiled(stage: Stage) -> None:
    lab = stage.lab
    stage.end(_LOGIN)
    raddb = freeradius.render(lab.settings, lab.home / "raddb-login")
    module = raddb / "modules" / "policy.conf"
    module.write_text(module.read_text().replace("radius.rlm", _SPOILED))
    lab.remember(_LOGIN, freeradius.start(lab.settings, raddb, freeradius.LOGIN, log_file=lab.log_file(_LOGIN)))


FAULTS = (Raises(), BadReply())

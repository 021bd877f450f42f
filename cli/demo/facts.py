"""What the demo made up on its first run, kept in a file that only its owner reads."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from runtime.files import write_private
from runtime.settings import Settings

FILE = Path("secrets") / "demo.json"
# `lintas simulate` without arguments finds the demo router's secret here.
ROUTER_SECRET_FILE = Path("secrets") / "demo-nas.secret"


@dataclass(frozen=True, kw_only=True)
class Login:
    """A demo customer's name and password, and his subscription."""

    username: str
    password: str
    subscription_id: int
    customer_id: int


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Secrets and ids of the demo. `network` are the customers that the simulated router keeps online."""

    staff_email: str
    staff_password: str
    api_token: str
    router_id: int
    plan_id: int
    router_secret: str
    network_secret: str
    customers: dict[str, Login]
    network: list[Login]

    def __repr__(self) -> str:
        return f"Facts(staff_email={self.staff_email!r}, router_id={self.router_id}, …)"


def read(settings: Settings) -> Facts | None:
    """The facts of an earlier run, or None."""
    path = settings.var_dir / FILE
    if not path.exists():
        return None
    values = json.loads(path.read_text())
    values["customers"] = {kind: Login(**login) for kind, login in values["customers"].items()}
    values["network"] = [Login(**login) for login in values["network"]]
    return Facts(**values)


def write(settings: Settings, facts: Facts) -> None:
    """Keep them for `info`, for `network` and for the next run."""
    write_private(settings.var_dir / ROUTER_SECRET_FILE, facts.router_secret + "\n")
    write_private(settings.var_dir / FILE, json.dumps(asdict(facts), indent=1))

"""What this installation is told: addresses, ports, files. Read once from the environment and var/lintas.env.

Refuses to know any secret by default: a missing setting is an error that names it and how to supply it.
"""

import os
from functools import lru_cache
from pathlib import Path
from typing import Annotated

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "LINTAS_"


class SettingsError(Exception):
    """The installation is not configured; the text says what is missing and what to do."""


def home_dir() -> Path:
    """Where the installation lives: LINTAS_HOME, or the checkout that this file is part of."""
    configured = os.environ.get(PREFIX + "HOME")
    return Path(configured).resolve() if configured else Path(__file__).resolve().parent.parent


def env_file() -> Path:
    """The file that a first run writes; read by every process."""
    configured = os.environ.get(PREFIX + "ENV_FILE")
    return Path(configured) if configured else var_dir() / "lintas.env"


def var_dir() -> Path:
    """Where everything that changes lies."""
    configured = os.environ.get(PREFIX + "VAR_DIR")
    return Path(configured).resolve() if configured else home_dir() / "var"


class Settings(BaseSettings):
    """Environment wins over var/lintas.env; secrets live in files that these settings only point at."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    # Several servers of which one is the primary: postgresql://…@db1,db2/name?target_session_attrs=read-write
    database_url: str = Field(repr=False)
    redis_url: str = Field(repr=False)
    keys_file: Path
    secret_key_file: Path
    spool_dir: Path
    var_dir: Path = Field(default_factory=var_dir)
    # Certificates for 802.1X: ca.pem, server.pem, server.key. Without it var/secrets/eap, made at the first start.
    eap_dir: Path | None = None
    node: str = Field(default="node1", pattern=r"^[A-Za-z0-9_-]{1,32}$")
    radius_host: str = "127.0.0.1"
    radius_auth_port: int = Field(default=1812, gt=0, lt=65536)
    radius_acct_port: int = Field(default=1813, gt=0, lt=65536)
    # RADIUS over TLS (RadSec), usually 2083; empty or 0 leaves it off.
    radsec_port: Annotated[int, BeforeValidator(lambda value: value or 0)] = Field(default=0, ge=0, lt=65536)
    # Servers that share each RADIUS port, each on a processor of its own; 0 is one for each, at most eight.
    radius_servers: int = Field(default=0, ge=0, le=64)
    # The port on which the demo's simulated router listens; a real router's port is kept per NAS.
    coa_port: int = Field(default=3799, gt=0, lt=65536)
    coa_bind: str = ""
    # Where payers and gateways reach the panel, such as https://pay.isp.example; without it where it was asked.
    public_url: str = Field(default="", pattern=r"^(https?://[A-Za-z0-9.:\[\]_-]+(/[A-Za-z0-9._~-]+)*/?)?$")
    # How many proxies stand before the panel; so many addresses at the end of X-Forwarded-For are believed.
    proxies: int = Field(default=0, ge=0, le=8)
    # Where mail to staff leaves: smtp://user:password@host:587 (with STARTTLS) or smtps://…:465; and its sender.
    smtp_url: str = Field(default="", repr=False, pattern=r"^(smtps?://\S+)?$")
    mail_from: str = ""
    # The key of the chain over the audit log; without it var/secrets/audit.key, made when it is first needed.
    audit_key_file: Path | None = None
    # Networks of one's own that webhooks may reach, such as 10.20.0.0/16,192.168.5.7; there without TLS too.
    webhook_networks: str = Field(default="", pattern=r"^([0-9a-fA-F.:]+(/[0-9]{1,3})?(,\s*|$))*$")
    # Pages of other sites that may use the API from a browser, such as https://app.isp.example,https://…
    api_origins: str = Field(default="", pattern=r"^(https?://[A-Za-z0-9.\[\]:-]+(,\s*|$))*$")
    # Test benches: other hosts for payment gateways, such as midtrans=http://127.0.0.1:9000,xendit=…
    gateway_hosts: str = Field(default="", repr=False)
    panel_host: str = "127.0.0.1"
    panel_port: int = Field(default=8080, gt=0, lt=65536)
    # The API of a router that is asked while the database names none.
    router_host: str = ""
    router_port: Annotated[int, BeforeValidator(lambda value: value or 0)] = Field(default=0, ge=0, lt=65536)
    router_username: str = ""
    router_password: SecretStr = SecretStr("")
    router_tls: bool = False
    router_fingerprint: str = ""
    log_format: str = Field(default="console", pattern=r"^(console|json)$")
    log_level: str = Field(default="INFO", pattern=r"^(DEBUG|INFO|WARNING|ERROR)$")
    # Below this much room the spool stops acknowledging, so a full disk costs retransmissions and not records.
    spool_min_free_mb: int = Field(default=512, gt=0)
    # What was acknowledged is on the disk after so long at the latest: what a power cut can cost. With `spool_strict`
    # nothing is acknowledged before it is on the disk.
    spool_sync_ms: int = Field(default=1000, ge=10, le=60_000)
    spool_strict: Annotated[bool, BeforeValidator(lambda value: value or False)] = False
    # Where months of records go when they leave the database; without it var/archive.
    archive_dir: Path | None = None
    # How many subscriptions each server's policy keeps in memory; 0 takes as many as fit into half of the machine.
    policy_capacity: int = Field(default=0, ge=0)
    # Counted spool files stay this long, for a person who wants to look.
    spool_keep_hours: int = Field(default=24, gt=0)

    @field_validator("database_url")
    @classmethod
    def _one_that_writes(cls, url: str) -> str:
        """Of several servers only one takes writes, and which one changes."""
        try:
            parts = conninfo_to_dict(url)
        except ProgrammingError:
            raise ValueError(
                "is no address of a PostgreSQL server (postgresql://user:password@host:5432/name)"
            ) from None
        is_list = "," in str(parts.get("host") or "")
        if is_list and parts.get("target_session_attrs") not in ("read-write", "primary"):
            raise ValueError("names several servers: add target_session_attrs=read-write to it")
        return url

    @property
    def archive_folder(self) -> Path:
        """Where months go that left the database."""
        return self.archive_dir or self.var_dir / "archive"

    @property
    def audit_key(self) -> Path:
        """The file with the key of the chain over the audit log."""
        return self.audit_key_file or self.var_dir / "secrets" / "audit.key"

    @property
    def audit_heads(self) -> Path:
        """Where the ends of that chain are written, apart from the database."""
        return self.var_dir / "audit-heads.log"

    @property
    def eap_folder(self) -> Path:
        """Where the certificates for 802.1X lie."""
        return self.eap_dir or self.var_dir / "secrets" / "eap"

    @property
    def radsec_folder(self) -> Path:
        """Where the certificates for RADIUS over TLS lie; their authority vouches for routers and nobody else."""
        return self.var_dir / "secrets" / "radsec"

    @property
    def authority_folders(self) -> dict[str, Path]:
        """The folder of each authority by the kind of certificates it issues."""
        return {"customer": self.eap_folder, "router": self.radsec_folder}


def load_settings() -> Settings:
    """Reads the settings afresh; `get_settings` is the one to use outside tests and set-up."""
    load_env_file(env_file())
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError(_explain(error)) from None


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process, read once."""
    return load_settings()


def load_env_file(path: Path) -> None:
    """Puts the file's variables into the environment, for child processes too; what is set already wins."""
    if not path.exists():
        return
    for line in path.read_text().splitlines():
        name, equals, value = line.strip().partition("=")
        if equals and not name.startswith("#"):
            os.environ.setdefault(name.strip(), value.strip().strip("'\""))


def _explain(error: ValidationError) -> str:
    problems = [f"{PREFIX}{str(item['loc'][0]).upper()}: {item['msg'].lower()}" for item in error.errors()]
    return (
        "The installation is not configured ("
        + "; ".join(problems)
        + f"). Run 'make demo' or 'lintas up' once to create {env_file()}, or set the variables."
    )

"""A phone or laptop that joins an 802.1X network: wpa_supplicant's eapol_test, as the access point would carry it."""

import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from packets.conftest import SECRET
from runtime import certificates

PROGRAM = shutil.which("eapol_test")
PASSWORD = "pw-of-budi"
TTLS_PAP = {"eap": "TTLS", "phase2": '"auth=PAP"'}
TTLS_MSCHAPV2 = {"eap": "TTLS", "phase2": '"auth=MSCHAPV2"'}
PEAP_MSCHAPV2 = {"eap": "PEAP", "phase2": '"auth=MSCHAPV2"'}


@dataclass(frozen=True, kw_only=True)
class Supplicant:
    """A device that joins: its configuration, and the server it speaks to through the access point."""

    folder: Path
    port: int
    ca: Path
    identity: str = "anonymous"
    mac: str
    wait_s: int = 10

    def joins(self, **network: str) -> bool:
        """Whether the network let it in, with the keys both sides must have agreed upon."""
        return "SUCCESS" in self.said(**network).splitlines()[-1]

    def said(self, **network: str) -> str:
        """What the supplicant said about one attempt, which it gives up after `wait_s` seconds."""
        settings = {"key_mgmt": "WPA-EAP", "ca_cert": f'"{self.ca}"', "anonymous_identity": f'"{self.identity}"'}
        lines = [f"  {name}={value}" for name, value in (settings | network).items()]
        path = self.folder / f"network-{time.monotonic_ns()}.conf"
        path.write_text("network={\n" + "\n".join(lines) + "\n}\n")
        command = [str(PROGRAM), "-c", str(path), "-a", "127.0.0.1", "-p", str(self.port), "-s", SECRET]
        command += ["-M", self.mac, "-t", str(self.wait_s), "-N", "30:s:02-0A-00-00-00-01:lintas"]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False).stdout

    def by_password(self, method: dict[str, str], username: str, password: str = PASSWORD) -> bool:
        """An attempt with name and password inside the tunnel."""
        return self.joins(**method, identity=f'"{username}"', password=f'"{password}"')

    def by_certificate(self, issued: certificates.ClientCertificate, identity: str = "anonymous") -> bool:
        """An attempt with a certificate."""
        key, certificate = self.folder / f"{issued.name}.key", self.folder / f"{issued.name}.pem"
        key.write_text(issued.key_pem)
        certificate.write_text(issued.certificate_pem)
        files = {"private_key": f'"{key}"', "client_cert": f'"{certificate}"'}
        return self.joins(eap="TLS", identity=f'"{identity}"', **files)

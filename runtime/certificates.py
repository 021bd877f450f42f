"""The certificates of 802.1X: an authority of this installation's own, the server's certificate, and customers'.

Decides names, uses and lifetimes; refuses to know who may log in: a certificate says who somebody is, and the policy
decides. Files that are there already are kept, so certificates from elsewhere can be put in their place. Which ones are
revoked others know; here they become the list that FreeRADIUS checks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from runtime import files

# RSA is what every access device and phone can check.
_KEY_BITS = 2048
_CA_DAYS = 3650
# Some devices refuse server certificates that live longer.
_SERVER_DAYS = 820
_RENEW_BEFORE = timedelta(days=60)
# A device whose clock is a little behind must not find a new certificate not valid yet.
_CLOCK_SLACK = timedelta(days=1)
MAX_CLIENT_DAYS = 3650
# RFC 5280: a common name has at most 64 characters.
MAX_NAME = 64
SERVER_NAME = "radius.lintas.internal"
CA_FILE, CA_KEY, SERVER_FILE, SERVER_KEY = "ca.pem", "ca.key", "server.pem", "server.key"
# The list of revoked certificates, and the file of authority and list together that FreeRADIUS trusts.
CRL_FILE, TRUST_FILE = "crl.pem", "trust.pem"


class CertificateError(Exception):
    """A certificate cannot be issued; the text says why and what to do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClientCertificate:
    """A customer's certificate. `bundle` is PKCS #12 (key, certificate, authority) under `password`."""

    name: str
    serial: str
    valid_until: datetime
    certificate_pem: str
    key_pem: str
    bundle: bytes
    password: str

    def __repr__(self) -> str:
        return f"ClientCertificate(name={self.name!r}, valid_until={self.valid_until!r}, key=…)"


def ensure(folder: Path, *, now: datetime) -> Path:
    """Make what is missing, and the server's certificate anew before it ends; returns the folder.

    A server certificate whose authority's key is not here came from elsewhere and is left alone.
    """
    files.private_dir(folder)
    if not (folder / CA_FILE).exists():
        _make_authority(folder, now)
    if not (folder / SERVER_FILE).exists() or (_ends_soon(folder / SERVER_FILE, now) and (folder / CA_KEY).exists()):
        _make_server(folder, now)
    if not (folder / CRL_FILE).exists() and (folder / CA_KEY).exists():
        write_crl(folder, {}, now=now)
    _write_trust(folder)
    return folder


def checks_revocation(folder: Path) -> bool:
    """Whether there is a list of revoked certificates; for an authority from elsewhere somebody has to put it here."""
    return (folder / CRL_FILE).exists()


def write_crl(folder: Path, revoked: Mapping[str, datetime], *, now: datetime) -> None:
    """Sign the list of revoked certificates anew: serial in hexadecimal, and since when.

    Raises `CertificateError` where the authority's key is not here. The list says it is good for as long as the
    authority is: it is read from this very folder, and one that ran out would lock everybody out.
    """
    if not (folder / CA_KEY).exists():
        raise CertificateError(f"{folder / CA_KEY} is not here: revoke the certificate where the authority's key is")
    authority = _read_certificate(folder / CA_FILE)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.subject)
        .last_update(now - _CLOCK_SLACK)
        .next_update(authority.not_valid_after_utc)
    )
    for serial, since in sorted(revoked.items()):
        one = x509.RevokedCertificateBuilder().serial_number(int(serial, 16)).revocation_date(since).build()
        builder = builder.add_revoked_certificate(one)
    signed = builder.sign(_read_key(folder / CA_KEY), hashes.SHA256())
    files.write_private(folder / CRL_FILE, signed.public_bytes(serialization.Encoding.PEM).decode())
    _write_trust(folder)


def _write_trust(folder: Path) -> None:
    parts = [folder / name for name in (CA_FILE, CRL_FILE) if (folder / name).exists()]
    text = "".join(part.read_text().rstrip("\n") + "\n" for part in parts)
    target = folder / TRUST_FILE
    if not target.exists() or target.read_text() != text:
        files.write_private(target, text)


def issue_client(folder: Path, name: str, *, now: datetime, days: int, password: str) -> ClientCertificate:
    """A certificate with which the subscription called `name` logs in by EAP-TLS.

    Raises `CertificateError` when the name does not fit into one, or the authority's key is not here.
    """
    if not 0 < len(name) <= MAX_NAME:
        raise CertificateError(f"a certificate holds names of at most {MAX_NAME} characters")
    if not (folder / CA_KEY).exists():
        raise CertificateError(f"{folder / CA_KEY} is not here: issue the certificate where the authority's key is")
    key = _new_key()
    certificate = _signed(folder, name, key, now=now, days=days, use=ExtendedKeyUsageOID.CLIENT_AUTH)
    authority = _read_certificate(folder / CA_FILE)
    bundle = pkcs12.serialize_key_and_certificates(
        name.encode(), key, certificate, [authority], serialization.BestAvailableEncryption(password.encode())
    )
    return ClientCertificate(
        name=name,
        serial=f"{certificate.serial_number:x}",
        valid_until=certificate.not_valid_after_utc,
        certificate_pem=_pem(certificate),
        key_pem=_key_pem(key),
        bundle=bundle,
        password=password,
    )


def _make_authority(folder: Path, now: datetime) -> None:
    key = _new_key()
    name = _named("Lintas RADIUS authority")
    certificate = (
        _begun(name, name, key, now, _CA_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    files.write_private(folder / CA_KEY, _key_pem(key))
    files.write_private(folder / CA_FILE, _pem(certificate))


def _make_server(folder: Path, now: datetime) -> None:
    key = _new_key()
    certificate = _signed(folder, SERVER_NAME, key, now=now, days=_SERVER_DAYS, use=ExtendedKeyUsageOID.SERVER_AUTH)
    files.write_private(folder / SERVER_KEY, _key_pem(key))
    files.write_private(folder / SERVER_FILE, _pem(certificate))


def _signed(
    folder: Path, name: str, key: rsa.RSAPrivateKey, *, now: datetime, days: int, use: x509.ObjectIdentifier
) -> x509.Certificate:
    authority = _read_certificate(folder / CA_FILE)
    builder = (
        _begun(_named(name), authority.subject, key, now, days)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
    )
    if use == ExtendedKeyUsageOID.SERVER_AUTH:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    return builder.sign(_read_key(folder / CA_KEY), hashes.SHA256())


def _begun(
    subject: x509.Name, issuer: x509.Name, key: rsa.RSAPrivateKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SLACK)
        .not_valid_after(now + timedelta(days=days))
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_encipherment=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)


def _ends_soon(path: Path, now: datetime) -> bool:
    return _read_certificate(path).not_valid_after_utc - now < _RENEW_BEFORE


def _read_certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def _read_key(path: Path) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise CertificateError(f"{path} is not an RSA key: put the whole authority there, or none of it")
    return key


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _key_pem(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()

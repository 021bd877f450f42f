"""The certificates of 802.1X: what is made, what is kept, what is made anew."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from runtime import certificates

NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return certificates.ensure(tmp_path / "eap", now=NOW)


def read(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def issue(folder: Path, name: str = "budi", days: int = 30) -> certificates.ClientCertificate:
    return certificates.issue_client(folder, name, now=NOW, days=days, password="of-the-bundle")


def test_the_server_is_vouched_for_by_the_authority_and_its_keys_are_private(folder: Path) -> None:
    authority, server = read(folder / certificates.CA_FILE), read(folder / certificates.SERVER_FILE)

    server.verify_directly_issued_by(authority)
    assert server.not_valid_after_utc - NOW < timedelta(days=825)
    for name in (certificates.CA_KEY, certificates.SERVER_KEY):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600


def test_what_is_there_is_kept(folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    certificates.ensure(folder, now=NOW + timedelta(days=30))

    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_server_certificate_near_its_end_is_made_anew_by_the_same_authority(folder: Path) -> None:
    authority = (folder / certificates.CA_FILE).read_bytes()

    later = NOW + timedelta(days=800)
    certificates.ensure(folder, now=later)

    assert (folder / certificates.CA_FILE).read_bytes() == authority
    assert read(folder / certificates.SERVER_FILE).not_valid_after_utc - later > timedelta(days=365)


def test_a_server_certificate_from_elsewhere_is_left_alone(folder: Path) -> None:
    (folder / certificates.CA_KEY).unlink()
    before = (folder / certificates.SERVER_FILE).read_bytes()

    certificates.ensure(folder, now=NOW + timedelta(days=800))

    assert (folder / certificates.SERVER_FILE).read_bytes() == before


def test_a_customers_certificate_says_his_name_and_is_for_clients_only(folder: Path) -> None:
    issued = issue(folder)

    made = x509.load_pem_x509_certificate(issued.certificate_pem.encode())
    made.verify_directly_issued_by(read(folder / certificates.CA_FILE))
    (name,) = made.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert name.value == "budi"
    uses = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(uses) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert issued.valid_until == NOW + timedelta(days=30)


def test_the_bundle_opens_with_its_password_and_shows_nothing_in_logs(folder: Path) -> None:
    issued = issue(folder)

    key, made, others = pkcs12.load_key_and_certificates(issued.bundle, b"of-the-bundle")
    assert key is not None
    assert made is not None
    assert others == [read(folder / certificates.CA_FILE)]
    assert "of-the-bundle" not in repr(issued)


@pytest.mark.parametrize("name", ["", "x" * 65])
def test_a_name_that_no_certificate_holds_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(certificates.CertificateError, match="64"):
        issue(folder, name)


def test_without_the_authoritys_key_nothing_is_issued(folder: Path) -> None:
    (folder / certificates.CA_KEY).unlink()

    with pytest.raises(certificates.CertificateError, match="authority's key"):
        issue(folder)


def read_list(folder: Path) -> x509.CertificateRevocationList:
    return x509.load_pem_x509_crl((folder / certificates.CRL_FILE).read_bytes())


def test_the_list_of_revoked_ones_is_signed_by_the_authority_and_as_good_as_it(folder: Path) -> None:
    authority, made = read(folder / certificates.CA_FILE), issue(folder)
    assert len(read_list(folder)) == 0

    certificates.write_crl(folder, {made.serial: NOW}, now=NOW)

    found = read_list(folder)
    key = authority.public_key()
    assert isinstance(key, RSAPublicKey)
    assert found.is_signature_valid(key)
    assert found.next_update_utc == authority.not_valid_after_utc
    assert [(f"{one.serial_number:x}", one.revocation_date_utc) for one in found] == [(made.serial, NOW)]
    trusted = (folder / certificates.TRUST_FILE).read_text()
    assert trusted.count("BEGIN CERTIFICATE") == trusted.count("BEGIN X509 CRL") == 1


def test_an_authority_from_elsewhere_brings_its_own_list_or_none(tmp_path: Path, folder: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in (certificates.CA_FILE, certificates.SERVER_FILE, certificates.SERVER_KEY):
        (elsewhere / name).write_bytes((folder / name).read_bytes())

    certificates.ensure(elsewhere, now=NOW)
    assert not certificates.checks_revocation(elsewhere)
    with pytest.raises(certificates.CertificateError, match="where the authority's key is"):
        certificates.write_crl(elsewhere, {}, now=NOW)

    (elsewhere / certificates.CRL_FILE).write_bytes((folder / certificates.CRL_FILE).read_bytes())
    certificates.ensure(elsewhere, now=NOW)
    assert certificates.checks_revocation(elsewhere)
    assert "X509 CRL" in (elsewhere / certificates.TRUST_FILE).read_text()

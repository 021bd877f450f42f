"""Which access a request is for, and who may do without a password."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.access import SERVICES
from domain.service import is_known_by_device, service_of, vouches_for_device
from profiles import CONNECTION_TYPES

MAC = "00:11:32:C9:FD:24"
OTHER = "00:11:32:C9:FD:25"
_names = st.sampled_from(
    [
        *("User-Name", "Framed-Protocol", "Service-Type", "NAS-Port-Type", "Called-Station-Id", "Calling-Station-Id"),
        *("Mikrotik-Host-IP", "WISPr-Logoff-URL", "EAP-Message", "FreeRADIUS-Proxied-To", "Acct-Session-Id"),
    ]
)


@given(st.dictionaries(_names, st.one_of(st.text(max_size=40), st.sampled_from([MAC, "PPP", "Ethernet", "Virtual"]))))
def test_whatever_a_request_says_it_is_for_one_of_the_services(attributes: dict[str, str]) -> None:
    assert service_of(attributes, None) in SERVICES


def test_what_a_tunnel_carried_is_802_1x_although_the_eap_is_gone() -> None:
    assert service_of({"User-Name": "budi", "FreeRADIUS-Proxied-To": "127.0.0.1"}, None) == "dot1x"


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("connection_type", CONNECTION_TYPES)
def test_only_a_devices_own_subscription_over_its_own_access_does_without_a_password(
    service: str, connection_type: str
) -> None:
    of_a_device = service in ("dhcp", "wireless", "hotspot") and connection_type == service

    assert is_known_by_device(service, connection_type, MAC) is of_a_device
    assert not is_known_by_device(service, connection_type, "budi")


@pytest.mark.parametrize(
    ("service", "username", "device", "vouches"),
    [
        ("hotspot", MAC, MAC, True),
        ("hotspot", "00-11-32-c9-fd-24", MAC, True),
        ("hotspot", MAC, OTHER, False),
        ("hotspot", MAC, None, False),
        ("hotspot", "budi", None, False),
        ("wireless", MAC, MAC, True),
        ("wireless", MAC, OTHER, False),
        # A DHCP client may identify itself by anything; the server took the name from its packet.
        ("dhcp", MAC, OTHER, True),
        ("dhcp", MAC, None, True),
    ],
)
def test_a_name_counts_where_nobody_can_have_typed_it(
    service: str, username: str, device: str | None, vouches: bool
) -> None:
    assert vouches_for_device(service, username, device) is vouches

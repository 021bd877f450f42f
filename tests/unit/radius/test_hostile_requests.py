"""Whatever FreeRADIUS hands over, the policy answers: accept, reject or silence, and never an exception."""

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from domain.access import AccessProfile
from profiles import profiles
from tests.unit.radius.desk import CODES, SERVICE_ATTRIBUTES, Desk

# Every attribute that the policy or a rule looks at, and some that it does not.
NAMES = (
    "User-Name",
    "User-Password",
    "CHAP-Password",
    "Calling-Station-Id",
    "Called-Station-Id",
    "NAS-Identifier",
    "NAS-Port",
    "NAS-Port-Id",
    "NAS-Port-Type",
    "Service-Type",
    "Framed-Protocol",
    "Mikrotik-Host-IP",
    "WISPr-Logoff-URL",
    "EAP-Message",
    "Message-Authenticator",
    "MS-CHAP-Challenge",
    "MS-CHAP2-Response",
    "Acct-Session-Id",
    "Tmp-String-1",
    "Tmp-String-2",
    "Tmp-String-3",
    "Tmp-String-4",
    "Event-Timestamp",
    "FreeRADIUS-Proxied-To",
)
# What comes from a packet is text without surrogates; octets come as 0x and digits.
texts = st.one_of(
    st.text(max_size=260),
    st.binary(max_size=120).map(lambda octets: "0x" + octets.hex()),
    st.sampled_from(["budi", " budi ", "BUDI", "7", "PPP", "Framed-User", "Ethernet"]),
    st.sampled_from(["02:00:00:00:00:01", "", "\0", "%{User-Name}", "9" * 30]),
)
pairs = st.tuples(st.one_of(st.sampled_from(NAMES), st.text(min_size=1, max_size=40)), texts)
requests = st.lists(pairs, max_size=60).map(tuple)
real_starts = st.sampled_from([*SERVICE_ATTRIBUTES.values(), ()])


@given(profiles(), real_starts, requests, st.booleans(), st.booleans())
def test_any_request_is_answered(
    profile: AccessProfile,
    start: tuple[tuple[str, str], ...],
    hostile: tuple[tuple[str, str], ...],
    known_router: bool,
    database_is_up: bool,
) -> None:
    desk = Desk()
    desk.keep(dataclasses.replace(profile, username="budi"))
    desk.database.is_up = database_is_up
    router = (("Tmp-String-1", "7"),) if known_router else ()

    for request in ((("User-Name", "budi"), *start, *hostile, *router), (*hostile, *router), hostile):
        code, reply, control = desk.ask(request)

        assert code in (CODES.accept, CODES.reject, CODES.handled)
        assert all(isinstance(part, str) for pair in (*reply, *control) for part in pair)
        desk.authorizer.policy_failed(request)

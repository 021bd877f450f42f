"""The commands for a router: exact for both versions, and safe to paste whatever the values contain."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.routeros_script import RouterSetup, UnableToQuote, quote, render_script

SETUP = RouterSetup(
    name="RB-Cempaka",
    server="192.0.2.2",
    secret="abcDEF123",
    auth_port=1812,
    acct_port=1813,
    coa_port=3799,
    routeros_version=7,
)
V7 = """\
# RB-Cempaka (RouterOS 7)
/radius remove [find comment="lintas"]
/radius add comment="lintas" service=ppp,hotspot address=192.0.2.2 secret="abcDEF123" authentication-port=1812 \
accounting-port=1813 timeout=3s
/radius set [find comment="lintas"] require-message-auth=yes-for-request-resp
/radius incoming set accept=yes port=3799
/ppp aaa set use-radius=yes accounting=yes interim-update=5m
/ip hotspot profile set [find] use-radius=yes radius-accounting=yes radius-interim-update=received
"""


def test_the_script_for_version_7() -> None:
    assert render_script(SETUP) == V7


def test_version_6_does_not_know_message_authentication() -> None:
    script = render_script(replace(SETUP, routeros_version=6))

    assert "require-message-auth" not in script
    assert len(script.splitlines()) == len(V7.splitlines()) - 1


def test_what_a_terminal_would_interpret_is_escaped() -> None:
    assert quote('a"b\\c$d?e') == '"a\\"b\\\\c\\$d\\?e"'


@pytest.mark.parametrize("value", ["two\nlines", "tab\t", "ünicode", "\x00", "\x1b[2J"])
def test_what_cannot_be_typed_is_refused(value: str) -> None:
    with pytest.raises(UnableToQuote):
        quote(value)


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126)))
def test_a_quoted_value_reads_back_as_it_was(value: str) -> None:
    quoted = quote(value)

    assert re.fullmatch(r'"(?:[^"\\$?]|\\["\\$?])*"', quoted)
    assert re.sub(r"\\(.)", r"\1", quoted[1:-1]) == value


@given(st.text())
def test_no_name_adds_a_line(name: str) -> None:
    script = render_script(replace(SETUP, name=name))

    assert script.splitlines()[1:] == V7.splitlines()[1:]
    assert script.startswith("# ")


@pytest.mark.parametrize(
    "over",
    [{"server": "192.0.2.2; /system reset"}, {"coa_port": 0}, {"routeros_version": 5}, {"services": ("ppp; x",)}],
)
def test_values_outside_their_kind_are_refused(over: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        render_script(replace(SETUP, **over))

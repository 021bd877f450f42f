"""A full disk cuts a line off anywhere, and the next record is written behind the piece."""

import pytest

from accounting.records import Malformed, parse_line, salvage

LINE = (
    b'1795741235.204512 127.0.0.9 {"User-Name":"budi","Acct-Status-Type":"Interim-Update","Acct-Session-Id":"81000017",'
    b'"Acct-Session-Time":60,"Acct-Input-Octets":10,"Acct-Output-Octets":20}'
)
EARLIER = b'1795741234.998877 127.0.0.9 {"User-Name":"ani","Acct-Status-Type":"Stop","Acct-Session-Id":"81000018"}'


@pytest.mark.parametrize("cut_at", range(1, len(EARLIER)))
def test_wherever_a_line_is_cut_the_record_behind_it_is_saved_as_it_was_written(cut_at: int) -> None:
    torn = EARLIER[:cut_at] + LINE

    with pytest.raises(Malformed):
        parse_line(torn)
    assert salvage(torn) == (EARLIER[:cut_at], parse_line(LINE))

"""What a voucher's state and times mean for a login."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given

from domain.access import REASONS
from domain.voucher import VoucherTerms, next_change, refusal
from profiles import NOW, moments, vouchers

UNUSED = VoucherTerms(state="unused", validity_s=3600, binds_mac=False, sell_until=None, valid_until=None)
ACTIVE = replace(UNUSED, state="active", valid_until=NOW + timedelta(hours=1))
A_MOMENT = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("voucher", "reason"),
    [
        (UNUSED, None),
        (ACTIVE, None),
        (replace(UNUSED, state="disabled"), "voucher_disabled"),
        (replace(ACTIVE, state="disabled"), "voucher_disabled"),
        (replace(ACTIVE, state="used"), "voucher_used"),
        (replace(ACTIVE, state="expired"), "voucher_expired"),
        (replace(ACTIVE, valid_until=NOW), "voucher_used"),
        (replace(ACTIVE, valid_until=NOW + A_MOMENT), None),
        (replace(UNUSED, sell_until=NOW), "voucher_expired"),
        (replace(UNUSED, sell_until=NOW + A_MOMENT), None),
        # Sold in time and used since: the last day of sale no longer matters.
        (replace(ACTIVE, sell_until=NOW), None),
    ],
)
def test_a_voucher_is_refused_for_its_state_and_its_times(voucher: VoucherTerms, reason: str | None) -> None:
    assert refusal(voucher, NOW) == reason
    assert reason is None or reason in REASONS


@given(voucher=vouchers, first=moments, second=moments)
def test_between_two_changes_the_answer_stays(voucher: VoucherTerms, first: datetime, second: datetime) -> None:
    first, second = sorted((first, second))
    if not any(at is not None and first < at <= second for at in next_change(voucher)):
        assert refusal(voucher, first) == refusal(voucher, second)

"""Rows that are there before a column is changed, as SQL with the names in braces that `columns.py` explains."""

FULL_SPEED = "Mikrotik-Rate-Limit=5M/10M"


def _insert(table: str, **values: str) -> str:
    return f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join(values.values())})"


PLAN_OF_OTHER = "UPDATE service_plans SET download_kbps = 2000, upload_kbps = 1000 WHERE id = {q}"
BLOCKED_OTHER = "UPDATE customers SET status = 'blacklisted' WHERE id = {d}"
EXPIRED = "UPDATE subscriptions SET expires_at = now() - interval '1 day', grace_period_days = NULL WHERE id = {s}"
GRACE = "UPDATE service_plans SET grace_period_days = 3 WHERE id = {p}"
SUSPENDED = "UPDATE subscriptions SET status = 'suspended' WHERE id = {s}"
GARDEN = _insert(
    "walled_gardens", tenant_id="{t}", reason="'subscription_suspended'", address_list="'isolir'", ip_pool="'garden'"
)
BURST = (
    "UPDATE service_plans SET burst_enabled = true, burst_download_kbps = 20000, burst_upload_kbps = 10000,"
    " burst_threshold_download_kbps = 8000, burst_threshold_upload_kbps = 4000, burst_time_s = 16 WHERE id = {p}"
)
BURST_SENT = "Mikrotik-Rate-Limit=5M/10M 10M/20M 4M/8M 16/16"
LEAST = "UPDATE service_plans SET min_download_kbps = 2000, min_upload_kbps = 1000 WHERE id = {p}"
LEAST_SENT = "Mikrotik-Rate-Limit=5M/10M 0/0 0/0 0/0 8 1M/2M"
OWN_SPEED = _insert("subscription_limits", subscription_id="{s}", download_kbps="3000", upload_kbps="3000")
TIER = _insert(
    "plan_fup_rules", tenant_id="{t}", service_plan_id="{p}", tier="1", threshold_bytes="10", reduction_percent="50"
)
TIER_TO_SPEED = _insert(
    "plan_fup_rules", tenant_id="{t}", service_plan_id="{p}", tier="1", threshold_bytes="10",
    reduced_download_kbps="2000", reduced_upload_kbps="1000",
)  # fmt: skip
IN_TIER = _insert("subscription_fup_states", subscription_id="{s}", tier="1", window_end="now() + interval '1 day'")
APPROVED_OTHER = _insert(
    "subscription_macs", tenant_id="{t}", subscription_id="{s}", mac="'aa:aa:aa:aa:aa:aa'", status="'approved'"
)
BOUND = "UPDATE subscriptions SET mac_binding = 'fixed' WHERE id = {s}"
HOURS = _insert(
    "plan_time_windows", tenant_id="{t}", service_plan_id="{p}", position="1", weekdays="127",
    start_minute="{opens}", end_minute="{closes}", download_kbps="7000", upload_kbps="7000",
)  # fmt: skip
MORE_HOURS = HOURS.replace(" 1, 127", " 2, 127").replace("7000", "8000")
IN_HOURS = "Mikrotik-Rate-Limit=7M/7M"
QUOTA = _insert("quotas", tenant_id="{t}", service_plan_id="{p}", kind="'data'", period="'total'", limit_amount="1000")
SLOW_QUOTA = _insert(
    "quotas", tenant_id="{t}", service_plan_id="{p}", kind="'data'", period="'total'", limit_amount="1000",
    action="'throttle'", throttle_download_kbps="512", throttle_upload_kbps="512",
)  # fmt: skip
USED = _insert(
    "usage_daily", subscription_id="{s}", day="current_date", nas_server_id="{n}", download_bytes="600",
    upload_bytes="400", seconds="100",
)  # fmt: skip
USED_YESTERDAY = USED.replace("current_date", "current_date - 2")
FAMILY = "UPDATE subscriptions SET family_id = {f} WHERE id = {s}"
TOPUP = _insert("quota_topups", tenant_id="{t}", subscription_id="{s}", amount="500")
# Usage is counted, not set: the collector says so in its own transaction when an allowance is used up.
COUNTED = (
    "INSERT INTO subscription_quota_states (subscription_id, quota_id, used_amount, used_up_at)"
    " SELECT {s}, id, 1000, now() FROM quotas WHERE tenant_id = {t}"
)
OTHER_DEVICE = "02:00:00:00:00:99"
SESSION = _insert(
    "radacct", tenant_id="{t}", subscription_id="{s}", nas_server_id="{n}", nasipaddress="'127.0.0.1'",
    username="'{u}'", acctsessionid="'81000001'", acctuniqueid="md5('{u}')", acctstarttime="now()",
    acctupdatetime="now()", callingstationid=f"'{OTHER_DEVICE}'",
)  # fmt: skip
# Sessions open and close a thousand times a second: the collector tells of them by itself, not through a trigger.
OPENED = (
    "SELECT pg_notify('session_changed', json_build_array(json_build_array('+', md5('{u}'), {s}::bigint,"
    f" '{OTHER_DEVICE}', {{n}}, '81000001', NULL))::text)"
)
CLOSED = "SELECT pg_notify('session_changed', json_build_array(json_build_array('-', md5('{u}'), {s}::bigint))::text)"
CHECK = _insert(
    "radcheck", tenant_id="{t}", username="'{u}'", attribute="'Called-Station-Id'", op="'=='", value="'service1'"
)
REPLY = _insert("radreply", tenant_id="{t}", username="'{u}'", attribute="'Framed-Pool'", op="':='", value="'own'")
PLAN_REPLY = _insert(
    "plan_reply_attributes", tenant_id="{t}", service_plan_id="{p}", attribute="'Framed-Pool'", op="':='", value="'own'"
)
PLAN_POOL = "UPDATE service_plans SET ip_pool = 'plan' WHERE id = {p}"
VOUCHER = _insert("vouchers", tenant_id="{t}", subscription_id="{s}", code="'{u}'", validity_s="7200")
BLOCKED = _insert("blocked_macs", tenant_id="{t}", mac="'02:00:00:00:00:01'")
GARDEN_AND_REASON = (GARDEN, SUSPENDED)

"""What every column that a login depends on does to the next login.

Each change is plain SQL. In it stand, in braces: {s} the subscription that logs in, {p} its plan, {c} its customer, {u}
its username, {t} its tenant, {n} the router it asks through, {x}, {q}, {d} and {y} another subscription of the same
tenant with its plan, customer and username, {o} another tenant, {m} another router, {g} and {h} groups of routers, {f}
and {e} families. {opens} and {closes} are minutes of the day around now, in UTC, which is the tenant's time.

The customer has 10/5 Mbit/s over PPPoE and comes from device 02:00:00:00:00:01.
"""

from dataclasses import dataclass
from typing import Any

from packets.column_rows import (
    APPROVED_OTHER,
    BLOCKED,
    BLOCKED_OTHER,
    BOUND,
    BURST,
    BURST_SENT,
    CHECK,
    CLOSED,
    COUNTED,
    EXPIRED,
    FAMILY,
    FULL_SPEED,
    GARDEN,
    GARDEN_AND_REASON,
    GRACE,
    HOURS,
    IN_HOURS,
    IN_TIER,
    LEAST,
    LEAST_SENT,
    MORE_HOURS,
    OPENED,
    OTHER_DEVICE,
    OWN_SPEED,
    PLAN_OF_OTHER,
    PLAN_POOL,
    PLAN_REPLY,
    QUOTA,
    REPLY,
    SESSION,
    SLOW_QUOTA,
    SUSPENDED,
    TIER,
    TIER_TO_SPEED,
    TOPUP,
    USED,
    USED_YESTERDAY,
    VOUCHER,
)
from simulator import Service

REFUSED, ACCEPTED, SILENT = "refused", "accepted", "silent"


@dataclass(frozen=True, kw_only=True)
class Change:
    """One column changed by SQL. An outcome is REFUSED, ACCEPTED, SILENT, `Name=value`, or `Name=` for not sent."""

    column: str
    sql: tuple[str, ...]
    before: str
    after: str
    given: tuple[str, ...] = ()
    signs: bool = True
    service: Service = Service.PPPOE

    @property
    def is_about_the_router(self) -> bool:
        """Routers are read anew a moment after the change, and FreeRADIUS keeps what it knows of one for seconds."""
        return self.column.partition(".")[0] in ("nas_servers", "blocked_macs")


def _change(column: str, *sql: str, before: str = ACCEPTED, after: str = REFUSED, **more: Any) -> Change:
    return Change(column=column, sql=sql, before=before, after=after, **more)


def _set(column: str, value: str, where: str = "", **more: Any) -> Change:
    """One column of one row, set to an SQL value; `where` is the customer's own row unless given."""
    table, name = column.split(".")
    key = {
        "subscriptions": "id = {s}",
        "customers": "id = {c}",
        "service_plans": "id = {p}",
        "tenants": "id = {t}",
        "nas_servers": "id = {n}",
        "walled_gardens": "tenant_id IN ({t}, {o})",
        "radcheck": "tenant_id IN ({t}, {o})",
        "radreply": "tenant_id IN ({t}, {o})",
        "blocked_macs": "tenant_id IN ({t}, {o})",
        "quotas": "tenant_id = {t}",
        "quota_topups": "tenant_id = {t}",
        "vouchers": "tenant_id = {t}",
        "plan_fup_rules": "tenant_id = {t}",
        "plan_time_windows": "tenant_id = {t}",
        "plan_reply_attributes": "tenant_id = {t}",
    }.get(table, "subscription_id IN ({s}, {x})")
    return _change(column, f"UPDATE {table} SET {name} = {value} WHERE {where or key}", **more)


CHANGES: tuple[Change, ...] = (
    # --- the subscription ---
    _set("subscriptions.tenant_id", "{o}"),
    _set("subscriptions.customer_id", "{d}", given=(BLOCKED_OTHER,)),
    _set(
        "subscriptions.service_plan_id",
        "{q}",
        given=(PLAN_OF_OTHER,),
        before=FULL_SPEED,
        after="Mikrotik-Rate-Limit=1M/2M",
    ),
    _set("subscriptions.connection_type", "'hotspot'"),
    _set("subscriptions.username", "'somebody-{s}'"),
    _set("subscriptions.service_password_enc", "(SELECT service_password_enc FROM subscriptions WHERE id = {x})"),
    _set("subscriptions.status", "'suspended'"),
    _set("subscriptions.expires_at", "now() - interval '30 days'"),
    _set("subscriptions.grace_period_days", "0", given=(EXPIRED, GRACE)),
    _set(
        "subscriptions.billing_day",
        "extract(day FROM current_date - 3)::int",
        given=(
            QUOTA.replace("'total'", "'billing_cycle'"),
            USED_YESTERDAY,
            "UPDATE subscriptions SET billing_day = extract(day FROM current_date - 1)::int WHERE id = {s}",
        ),
    ),
    _set("subscriptions.assigned_ip", "'10.9.8.7'", before="Framed-IP-Address=", after="Framed-IP-Address=10.9.8.7"),
    _set("subscriptions.ip_pool", "'special'", before="Framed-Pool=", after="Framed-Pool=special"),
    _set("subscriptions.address_list", "'vip'", before="Mikrotik-Address-List=", after="Mikrotik-Address-List=vip"),
    _set("subscriptions.mac_binding", "'fixed'", given=(APPROVED_OTHER,)),
    _set("subscriptions.nas_binding", "'nas'", given=("UPDATE subscriptions SET nas_server_id = {m} WHERE id = {s}",)),
    _set(
        "subscriptions.nas_server_id",
        "{m}",
        given=("UPDATE subscriptions SET nas_binding = 'nas', nas_server_id = {n} WHERE id = {s}",),
    ),
    _set(
        "subscriptions.nas_group_id",
        "{h}",
        given=("UPDATE subscriptions SET nas_binding = 'group', nas_group_id = {g} WHERE id = {s}",),
    ),
    _set(
        "subscriptions.family_id",
        "{f}",
        given=(USED, QUOTA.replace("service_plan_id", "family_id").replace("{p}", "{f}")),
    ),
    _set("subscriptions.deleted_at", "now()"),
    # --- the customer ---
    _set("customers.status", "'suspended'"),
    _set("customers.balance", "-500", given=("UPDATE customers SET credit_limit = 100 WHERE id = {c}",)),
    _set("customers.credit_limit", "100", given=("UPDATE customers SET balance = -500 WHERE id = {c}",)),
    _set("customers.deleted_at", "now()"),
    # --- the tenant ---
    _set("tenants.timezone", "'Asia/Dhaka'", given=(HOURS,)),
    # --- the plan ---
    _set("service_plans.download_kbps", "20000", before=FULL_SPEED, after="Mikrotik-Rate-Limit=5M/20M"),
    _set("service_plans.upload_kbps", "6000", before=FULL_SPEED, after="Mikrotik-Rate-Limit=6M/10M"),
    _set("service_plans.priority", "3", before=FULL_SPEED, after=f"{FULL_SPEED} 0/0 0/0 0/0 3"),
    _set("service_plans.burst_enabled", "false", given=(BURST,), before=BURST_SENT, after=FULL_SPEED),
    _set(
        "service_plans.burst_download_kbps",
        "30000",
        given=(BURST,),
        before=BURST_SENT,
        after=BURST_SENT.replace("/20M", "/30M"),
    ),
    _set(
        "service_plans.burst_upload_kbps",
        "9000",
        given=(BURST,),
        before=BURST_SENT,
        after=BURST_SENT.replace(" 10M/", " 9M/"),
    ),
    _set(
        "service_plans.burst_threshold_download_kbps",
        "NULL",
        given=(BURST,),
        before=BURST_SENT,
        after=BURST_SENT.replace("4M/8M", "4M/10M"),
    ),
    _set(
        "service_plans.burst_threshold_upload_kbps",
        "NULL",
        given=(BURST,),
        before=BURST_SENT,
        after=BURST_SENT.replace("4M/8M", "5M/8M"),
    ),
    _set(
        "service_plans.burst_time_s",
        "8",
        given=(BURST,),
        before=BURST_SENT,
        after=BURST_SENT.replace("16/16", "8/8"),
    ),
    _set("service_plans.min_download_kbps", "3000", given=(LEAST,), before=LEAST_SENT, after=LEAST_SENT[:-2] + "3M"),
    _set("service_plans.min_upload_kbps", "2000", given=(LEAST,), before=LEAST_SENT, after=LEAST_SENT[:-5] + "2M/2M"),
    _set("service_plans.concurrent_connections", "2", given=(SESSION,), before=REFUSED, after=ACCEPTED),
    _set("service_plans.session_limit_action", "'replace'", given=(SESSION,), before=REFUSED, after=ACCEPTED),
    _set("service_plans.session_timeout_s", "1234", before="Session-Timeout=", after="Session-Timeout=1234"),
    _set("service_plans.idle_timeout_s", "777", before="Idle-Timeout=", after="Idle-Timeout=777"),
    _set(
        "service_plans.interim_interval_s", "99", before="Acct-Interim-Interval=300", after="Acct-Interim-Interval=99"
    ),
    _set("service_plans.ip_pool", "'big'", before="Framed-Pool=", after="Framed-Pool=big"),
    _set("service_plans.address_list", "'all'", before="Mikrotik-Address-List=", after="Mikrotik-Address-List=all"),
    _set("service_plans.grace_period_days", "0", given=(EXPIRED, GRACE)),
    _set("service_plans.garden_mode", "'never'", given=GARDEN_AND_REASON),
    # --- what one subscription has instead of its plan ---
    _set(
        "subscription_limits.subscription_id",
        "{s}",
        given=(OWN_SPEED.replace("{s}", "{x}"),),
        before=FULL_SPEED,
        after="Mikrotik-Rate-Limit=3M/3M",
    ),
    _set(
        "subscription_limits.download_kbps",
        "4000",
        given=(OWN_SPEED,),
        before="Mikrotik-Rate-Limit=3M/3M",
        after="Mikrotik-Rate-Limit=3M/4M",
    ),
    _set(
        "subscription_limits.upload_kbps",
        "4000",
        given=(OWN_SPEED,),
        before="Mikrotik-Rate-Limit=3M/3M",
        after="Mikrotik-Rate-Limit=4M/3M",
    ),
    _set(
        "subscription_limits.speed_expires_at",
        "now() - interval '1 minute'",
        given=(OWN_SPEED,),
        before="Mikrotik-Rate-Limit=3M/3M",
        after=FULL_SPEED,
    ),
    _set(
        "subscription_limits.session_timeout_s",
        "4321",
        given=(OWN_SPEED,),
        before="Session-Timeout=",
        after="Session-Timeout=4321",
    ),
    _set("subscription_limits.concurrent_connections", "2", given=(OWN_SPEED, SESSION), before=REFUSED, after=ACCEPTED),
    # --- fair use ---
    _set(
        "subscription_fup_states.subscription_id",
        "{s}",
        given=(TIER, IN_TIER.replace("{s}", "{x}")),
        before=FULL_SPEED,
        after="Mikrotik-Rate-Limit=2500k/5M",
    ),
    _set(
        "subscription_fup_states.tier",
        "0",
        given=(TIER, IN_TIER),
        before="Mikrotik-Rate-Limit=2500k/5M",
        after=FULL_SPEED,
    ),
    _set(
        "subscription_fup_states.window_end",
        "now() - interval '1 minute'",
        given=(TIER, IN_TIER),
        before="Mikrotik-Rate-Limit=2500k/5M",
        after=FULL_SPEED,
    ),
    _set(
        "plan_fup_rules.service_plan_id",
        "{p}",
        given=(TIER.replace("{p}", "{q}"), IN_TIER),
        before=FULL_SPEED,
        after="Mikrotik-Rate-Limit=2500k/5M",
    ),
    _set(
        "plan_fup_rules.tier",
        "2",
        given=(TIER, IN_TIER),
        before="Mikrotik-Rate-Limit=2500k/5M",
        after=FULL_SPEED,
    ),
    _set(
        "plan_fup_rules.reduction_percent",
        "80",
        given=(TIER, IN_TIER),
        before="Mikrotik-Rate-Limit=2500k/5M",
        after="Mikrotik-Rate-Limit=1M/2M",
    ),
    _set(
        "plan_fup_rules.reduced_download_kbps",
        "1500",
        given=(TIER_TO_SPEED, IN_TIER),
        before="Mikrotik-Rate-Limit=1M/2M",
        after="Mikrotik-Rate-Limit=1M/1500k",
    ),
    _set(
        "plan_fup_rules.reduced_upload_kbps",
        "700",
        given=(TIER_TO_SPEED, IN_TIER),
        before="Mikrotik-Rate-Limit=1M/2M",
        after="Mikrotik-Rate-Limit=700k/2M",
    ),
    # --- devices ---
    _set("subscription_macs.subscription_id", "{s}", given=(BOUND, APPROVED_OTHER.replace("{s}", "{x}"))),
    _set("subscription_macs.mac", "'02:00:00:00:00:01'", given=(BOUND, APPROVED_OTHER), before=REFUSED, after=ACCEPTED),
    _set("subscription_macs.status", "'approved'", given=(BOUND, APPROVED_OTHER.replace("'approved'", "'pending'"))),
    _set("blocked_macs.tenant_id", "{t}", given=(BLOCKED.replace("{t}", "{o}"),)),
    _set("blocked_macs.mac", "'02:00:00:00:00:01'", given=(BLOCKED.replace(":01'", ":02'"),)),
    # --- hours ---
    _set("plan_time_windows.service_plan_id", "{q}", given=(HOURS,), before=IN_HOURS, after=FULL_SPEED),
    _set(
        "plan_time_windows.position",
        "3",
        "tenant_id = {t} AND position = 1",
        given=(HOURS, MORE_HOURS),
        before=IN_HOURS,
        after="Mikrotik-Rate-Limit=8M/8M",
    ),
    _set("plan_time_windows.weekdays", "1 << ((extract(isodow FROM current_date)::int + 2) % 7)", given=(HOURS,)),
    _set("plan_time_windows.start_minute", "({opens} + 90) % 1440", given=(HOURS,)),
    _set("plan_time_windows.end_minute", "({opens} + 1) % 1440 + 1", given=(HOURS,)),
    _set("plan_time_windows.download_kbps", "9000", given=(HOURS,), before=IN_HOURS, after="Mikrotik-Rate-Limit=7M/9M"),
    _set("plan_time_windows.upload_kbps", "9000", given=(HOURS,), before=IN_HOURS, after="Mikrotik-Rate-Limit=9M/7M"),
    # --- allowances ---
    _set("quotas.service_plan_id", "{p}", given=(USED, QUOTA.replace("{p}", "{q}"))),
    _set(
        "quotas.subscription_id",
        "{s}",
        given=(USED, QUOTA.replace("service_plan_id", "subscription_id").replace("{p}", "{x}")),
    ),
    _set(
        "quotas.family_id",
        "{f}",
        given=(USED, FAMILY, QUOTA.replace("service_plan_id", "family_id").replace("{p}", "{e}")),
    ),
    _set("quotas.kind", "'data'", given=(USED, QUOTA.replace("'data'", "'time'"))),
    _set("quotas.period", "'total'", given=(USED_YESTERDAY, QUOTA.replace("'total'", "'daily'"))),
    _set("quotas.counts", "'total'", given=(USED, QUOTA, "UPDATE quotas SET counts = 'upload' WHERE tenant_id = {t}")),
    _set("quotas.limit_amount", "1001", given=(USED, QUOTA), before=REFUSED, after=ACCEPTED),
    _set(
        "quotas.action",
        "'garden'",
        given=(USED, QUOTA, GARDEN.replace("subscription_suspended", "quota_used_up")),
        before=REFUSED,
        after=ACCEPTED,
    ),
    _set(
        "quotas.throttle_download_kbps",
        "256",
        given=(USED, SLOW_QUOTA),
        before="Mikrotik-Rate-Limit=512k/512k",
        after="Mikrotik-Rate-Limit=512k/256k",
    ),
    _set(
        "quotas.throttle_upload_kbps",
        "256",
        given=(USED, SLOW_QUOTA),
        before="Mikrotik-Rate-Limit=512k/512k",
        after="Mikrotik-Rate-Limit=256k/512k",
    ),
    _set(
        "quota_topups.subscription_id",
        "{s}",
        given=(USED, QUOTA, TOPUP.replace("{s}", "{x}")),
        before=REFUSED,
        after=ACCEPTED,
    ),
    _set("quota_topups.kind", "'time'", given=(USED, QUOTA, TOPUP)),
    _set(
        "quota_topups.amount",
        "501",
        given=(USED, QUOTA.replace("1000", "500"), TOPUP),
        before=REFUSED,
        after=ACCEPTED,
    ),
    _set("quota_topups.valid_from", "now() + interval '1 hour'", given=(USED, QUOTA, TOPUP)),
    _change(
        "quota_topups.valid_until",
        "UPDATE quota_topups SET valid_until = now() - interval '1 minute' WHERE tenant_id = {t}",
        given=(
            USED,
            QUOTA,
            TOPUP,
            "UPDATE quota_topups SET valid_from = now() - interval '1 day' WHERE tenant_id = {t}",
        ),
    ),
    _change(
        "usage_daily.subscription_id",
        "UPDATE usage_daily SET subscription_id = {s} WHERE subscription_id = {x}",
        COUNTED,
        given=(QUOTA, USED.replace("{s}", "{x}")),
    ),
    _change(
        "usage_daily.day",
        "UPDATE usage_daily SET day = current_date WHERE subscription_id = {s}",
        COUNTED,
        given=(QUOTA.replace("'total'", "'daily'"), USED_YESTERDAY),
    ),
    *(
        _change(
            f"usage_daily.{name}_bytes",
            f"UPDATE usage_daily SET {name}_bytes = 900 WHERE subscription_id = {{s}}",
            COUNTED,
            given=(QUOTA, USED.replace("600", "100").replace("400", "100")),
        )
        for name in ("download", "upload")
    ),
    _change(
        "usage_daily.seconds",
        "UPDATE usage_daily SET seconds = 1000 WHERE subscription_id = {s}",
        COUNTED,
        given=(QUOTA.replace("'data'", "'time'"), USED),
    ),
    # --- the walled garden ---
    _set(
        "walled_gardens.tenant_id",
        "{t}",
        given=(GARDEN.replace("{t}", "{o}"), SUSPENDED),
        before=REFUSED,
        after=ACCEPTED,
    ),
    _set("walled_gardens.reason", "'outside_hours'", given=GARDEN_AND_REASON),
    _set(
        "walled_gardens.address_list",
        "'pay'",
        given=GARDEN_AND_REASON,
        before="Mikrotik-Address-List=isolir",
        after="Mikrotik-Address-List=pay",
    ),
    _set(
        "walled_gardens.ip_pool",
        "'other'",
        given=GARDEN_AND_REASON,
        before="Framed-Pool=garden",
        after="Framed-Pool=other",
    ),
    _set(
        "walled_gardens.download_kbps",
        "256",
        given=GARDEN_AND_REASON,
        before="Mikrotik-Rate-Limit=512k/512k",
        after="Mikrotik-Rate-Limit=512k/256k",
    ),
    _set(
        "walled_gardens.upload_kbps",
        "256",
        given=GARDEN_AND_REASON,
        before="Mikrotik-Rate-Limit=512k/512k",
        after="Mikrotik-Rate-Limit=256k/512k",
    ),
    _set(
        "walled_gardens.redirect_url",
        "'https://pay.example/'",
        service=Service.HOTSPOT,
        given=(*GARDEN_AND_REASON, "UPDATE subscriptions SET connection_type = 'hotspot' WHERE id = {s}"),
        before="WISPr-Redirection-URL=",
        after="WISPr-Redirection-URL=https://pay.example/",
    ),
    _set(
        "walled_gardens.session_timeout_s",
        "900",
        given=GARDEN_AND_REASON,
        before="Session-Timeout=3600",
        after="Session-Timeout=900",
    ),
    _set("walled_gardens.is_active", "false", given=GARDEN_AND_REASON),
    # --- vouchers ---
    _set(
        "vouchers.subscription_id", "{s}", given=(VOUCHER.replace("{s}", "{x}"), "UPDATE vouchers SET state = 'used'")
    ),
    _set("vouchers.state", "'disabled'", given=(VOUCHER,)),
    _set("vouchers.validity_s", "3600", given=(VOUCHER,), before="Session-Timeout=7200", after="Session-Timeout=3600"),
    _set("vouchers.sell_until", "now() - interval '1 minute'", given=(VOUCHER,)),
    _set(
        "vouchers.valid_until",
        "now() - interval '1 minute'",
        given=(
            VOUCHER,
            "UPDATE vouchers SET state = 'active', valid_until = now() + interval '1 day' WHERE tenant_id = {t}",
        ),
    ),
    # --- what an operator wrote by hand ---
    _set("radcheck.tenant_id", "{t}", given=(CHECK.replace("{t}", "{o}").replace("service1", "x"),)),
    _set("radcheck.username", "'{u}'", given=(CHECK.replace("{u}", "{y}").replace("service1", "x"),)),
    _set("radcheck.attribute", "'NAS-Port-Id'", given=(CHECK,)),
    _set("radcheck.op", "'!='", given=(CHECK,)),
    _set("radcheck.value", "'service2'", given=(CHECK,)),
    _set("radreply.tenant_id", "{o}", given=(REPLY,), before="Framed-Pool=own", after="Framed-Pool="),
    _set("radreply.username", "'{y}'", given=(REPLY,), before="Framed-Pool=own", after="Framed-Pool="),
    _set(
        "radreply.attribute",
        "'Mikrotik-Address-List'",
        given=(REPLY,),
        before="Mikrotik-Address-List=",
        after="Mikrotik-Address-List=own",
    ),
    _set("radreply.op", "'='", given=(PLAN_POOL, REPLY), before="Framed-Pool=own", after="Framed-Pool=plan"),
    _set("radreply.value", "'new'", given=(REPLY,), before="Framed-Pool=own", after="Framed-Pool=new"),
    _set(
        "plan_reply_attributes.service_plan_id",
        "{q}",
        given=(PLAN_REPLY,),
        before="Framed-Pool=own",
        after="Framed-Pool=",
    ),
    _set(
        "plan_reply_attributes.attribute",
        "'Mikrotik-Address-List'",
        given=(PLAN_REPLY,),
        before="Mikrotik-Address-List=",
        after="Mikrotik-Address-List=own",
    ),
    _set(
        "plan_reply_attributes.op",
        "'='",
        given=(PLAN_POOL, PLAN_REPLY),
        before="Framed-Pool=own",
        after="Framed-Pool=plan",
    ),
    _set(
        "plan_reply_attributes.value",
        "'new'",
        given=(PLAN_REPLY,),
        before="Framed-Pool=own",
        after="Framed-Pool=new",
    ),
    # --- running sessions ---
    _change(
        "radacct.subscription_id",
        "UPDATE radacct SET subscription_id = {s} WHERE acctuniqueid = md5('{u}')",
        OPENED,
        given=(SESSION.replace("{s}", "{x}"),),
    ),
    _change(
        "radacct.acctstoptime",
        "UPDATE radacct SET acctstoptime = now() WHERE acctuniqueid = md5('{u}')",
        CLOSED,
        given=(SESSION,),
        before=REFUSED,
        after=ACCEPTED,
    ),
    _change(
        "radacct.callingstationid",
        f"UPDATE radacct SET callingstationid = '{OTHER_DEVICE}' WHERE acctuniqueid = md5('{{u}}')",
        OPENED,
        given=(SESSION.replace(OTHER_DEVICE, "02:00:00:00:00:01"),),
    ),
    _change(
        "radacct.acctupdatetime",
        "UPDATE radacct SET acctupdatetime = now() - interval '5 hours' WHERE acctuniqueid = md5('{u}')",
        given=(SESSION,),
        before=REFUSED,
        after=ACCEPTED,
    ),
    # --- the router ---
    _set("nas_servers.tenant_id", "{o}"),
    _set("nas_servers.host", "'127.6.{n}.1'", after=SILENT),
    _set("nas_servers.radius_secret_enc", "(SELECT radius_secret_enc FROM nas_servers WHERE id = {m})", after=SILENT),
    _set(
        "nas_servers.require_message_authenticator",
        "true",
        given=("UPDATE nas_servers SET require_message_authenticator = false WHERE id = {n}",),
        after=SILENT,
        signs=False,
    ),
    _set("nas_servers.type", "'cisco'", before=FULL_SPEED, after="Mikrotik-Rate-Limit="),
    _set(
        "nas_servers.nas_group_id",
        "{h}",
        given=("UPDATE subscriptions SET nas_binding = 'group', nas_group_id = {g} WHERE id = {s}",),
    ),
    _set("nas_servers.service_map", '\'{{"pppoe": "hotspot"}}\''),
    _set("nas_servers.is_active", "false", after=SILENT),
    _set("nas_servers.deleted_at", "now()", after=SILENT),
)

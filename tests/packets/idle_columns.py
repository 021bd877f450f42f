"""Columns of the tables that a login reads which change no login, and why."""

UNREAD = "no login reads it"
THE_ROW = "it is which row this is; nothing changes it"
STAMP = "when the row was written, for people"
_STAMPS = {"created_at": STAMP, "updated_at": STAMP}
_OWNED = {"id": THE_ROW, "tenant_id": "the row counts by whom it belongs to, whose tenant is asked", **_STAMPS}


def _unread(names: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), UNREAD)


WITHOUT_EFFECT: dict[str, dict[str, str]] = {
    "subscriptions": {"id": THE_ROW, "version": "names the state of the row that a decision saw"}
    | _unread(
        "subscription_code start_date price setup_fee billing_cycle auto_renew notes suspend_reason activated_at"
        " suspended_at terminated_at router_profile created_at updated_at cancel_at_period_end fees_billed_at"
        " installation_address installation_date installation_fee is_postpaid suspend_cause suspend_on"
        " suspend_recurring_day metadata"
    ),
    "customers": {"id": THE_ROW}
    | _unread(
        "tenant_id customer_code name email phone address city suspend_reason customer_type language registration_date"
        " notes is_walk_in version created_at updated_at anonymized_at apartment_number birth_date company_name country"
        " created_by_id created_by_name gender house_number id_card_number_enc latitude location longitude metadata"
        " operator_id parent_customer_id postal_code province referral_code referred_by_id tax_id whatsapp"
    ),
    "tenants": {
        "id": THE_ROW,
        "usernames_ignore_case": "whoever logs in as stored still does; test_case_of_names.py has the other spellings",
    }
    | _unread("name slug currency locale country_code is_active created_at updated_at"),
    "service_plans": {"id": THE_ROW}
    | _unread(
        "tenant_id name slug description connection_type price setup_fee billing_cycle validity_days is_active"
        " deleted_at router_profile created_at updated_at contract_period_months customer_types features is_popular"
        " early_end_fee metadata"
    ),
    "subscription_limits": _unread("created_at updated_at"),
    "subscription_fup_states": _unread("usage_at_activation_bytes activated_at activated_by window_start updated_at"),
    "plan_fup_rules": {
        "threshold_bytes": "the collector compares it with what was used, and writes the tier that a login reads",
        "counts": "as the threshold",
        "reset_period": "as the threshold",
    }
    | _unread("id tenant_id created_at updated_at"),
    "subscription_macs": _unread("id tenant_id source note created_at updated_at"),
    "blocked_macs": {"id": "only says which are read when there are too many"}
    | _unread("note created_by created_at updated_at"),
    "plan_time_windows": _unread("id tenant_id created_at updated_at"),
    "quotas": _OWNED,
    "quota_topups": {"id": THE_ROW} | _unread("tenant_id note created_by look_at invoice_id created_at updated_at"),
    "usage_daily": {"nas_server_id": "what was used counts over all routers"} | _unread("sessions"),
    "walled_gardens": _unread("id created_at updated_at"),
    "vouchers": {
        "binds_mac": "whoever counts the first login writes its device to the list of devices that a login reads"
    }
    | _unread(
        "id tenant_id code batch_id first_used_at sold_at sold_by payment_id redeemed_at redeemed_by"
        " redeemed_customer_id redeemed_subscription_id created_at updated_at"
    ),
    "radcheck": {"id": "only the order, and all must be met"},
    "radreply": {"id": "only the order of rows"},
    "plan_reply_attributes": {"id": "only the order of rows"} | _unread("tenant_id created_at updated_at"),
    "radacct": {
        "acctuniqueid": THE_ROW,
        "radacctid": "only the order of sessions that began at once",
        "acctstarttime": "which session is replaced first, where the oldest gives way",
        **dict.fromkeys(
            ("acctsessionid", "nas_server_id", "username", "framedipaddress"), "names the session in a change of it"
        ),
    }
    | _unread(
        "realm nasipaddress nasportid nasporttype acctinterval acctsessiontime acctauthentic"
        " connectinfo_start connectinfo_stop acctinputoctets acctoutputoctets calledstationid acctterminatecause"
        " servicetype framedprotocol framedipv6address framedipv6prefix framedinterfaceid delegatedipv6prefix class"
        " tenant_id counter_trail integrity_marks start_told_s download_kbps upload_kbps"
    ),
    # Logins by certificate need a supplicant: test_eap.py and test_radsec.py have the revoked ones.
    "issued_certificates": {
        "serial": "which certificate this is",
        "revoked_at": "test_eap.py: the certificate is refused from then on",
        "valid_until": "a certificate that has ended is refused as such and need not be on the list",
    }
    | _unread("id kind name subscription_id nas_server_id issued_by revoked_by created_at updated_at tenant_id"),
    "nas_servers": {"id": THE_ROW, "name": "for the log", "signs_requests": "so that news of it is told once"}
    | _unread(
        "nas_identifier coa_port routeros_version acct_input_is unsigned_seen_at unreadable_at login_heard_at"
        " clock_skew_s provisioning_mode location status last_seen_at created_at updated_at"
        " api_port api_username api_password_enc api_tls api_certificate_fingerprint api_checked_at api_problem"
        " last_connected_at latitude longitude configuration coa_per_second"
    ),
}

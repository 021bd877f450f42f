"""What the panel calls things: reasons, kinds, actions. Marked for translation, looked up late.

The rules know codes; only this module knows their words, so a new code is one line here and in the catalogue.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString

from domain.access import REASONS
from domain.live_change import CHANGE_REASONS
from webadmin.panel.states import state_mark

_REASONS: dict[str, LazyString] = {
    "accepted": _l("accepted"),
    "accepted_grace": _l("accepted in the grace period after expiry"),
    "unknown_user": _l("no subscription with this username"),
    "wrong_password": _l("wrong password"),
    "wrong_service": _l("the subscription is for another kind of access"),
    "subscription_pending": _l("the subscription is not activated yet"),
    "subscription_suspended": _l("the subscription is suspended"),
    "subscription_expired": _l("the subscription has expired"),
    "subscription_disabled": _l("the subscription is disabled"),
    "subscription_cancelled": _l("the subscription is cancelled"),
    "subscription_terminated": _l("the subscription is terminated"),
    "customer_suspended": _l("the customer is suspended"),
    "customer_inactive": _l("the customer is inactive"),
    "customer_disabled": _l("the customer is disabled"),
    "customer_blacklisted": _l("the customer is blacklisted"),
    "customer_terminated": _l("the customer is terminated"),
    "wrong_device": _l("this device is not on the subscription's list"),
    "device_blocked": _l("this device is blocked"),
    "session_limit": _l("already online as often as the subscription allows"),
    "unreadable": _l("name or password is not readable text; compare the shared secret on the router"),
    "policy_error": _l("the policy failed on this login; see the server log"),
    "over_credit_limit": _l("the customer owes more than the credit limit"),
    "outside_hours": _l("outside the plan's hours"),
    "quota_used_up": _l("the allowance is used up"),
    "wrong_place": _l("the subscription is bound to another router"),
    "device_pending": _l("this device waits for approval"),
    "device_blacklisted": _l("this device is blacklisted"),
    "voucher_disabled": _l("the voucher is disabled"),
    "voucher_used": _l("the voucher is used up"),
    "voucher_expired": _l("the voucher was not used in time"),
    "check_failed": _l("a radcheck condition is not met"),
    "too_many_tries": _l("too many wrong passwords from this device; it has to wait"),
    "garden_subscription_suspended": _l("admitted to the walled garden: the subscription is suspended"),
    "garden_subscription_expired": _l("admitted to the walled garden: the subscription has expired"),
    "garden_customer_suspended": _l("admitted to the walled garden: the customer is suspended"),
    "garden_over_credit_limit": _l("admitted to the walled garden: the customer owes more than the credit limit"),
    "garden_quota_used_up": _l("admitted to the walled garden: the allowance is used up"),
    "garden_outside_hours": _l("admitted to the walled garden: outside the plan's hours"),
}

_CHANGE_REASONS: dict[str, LazyString] = {
    "garden_over": _l("no longer for the walled garden"),
    "credit_change": _l("credit limit changed"),
    "voucher_over": _l("voucher used up"),
    "fup": _l("fair-use limit crossed"),
    "fup_reset": _l("fair-use period ended"),
    "quota": _l("allowance used up"),
    "quota_reset": _l("allowance available again"),
    "hours": _l("the plan's hours began or ended"),
    "plan_change": _l("plan changed"),
    "speed_change": _l("speed changed"),
    "suspend": _l("subscription suspended"),
    "expire": _l("subscription expired"),
    "terminate": _l("subscription terminated"),
    "disable": _l("subscription disabled"),
    "customer_blocked": _l("customer blocked"),
    "password_change": _l("password changed"),
    "device_change": _l("allowed devices changed"),
    "address_change": _l("address changed"),
    "replaced": _l("another device logged in"),
    "blacklist": _l("device blacklisted"),
    "place_change": _l("allowed routers changed"),
    "staff": _l("requested by staff"),
    "late_start": _l("session started after the change"),
    "limits": _l("time or volume limit changed"),
    "bulk": _l("asked for many sessions at once"),
}


@dataclass(frozen=True, kw_only=True)
class Binding:
    """A way to bind a subscription to devices: its name in a list, and what it means once it is chosen."""

    name: LazyString
    says: LazyString


MAC_BINDINGS: dict[str, Binding] = {
    "off": Binding(name=_l("Any device"), says=_l("Any device may log in; blocked ones may not.")),
    "fixed": Binding(name=_l("Only listed devices"), says=_l("Only allowed devices of this list may log in.")),
    "learn": Binding(
        name=_l("The first device that logs in"),
        says=_l("The first device to log in with the right password is taken; others are refused from then on."),
    ),
    "approval": Binding(
        name=_l("Devices that staff allow"),
        says=_l("A new device is refused and waits here until it is allowed."),
    ),
}
NAS_BINDINGS: dict[str, LazyString] = {
    "off": _l("Through any router"),
    "nas": _l("Only through its router"),
    "group": _l("Only through its router group"),
}
PLAN_GARDENS: dict[str, LazyString] = {
    "tenant": _l("ends in the walled garden, where there is one"),
    "never": _l("is refused"),
}
SESSION_LIMIT_ACTIONS: dict[str, LazyString] = {
    "refuse": _l("it is refused"),
    "replace": _l("the longest online is disconnected for it"),
}

SUSPEND_REASONS: dict[str, LazyString] = {
    "overdue": _l("overdue payment"),
    "credit_limit": _l("over the credit limit"),
    "suspend_date": _l("its day of suspension"),
    "customer request": _l("customer's request"),
    "abuse": _l("abuse"),
    "maintenance": _l("maintenance"),
    "other": _l("other"),
    "no subscription left": _l("no subscription left"),
    "customer deleted": _l("the customer was deleted"),
}

CHOICES: dict[str, LazyString] = {
    "pppoe": _l("PPPoE"),
    "vpn": _l("VPN tunnel (PPTP, L2TP, SSTP, OpenVPN)"),
    "hotspot": _l("Hotspot"),
    "dhcp": _l("DHCP"),
    "wireless": _l("Wireless by device"),
    "dot1x": _l("802.1X (WPA-Enterprise, switch ports)"),
    "static": _l("Static address"),
    "any": _l("Any kind"),
    "daily": _l("Daily"),
    "weekly": _l("Weekly"),
    "monthly": _l("Monthly"),
    "quarterly": _l("Quarterly"),
    "yearly": _l("Yearly"),
    "custom": _l("Custom"),
    "billing_cycle": _l("Billing month"),
    "total": _l("Download + upload"),
    "download": _l("Download only"),
    "upload": _l("Upload only"),
    "residential": _l("Residential"),
    "radius": _l("with us, by RADIUS"),
    "local_secret": _l("on the router, as local secrets"),
    "both": _l("in both places"),
    "business": _l("Business"),
    "enterprise": _l("Enterprise"),
    "mikrotik": _l("MikroTik"),
    "cisco": _l("Cisco (ISG)"),
    "huawei": _l("Huawei"),
    "juniper": _l("Juniper (ERX, MX)"),
    "ubiquiti": _l("Ubiquiti, and others that read WISPr"),
    "cambium": _l("Cambium"),
}

_NAK_CAUSES: dict[int, LazyString] = {
    401: _l("it does not know an attribute of the request"),
    402: _l("an attribute is missing"),
    403: _l("it is not the router named in the request"),
    404: _l("the request is not valid for it"),
    405: _l("it does not support this for that service"),
    406: _l("it has no such session, or does not support this change"),
    407: _l("it does not accept a value of the request"),
    501: _l("its settings forbid it (check /radius incoming accept=yes)"),
    503: _l("it has no such session"),
    504: _l("the session cannot be ended"),
    506: _l("it is out of resources"),
    508: _l("several sessions fit the request"),
}

_TERMINATE_CAUSES: dict[str, LazyString] = {
    "User-Request": _l("ended by the customer"),
    "Lost-Carrier": _l("line lost"),
    "Lost-Service": _l("service lost"),
    "Idle-Timeout": _l("idle too long"),
    "Session-Timeout": _l("session time over"),
    "Admin-Reset": _l("ended by us"),
    "Admin-Reboot": _l("router rebooted by staff"),
    "NAS-Reboot": _l("router rebooted"),
    "NAS-Reboot-Seen": _l("router rebooted, seen by its uptime or session ids"),
    "Lost": _l("no Stop came"),
    "NAS-Request": _l("ended by the router"),
    "NAS-Error": _l("router error"),
    "Port-Error": _l("port error"),
}

_ACTIONS: dict[str, LazyString] = {
    "user.created": _l("added a member of staff"),
    "user.updated": _l("changed an account"),
    "user.roles_changed": _l("changed somebody's roles"),
    "user.password_reset": _l("set a password"),
    "user.password_chosen": _l("chose a password by a link"),
    "user.password_link_made": _l("made a link for a new password"),
    "user.deactivated": _l("closed an account"),
    "user.reactivated": _l("opened an account again"),
    "user.signed_in": _l("signed in"),
    "user.refused": _l("gave a wrong password or code"),
    "user.sessions_ended": _l("ended sessions"),
    "user.totp_added": _l("set up an app with codes"),
    "user.totp_removed": _l("switched the app with codes off"),
    "user.recovery_codes_made": _l("made recovery codes"),
    "user.recovery_code_used": _l("signed in with a recovery code"),
    "user.passkey_added": _l("made a passkey"),
    "user.passkey_removed": _l("removed a passkey"),
    "user.second_factor_removed": _l("took somebody's second factors away"),
    "user.operator_changed": _l("said whose staff somebody is"),
    "role.created": _l("made a role"),
    "role.updated": _l("changed a role"),
    "role.removed": _l("removed a role"),
    "role.second_factor": _l("changed whether a role asks for a second factor"),
    "token.created": _l("made an API token"),
    "token.revoked": _l("revoked an API token"),
    "garden.created": _l("walled garden made"),
    "garden.updated": _l("walled garden changed"),
    "garden.removed": _l("walled garden removed"),
    "tenant.updated": _l("changed the provider's settings"),
    "webhook.created": _l("added a webhook"),
    "webhook.updated": _l("changed a webhook"),
    "webhook.deleted": _l("removed a webhook"),
    "webhook.secret_changed": _l("gave a webhook another secret"),
    "webhook.paused": _l("paused a webhook that does not answer"),
    "webhook.resumed": _l("went on telling a webhook"),
    "webhook.replayed": _l("told a webhook again"),
    "gateway.created": _l("added a payment gateway"),
    "gateway.updated": _l("changed a payment gateway"),
    "gateway.deleted": _l("removed a payment gateway"),
    "records.replayed": _l("had accounting records tried again"),
    "records.dismissed": _l("let go of accounting records"),
    "expense.recorded": _l("recorded an expense"),
    "expense.taken_back": _l("took an expense back"),
    "books.exported": _l("took the journal as a file"),
    "operator.paid_out": _l("paid an operator"),
    "voucher.created": _l("vouchers made"),
    "voucher.disabled": _l("voucher disabled"),
    "voucher.enabled": _l("voucher given back"),
    "voucher.exported": _l("took the codes of a batch"),
    "voucher.printed": _l("printed a sheet of vouchers"),
    "voucher.sold": _l("vouchers sold"),
    "voucher.sale_taken_back": _l("sale of vouchers taken back"),
    "voucher.redeemed": _l("voucher redeemed"),
    "voucher_batch.updated": _l("batch of vouchers changed"),
    "subscription.recharged": _l("recharged with a voucher"),
    "letterhead.changed": _l("letterhead changed"),
    "subscription.certificate_issued": _l("certificate issued"),
    "nas.created": _l("added a router"),
    "nas.updated": _l("changed a router"),
    "nas.deleted": _l("removed a router"),
    "nas.activated": _l("switched a router on"),
    "nas.deactivated": _l("switched a router off"),
    "nas.reactivated": _l("switched a router on"),
    "nas.secret_changed": _l("gave a router another secret"),
    "nas.secret_shown": _l("looked at a router's secret"),
    "nas.refusals_forgotten": _l("had a router asked again what it refused"),
    "nas.user_disconnected": _l("ended the sessions of a name on a router"),
    "nas_group.created": _l("added a router group"),
    "nas_group.renamed": _l("renamed a router group"),
    "nas_group.deleted": _l("removed a router group"),
    "plan.created": _l("added a plan"),
    "plan.updated": _l("changed a plan"),
    "plan.deactivated": _l("stopped selling a plan"),
    "plan.reactivated": _l("sold a plan again"),
    "plan.deleted": _l("removed a plan"),
    "plan_rollout.started": _l("began to roll out a plan's change"),
    "plan_rollout.advanced": _l("let a plan's change go on"),
    "plan_rollout.stopped": _l("stopped rolling out a plan's change"),
    "plan_rollout.done": _l("rolled out a plan's change"),
    "bulk_change.started": _l("began to change many sessions"),
    "bulk_change.paused": _l("held a change of many sessions"),
    "bulk_change.resumed": _l("went on with a change of many sessions"),
    "bulk_change.stopped": _l("stopped a change of many sessions"),
    "bulk_change.done": _l("changed many sessions"),
    "customer_job.started": _l("began an action on many customers"),
    "customer_job.stopped": _l("stopped an action on many customers"),
    "customer_job.done": _l("acted on many customers"),
    "customer.exported": _l("took the customer list as a file"),
    "billing_run.started": _l("began a billing run"),
    "billing_run.stopped": _l("stopped a billing run"),
    "billing_run.continued": _l("let a billing run go on"),
    "billing_run.undone": _l("took back what a billing run suspended"),
    "billing.rules_changed": _l("changed the rules of billing"),
    "operator.created": _l("added an operator"),
    "operator.updated": _l("changed an operator"),
    "operator.deleted": _l("removed an operator"),
    "blacklist.added": _l("put a device on the blacklist"),
    "blacklist.removed": _l("took a device off the blacklist"),
    "address.looked_up": _l("looked up who had an address"),
    "archive.asked_back": _l("had an archived month brought back"),
    "retention.changed": _l("changed how long records are kept"),
    "stale_sessions.changed": _l("changed when silent sessions end"),
    "job.started": _l("ran a job by hand"),
    "job.schedule_changed": _l("changed when a job runs"),
    "list.exported": _l("took a list as a file"),
    "view.shared": _l("shared a view of a list"),
    "view.removed": _l("removed a shared view"),
    "nas.removal_ordered": _l("had a router give up our secrets, to remove it"),
    "nas.certificate_trusted": _l("trusted the certificate of a router's API"),
    "nas.queue_ordered": _l("ordered a queue on a router"),
    "nas.list_entry_ordered": _l("ordered an entry of a router's address list"),
    "nas.end_sessions_ordered": _l("ended what runs under a name on a router"),
    "nas.forget_device_ordered": _l("had a router forget a device"),
    "nas.router_secret_saved": _l("wrote a secret on a router"),
    "nas.router_secret_enabled": _l("switched a secret on a router on"),
    "nas.router_secret_disabled": _l("switched a secret on a router off"),
    "nas.router_secret_removed": _l("removed a secret from a router"),
    "nas.router_secrets_synced": _l("wrote all secrets on a router again"),
    "nas.router_secrets_imported": _l("imported the secrets of a router"),
    "nas.certificate_issued": _l("issued a router's certificate"),
    "certificate.revoked": _l("revoked a certificate"),
    "subscription.attributes_changed": _l("changed RADIUS attributes"),
    "customer.created": _l("added the customer"),
    "customer.updated": _l("edited the customer"),
    "customer.activated": _l("activated the customer"),
    "customer.suspended": _l("suspended the customer"),
    "customer.disabled": _l("disabled the customer"),
    "customer.inactive": _l("set the customer inactive"),
    "customer.blacklisted": _l("blacklisted the customer"),
    "customer.terminated": _l("terminated the customer"),
    "customer.deleted": _l("deleted the customer"),
    "customer.rolled_up": _l("customer's state follows its subscriptions"),
    "subscription.created": _l("added a subscription"),
    "subscription.updated": _l("edited the subscription"),
    "subscription.fup_activated": _l("slowed the subscription by fair use"),
    "subscription.fup_lifted": _l("lifted fair use"),
    "subscription.activated": _l("activated the subscription"),
    "subscription.cancelled_at_period_end": _l("let it end with its term"),
    "subscription.deleted": _l("took the subscription off the lists"),
    "subscription.kept": _l("kept it after all"),
    "subscription.early_end_fee_waived": _l("waived the fee for leaving early"),
    "subscription.plan_change_scheduled": _l("set another plan for the end of the term"),
    "subscription.plan_change_withdrawn": _l("took the change of plan back"),
    "subscription.suspended": _l("suspended the subscription"),
    "subscription.renewed": _l("renewed the subscription"),
    "subscription.renewal_taken_back": _l("took the renewal back"),
    "subscription.billing_changed": _l("changed how it is billed"),
    "subscription.suspend_date_changed": _l("changed its day of suspension"),
    "billing_profile.changed": _l("changed the billing profile"),
    "invoice.created": _l("wrote an invoice"),
    "invoice.issued": _l("issued an invoice"),
    "invoice.overdue": _l("an invoice is overdue"),
    "invoice.paid": _l("an invoice was paid"),
    "invoice.cancelled": _l("cancelled an invoice"),
    "invoice.refunded": _l("gave an invoice back"),
    "invoice.reopened": _l("opened an invoice again"),
    "invoice.due_date_changed": _l("changed the due day of an invoice"),
    "payment.received": _l("recorded a payment"),
    "payment.refunded": _l("gave a payment back"),
    "payment.voided": _l("took a payment back that never came"),
    "customer.balance_changed": _l("changed the balance"),
    "payment_link.created": _l("made a payment link"),
    "payment_link.sent": _l("sent a payment link"),
    "payment_link.withdrawn": _l("withdrew a payment link"),
    "gateway_order.created": _l("began to pay online"),
    "gateway_order.paid": _l("paid online"),
    "gateway_order.refunded": _l("an online payment was given back"),
    "gateway_order.cancelled": _l("an online payment was cancelled"),
    "gateway_order.failed": _l("an online payment failed"),
    "gateway_order.expired": _l("an online payment lapsed"),
    "gateway_order.held": _l("an online payment is held for a check"),
    "payment.parked": _l("money was parked"),
    "parked_payment.assigned": _l("booked parked money"),
    "parked_payment.refunded": _l("gave parked money back"),
    "parked_payment.dismissed": _l("dismissed parked money"),
    "subscription.disabled": _l("disabled the subscription"),
    "subscription.cancelled": _l("cancelled the subscription"),
    "subscription.expired": _l("the subscription expired"),
    "subscription.terminated": _l("terminated the subscription"),
    "subscription.package_changed": _l("changed the plan"),
    "subscription.password_changed": _l("changed the service password"),
    "subscription.password_shown": _l("looked at the service password"),
    "subscription.expiry_changed": _l("changed the end date"),
    "subscription.limits_changed": _l("changed speed or limits"),
    "subscription.speed_ended": _l("its speed of its own ended"),
    "history.exported": _l("took its internet history as a file"),
    "subscription.quotas_changed": _l("changed its allowances"),
    "subscription.topped_up": _l("topped it up"),
    "subscription.topup_removed": _l("took a top-up back"),
    "subscription.family_changed": _l("changed its family"),
    "family.created": _l("added a family"),
    "customer.restored": _l("brought the customer back"),
    "customer.tag_added": _l("put a tag on"),
    "customer.tag_removed": _l("took a tag away"),
    "customer.contact_added": _l("added a contact"),
    "customer.contact_changed": _l("changed a contact"),
    "customer.contact_removed": _l("removed a contact"),
    "customer.equipment_added": _l("added equipment"),
    "customer.equipment_changed": _l("changed equipment"),
    "customer.equipment_removed": _l("removed equipment"),
    "customer.family_changed": _l("changed whose family the customer is in"),
    "customer.id_card_shown": _l("looked at the number of the identity card"),
    "customer.id_card_picture_shown": _l("looked at the picture of the identity card"),
    "customer.photo_added": _l("kept a photo of the customer"),
    "customer.photo_replaced": _l("replaced the photo of the customer"),
    "customer.photo_removed": _l("took the photo away"),
    "customer.id_card_added": _l("kept a picture of the identity card"),
    "customer.id_card_replaced": _l("replaced the picture of the identity card"),
    "customer.id_card_removed": _l("took the picture of the identity card away"),
    "customer.speed_test_asked": _l("asked for a speed test"),
    "customer.speed_test_told": _l("recorded a speed test"),
    "customer.data_exported": _l("took everything about the customer as a file"),
    "customer.anonymized": _l("made the customer anonymous"),
    "customer.erased": _l("erased the customer"),
    "registration.asked": _l("asked for a customer to be added"),
    "registration.done": _l("added a customer who was asked for"),
    "registration.failed": _l("could not add a customer"),
    "registration.repeated": _l("let a customer be added again"),
    "customer.transferred": _l("gave the customer to another operator"),
    "customer.transfer_requested": _l("asked for another operator"),
    "customer.transfer_confirmed_from": _l("agreed to give the customer away"),
    "customer.transfer_confirmed_to": _l("agreed to take the customer"),
    "customer.transfer_rejected": _l("ended a transfer"),
    "family.updated": _l("changed a family"),
    "family.deleted": _l("removed a family"),
    "subscription.mac_binding_changed": _l("changed device binding"),
    "subscription.mac_added": _l("added a device"),
    "subscription.mac_status_changed": _l("changed a device"),
    "subscription.mac_removed": _l("removed a device"),
    "subscription.macs_reset": _l("reset the devices"),
    "subscription.ip_assigned": _l("changed the fixed address"),
    "subscription.speed_resent": _l("sent the speed to the router again"),
    "subscription.disconnected": _l("disconnected the session"),
}

# What works by itself and signs with a name; behind it may stand which one.
_ACTORS: dict[str, LazyString] = {
    "accounting": _l("accounting"),
    "billing": _l("billing"),
    "billing run": _l("billing run"),
    "bulk change": _l("bulk change"),
    "payer of": _l("payer of"),
    "payment gateway": _l("payment gateway"),
    "payment link": _l("payment link"),
    "payment reconciliation": _l("payment reconciliation"),
    "plan change of": _l("plan change of"),
    "roll-out": _l("roll-out"),
    "router removal": _l("router removal"),
    "system": _l("system"),
    "temporary speeds": _l("temporary speeds"),
    "voucher sheets": _l("voucher sheets"),
}


def reason_words(reason: str) -> LazyString | str:
    """Why a login was decided as it was."""
    return _REASONS.get(reason) or REASONS.get(reason, reason)


def reason_choices() -> list[tuple[str, LazyString]]:
    """Every reason for a refusal with its words."""
    return [(code, words) for code, words in _REASONS.items() if not code.startswith(("accepted", "garden"))]


def change_reason_words(reason: str) -> LazyString | str:
    """Why a live session is changed."""
    return _CHANGE_REASONS.get(reason) or CHANGE_REASONS.get(reason, reason)


def choice_words(value: str) -> LazyString | str:
    """The word of one choice of a list."""
    return CHOICES.get(value, value)


def suspend_reason_words(reason: str) -> LazyString | str:
    """Why somebody is suspended; free text stays as it was typed."""
    code, sign, note = reason.partition(": ")
    with_note = sign and code in SUSPEND_REASONS
    return f"{SUSPEND_REASONS[code]}: {note}" if with_note else SUSPEND_REASONS.get(reason, reason)


def terminate_cause_words(cause: str) -> LazyString | str:
    """How a session ended, in the words of RFC 2866 translated."""
    return _TERMINATE_CAUSES.get(cause, cause)


# The tables that entries of the audit log are about, as people call them.
ENTITY_WORDS: dict[str, LazyString] = {
    "customers": _l("Customer"),
    "subscriptions": _l("Subscription"),
    "service_plans": _l("Plan"),
    "nas_servers": _l("Router"),
    "nas_groups": _l("Router group"),
    "invoices": _l("Invoice"),
    "payments": _l("Payment"),
    "expenses": _l("Expense"),
    "payment_gateways": _l("Payment gateway"),
    "gateway_orders": _l("Online payment"),
    "parked_payments": _l("Parked money"),
    "payment_links": _l("Payment link"),
    "vouchers": _l("Voucher"),
    "voucher_batches": _l("Batch of vouchers"),
    "operators": _l("Operator"),
    "users": _l("Staff"),
    "roles": _l("Role"),
    "api_tokens": _l("API token"),
    "tenants": _l("Provider"),
    "settings": _l("Setting"),
    "walled_gardens": _l("Walled garden"),
    "issued_certificates": _l("Certificate"),
    "webhooks": _l("Webhook"),
    "billing_runs": _l("Billing run"),
    "bulk_changes": _l("Change of many sessions"),
    "plan_rollouts": _l("Roll-out"),
    "customer_jobs": _l("Action on many customers"),
    "customer_transfers": _l("Transfer"),
    "families": _l("Family"),
    "blocked_macs": _l("Blacklist"),
}


def action_words(action: str) -> LazyString | str:
    """What an audit entry says was done."""
    return _ACTIONS.get(action, action)


def actor_words(name: str | None) -> str:
    """Who did something: a person by his name, what works by itself in words."""
    text = name or ""
    known = next((code for code in sorted(_ACTORS, key=len, reverse=True) if f"{text} ".startswith(f"{code} ")), None)
    return text if known is None else f"{_ACTORS[known]}{text[len(known) :]}"


def nak_words(cause: str | None) -> LazyString | str:
    """Why a router refused, from the number in an Error-Cause."""
    number = re.match(r"\d{3}\b", cause or "")
    if number is None:
        return cause or gettext("it gave no reason")
    return _NAK_CAUSES.get(int(number[0])) or gettext("cause %(number)s", number=number[0])


def illegal_move_words(entity: str, current: str, wanted: str, possible: Iterable[str]) -> str:
    """Why a state cannot follow another, and which can."""
    options = ", ".join(str(state_mark(entity, state).text) for state in sorted(possible))
    words = {
        "current": str(state_mark(entity, current).text),
        "wanted": str(state_mark(entity, wanted).text),
        "options": options or gettext("nothing"),
    }
    return str(gettext("From “%(current)s” it cannot become “%(wanted)s”; possible: %(options)s.", **words))

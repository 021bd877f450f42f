"""What the panel calls what gateways are told, what was said with them, and why money waits for a person."""

from flask_babel import lazy_gettext as _l

FIELDS = {
    "merchant_id": _l("Merchant ID"),
    "client_key": _l("Client key"),
    "server_key": _l("Server key"),
    "secret_key": _l("Secret key"),
    "callback_token": _l("Webhook verification token"),
    "webhook_secret": _l("Webhook signing secret"),
    "shortcode": _l("Business short code (paybill)"),
    "till": _l("Till number"),
    "consumer_key": _l("Consumer key"),
    "consumer_secret": _l("Consumer secret"),
    "passkey": _l("Passkey"),
    "bank": _l("Bank"),
    "account_number": _l("Account number"),
    "account_name": _l("In the name of"),
    "note": _l("Note for payers"),
}
INSTRUCTIONS = {**FIELDS, "reference": _l("Reference"), "phone": _l("Phone"), "amount": _l("Amount")}
WHERE = {
    "midtrans": _l("In Midtrans's dashboard under Settings → Access Keys."),
    "xendit": _l("In Xendit's dashboard under Settings → API Keys and Settings → Webhooks."),
    "mpesa": _l("In the Daraja portal, with the app and the Lipa na M-Pesa product."),
    "stripe": _l("In Stripe's dashboard under Developers → API keys and Developers → Webhooks."),
    "transfer": _l("Payers are shown this; you confirm what arrives on the account."),
}
WEBHOOK = {
    "midtrans": _l("Midtrans is told this address with every order; you may also enter it under Settings → Payment."),
    "xendit": _l("Enter it in Xendit's dashboard under Settings → Webhooks for “Invoices paid” and for refunds."),
    "mpesa": _l("M-Pesa is told it with every prompt. For payments at the till register it as the confirmation URL."),
    "stripe": _l("Enter it in Stripe's dashboard under Developers → Webhooks, for checkout and charge events."),
}
EVENTS = {
    "create": _l("order sent"),
    "notification": _l("message from the gateway"),
    "status_check": _l("asked how it stands"),
    "cancel": _l("cancelled"),
    "refund": _l("given back"),
    "test": _l("tested"),
    "token": _l("signed in"),
}
REASONS = {
    "unknown_order": _l("for no order of ours"),
    "amount": _l("another amount than was ordered"),
    "currency": _l("another currency than was ordered"),
    "unconfirmed": _l("told by nobody who can prove it: look at the till's statement"),
    "not_booked": _l("the books did not take it"),
    "charged_back": _l("taken back over the payer's bank"),
    "refunded_there": _l("given back at the gateway, and not so in the books"),
}
CHANNELS = {
    "whatsapp": _l("WhatsApp"),
    "sms": _l("SMS"),
    "email": _l("e-mail"),
    "copied": _l("copied"),
}

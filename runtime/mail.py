"""Sends mail to staff through the server that the settings name. Knows no templates and keeps nothing."""

import smtplib
import ssl
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

from runtime.settings import Settings

TIMEOUT_S = 10.0


class MailFailure(Exception):
    """The mail server did not take it; the text says why."""


def is_set_up(settings: Settings) -> bool:
    """Whether mail can be sent, and links in it lead somewhere."""
    return bool(settings.smtp_url and settings.public_url)


def send(settings: Settings, *, to: str, subject: str, text: str) -> None:
    """Hand one mail to the server, within some ten seconds a step; raises `MailFailure`."""
    parts = urlsplit(settings.smtp_url)
    message = EmailMessage()
    message["From"] = settings.mail_from or unquote(parts.username or "") or f"lintas@{parts.hostname}"
    message["To"], message["Subject"] = to, subject
    message.set_content(text)
    try:
        with _connected(parts.scheme, parts.hostname or "", parts.port) as server:
            if parts.username:
                server.login(unquote(parts.username), unquote(parts.password or ""))
            server.send_message(message)
    except (OSError, smtplib.SMTPException) as error:
        raise MailFailure(f"{type(error).__name__}: {error}") from None


def _connected(scheme: str, host: str, port: int | None) -> smtplib.SMTP:
    trusted = ssl.create_default_context()
    if scheme == "smtps":
        return smtplib.SMTP_SSL(host, port or 465, timeout=TIMEOUT_S, context=trusted)
    server = smtplib.SMTP(host, port or 587, timeout=TIMEOUT_S)
    server.ehlo()
    # A password never goes in the clear to another machine.
    if server.has_extn("starttls"):
        server.starttls(context=trusted)
    elif host not in ("localhost", "127.0.0.1", "::1"):
        server.close()
        raise smtplib.SMTPNotSupportedError("the server offers no STARTTLS")
    return server

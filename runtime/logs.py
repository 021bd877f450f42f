"""One log line, one event: JSON in production, readable on a terminal. Decides what never reaches a log.

Secrets are cut by key in one processor, whatever library wrote the line; nobody filters at the call.
"""

import logging
import re
import sys
from typing import cast

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

REDACTED = "[redacted]"
# A key that contains one of these words holds a secret, whatever its prefix: nas_secret, new_password, api_token.
_SECRET_WORDS = re.compile(
    r"password|passwd|secret|token|authorization|cookie|credential|fernet|api_?key|chap|dsn|database_url|redis_url",
    re.IGNORECASE,
)
# scheme://user:password@host inside any text, as drivers put it into their errors.
_URL_LOGIN = re.compile(r"(?P<head>[a-z][a-z0-9+]*://[^\s:/@]*:)[^\s@]+@", re.IGNORECASE)


def configure_logs(*, log_format: str = "console", level: str = "INFO") -> None:
    """Sends structlog and the standard library's loggers through one chain to stderr."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        cache_logger_on_first_use=True,
    )
    _install_handler(_formatter(shared, as_json=log_format == "json"), level)


def get_logger(name: str) -> FilteringBoundLogger:
    """A logger whose events carry the given name."""
    return cast(FilteringBoundLogger, structlog.stdlib.get_logger(name))


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Cuts every value whose key names a secret, and passwords inside addresses; returns a new event."""
    return {key: _redact_value(key, value) for key, value in event.items()}


def _redact_value(key: object, value: object) -> object:
    if isinstance(key, str) and _SECRET_WORDS.search(key):
        return REDACTED
    if isinstance(value, str):
        return _URL_LOGIN.sub(r"\g<head>" + REDACTED + "@", value)
    if isinstance(value, dict):
        return {inner: _redact_value(inner, item) for inner, item in value.items()}
    if isinstance(value, list | tuple):
        return [_redact_value("", item) for item in value]
    return value


def _formatter(shared: list[Processor], *, as_json: bool) -> structlog.stdlib.ProcessorFormatter:
    # Exceptions become text before redaction, so a password inside a driver's message is cut as well.
    closing: list[Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        redact,
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    return structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[*closing, renderer])


def _install_handler(formatter: logging.Formatter, level: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)

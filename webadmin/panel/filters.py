"""What templates can say: the formats of `webadmin.format` in the reader's language, zone and currency."""

from datetime import datetime
from decimal import Decimal

from flask import Flask
from flask_babel import get_locale, gettext

from webadmin import format as spell
from webadmin.panel.sentences import said
from webadmin.panel.support import now, tenant, with_query, zone
from webadmin.panel.words import actor_words


def language() -> str:
    """The Babel locale of this request."""
    return str(get_locale() or "en")


def ago(moment: datetime) -> str:
    """How long ago, or in how long."""
    return spell.ago(moment, now(), language(), just_now=gettext("just now"))


def exact(moment: datetime) -> str:
    """The moment to the second."""
    return spell.exact(moment, zone(), language())


def clock(moment: datetime) -> str:
    """The time of day, with the date unless it is today."""
    return spell.clock(moment, now(), zone(), language())


def day(moment: datetime) -> str:
    """The date."""
    return spell.day(moment, zone(), language())


def money(amount: Decimal) -> str:
    """An amount in the provider's currency."""
    return spell.money(amount, tenant().currency, language())


def since(moment: datetime) -> str:
    """How long it has lasted until now."""
    return spell.duration((now() - moment).total_seconds(), language())


def install(app: Flask) -> None:
    """Register the filters under the names the templates use."""
    app.add_template_filter(ago, "ago")
    app.add_template_filter(exact, "exact")
    app.add_template_filter(clock, "clock")
    app.add_template_filter(day, "day")
    app.add_template_filter(money, "money")
    app.add_template_filter(lambda value: spell.calendar_day(value, language()), "calendar_day")
    app.add_template_filter(lambda value: spell.short_day(value, language()), "short_day")
    app.add_template_filter(since, "since")
    app.add_template_filter(with_query, "with_query")
    app.add_template_filter(said, "said")
    app.add_template_filter(actor_words, "who")
    app.add_template_filter(spell.initials, "initials")
    app.add_template_filter(spell.phone, "phone")
    app.add_template_filter(spell.router_rate, "router_rate")
    app.add_template_filter(lambda value: spell.number(value, language()), "number")
    app.add_template_filter(lambda value: spell.volume(int(value), language()), "volume")
    app.add_template_filter(lambda kbps: spell.speed(kbps, language()), "speed")
    app.add_template_filter(lambda bps: spell.flow(bps, language()), "flow")
    app.add_template_filter(lambda seconds: spell.duration(seconds, language()), "duration")
    app.add_template_filter(lambda seconds: spell.precise_seconds(seconds, language()), "precise")

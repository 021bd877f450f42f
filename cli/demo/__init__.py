"""`lintas demo`: a small provider to look at. `run` fills it and shows a customer's evening, `info` tells it all."""

import click

from cli.output import emit, json_option


@click.group()
def demo() -> None:
    """A small provider to look at, with logins and accounting."""


@demo.command()
def run() -> None:
    """Fill the demo if it is empty, then show a login, its usage, a fair-use crossing and the CoA."""
    from cli.demo.seed import ensure
    from cli.demo.story import tell

    tell(ensure())


@demo.command()
@json_option
def info() -> None:
    """Addresses, names and passwords of the demo, for a person or a script."""
    from cli.demo.seed import describe

    facts = describe()
    emit(facts, _lines(facts))


@demo.command()
def network() -> None:
    """Keep a simulated router with a few customers online, until stopped."""
    from cli.demo.network import keep_online

    keep_online()


def _lines(facts: object, indent: str = "") -> list[str]:
    if not isinstance(facts, dict):
        return [f"{indent}{facts}"]
    lines: list[str] = []
    for name, value in facts.items():
        if isinstance(value, dict):
            lines += [f"{indent}{name}:", *_lines(value, indent + "  ")]
        else:
            lines.append(f"{indent}{name}: {value}")
    return lines

"""The `figway` command."""

from typing import Any

import click

from gateway.cli.lazy import Lazy

# The name, and the line that `figway --help` shows.
COMMANDS = {
    "serve": "Carry traffic.",
    "validate": "Check routes.yaml and tell every problem at once.",
    "schema": "Print the JSON Schema of routes.yaml, for editors.",
    "explain": "Tell where a request would go, and why. Sends nothing.",
    "compare": "Compare two answers that are in files, and try rules on them.",
    "report": "Print what the shadow lane has found.",
    "gate": "Tell whether a capability is safe to flip.",
    "shadow": "Look after what the shadow lane keeps.",
    "demo": "Run the sample clinic behind the gateway.",
}
SHADOW = {
    "list": "List the exchanges that are sealed.",
    "view": "Show one of them, to who may see it.",
    "recompare": "Judge sealed exchanges again, by the rules as they are now or by others.",
    "replay": "Ask both arms again what a sealed exchange asked.",
    "minimise": "Shrink a pair that differs to a test case without anybody in it.",
    "hold": "Keep what is stored past its retention, and from being purged.",
    "release": "End a hold.",
    "holds": "List what is held.",
    "purge": "Destroy what is sealed of a subject, of a capability, or all.",
    "audit": "Print who did what, and whether that is whole.",
    "shred": "Destroy the keys that a capability's tokens are linked by.",
}


@click.group(cls=Lazy, package="gateway.cli", commands=COMMANDS,
             context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="figway")
def main(**_: Any) -> None:
    """Move capabilities from a legacy service to a modern one, behind one unchanged front.

    Exit codes: 0 well, 1 findings or a gate that failed, 2 wrong usage or configuration, 3 the gateway cannot be
    reached or a gate lacks evidence, 130 interrupted, 141 nobody reads what it prints (figway … | head).
    """


@main.group(cls=Lazy, package="gateway.cli.shadow", commands=SHADOW)
def shadow() -> None:
    """Look after what the shadow lane keeps. What is done is written to the audit trail, with the name of the user."""


if __name__ == "__main__":
    main()

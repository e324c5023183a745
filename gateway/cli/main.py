"""The `figway` command. Commands are found by their file's name and imported when they run: `--help` stays quick."""

import importlib
from typing import Any

import click

# The name, and the line that `figway --help` shows. Each is the function of that name in the file of that name.
COMMANDS = {
    "serve": "Carry traffic.",
    "validate": "Check routes.yaml and tell every problem at once.",
    "schema": "Print the JSON Schema of routes.yaml, for editors.",
    "explain": "Tell where a request would go, and why. Sends nothing.",
    "compare": "Compare two answers that are in files, and try rules on them.",
    "report": "Print what the shadow lane has found.",
    "gate": "Tell whether a capability is safe to flip.",
    "demo": "Run the sample clinic behind the gateway.",
}


class _Lazy(click.Group):
    """A group that imports a command only where it is run, or its own help is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(f"gateway.cli.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="figway")
def main(**_: Any) -> None:
    """Move capabilities from a legacy service to a modern one, behind one unchanged front.

    Exit codes: 0 well, 1 findings or a gate that failed, 2 wrong usage or configuration, 3 the gateway cannot be
    reached or a gate lacks evidence, 130 interrupted.
    """


if __name__ == "__main__":
    main()

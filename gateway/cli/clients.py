"""`figway clients`: its options and its help."""

from pathlib import Path

import click

from gateway.cli.completing import CAPABILITY


@click.group(invoke_without_command=True)
@click.option("--capability", type=CAPABILITY, help="Only who reaches this capability.")
@click.option("--most", default=10, show_default=True, type=click.IntRange(1),
              help="Clients in a table for each thing that they do, the latest first.")
@click.option("-o", "output", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option("--config", default="routes.yaml", show_default=True, type=click.Path(path_type=Path),
              help="Read the operations of this file, and the store that it names.")
@click.option("--admin", metavar="URL", help="Ask the admin port of a running gateway instead.")
@click.pass_context
def clients(
    context: click.Context, capability: str | None, most: int, output: str, config: Path, admin: str | None,
) -> None:
    """List who still speaks what old clients speak (HTTP/1.0, no keep-alive, odd methods, raw bytes in targets), whose
    requests are refused and why, and who still reaches which operation on legacy: since when, and when last.

    Clients are tokens of their addresses. `figway clients find` says which token an address has.

    Exits with 2 if there is no store to read, with 3 if the gateway cannot be reached.
    """
    if context.invoked_subcommand is None:
        from gateway.cli.verbs.clients import run

        run(capability, most, output, config, admin)


@clients.command()
@click.argument("where", metavar="ADDRESS")
@click.option("--token", "tokens", multiple=True, metavar="TOKEN", help="Look for this token, as the log has it.")
@click.option("--addresses", is_flag=True, help="Show the address beside each token.")
@click.option("--reason", help="Why, for the audit trail.")
@click.option("-o", "output", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option("--config", default="routes.yaml", show_default=True, type=click.Path(path_type=Path),
              help="The file that names the store and its custody.")
def find(where: str, tokens: tuple[str, ...], addresses: bool, reason: str | None, output: str, config: Path) -> None:
    """Name the tokens of ADDRESS, an IP address or a network (10.1.0.0/16), and what is known of these clients. Of a
    network, only clients that are known are shown, or those with a --token.

    The audit trail records who looked, and no address. Exits with 1 if nothing is found, with 2 if the network is too
    large or there is no custody.
    """
    from gateway.cli.verbs.clients_find import run

    run(where, tokens, addresses, reason, output, config)

"""The `figway` command."""

from typing import Any

import click

from gateway.build import build
from gateway.cli.lazy import Lazy

# The name, and the line that `figway --help` shows.
COMMANDS = {
    "serve": "Carry traffic.",
    "validate": "Check routes.yaml and report all problems at once.",
    "init": "Write a routes.yaml from what clients of legacy ask.",
    "schema": "Print the JSON Schema of routes.yaml, for editors.",
    "plan": "Say what an edit or a step would change.",
    "drift": "Say where stages in force differ from routes.yaml.",
    "explain": "Show where a request would go, and why. Sends nothing.",
    "compare": "Compare two answers in files, and try out rules.",
    "status": "Show all capabilities on one screen, the worst first.",
    "tail": "Follow requests in Figway's log, without values.",
    "flip": "Move a capability to another stage.",
    "rollback": "Take a capability back to legacy at once.",
    "resume": "End a guard's latch.",
    "history": "Show who flipped what, when and why.",
    "audit": "Verify, search and export the journal.",
    "clients": "List who still speaks what, and who reaches legacy.",
    "report": "Show what the shadow lane has found.",
    "gate": "Say whether a capability is safe to flip.",
    "sweep": "Ask both arms about each key of a file, as evidence.",
    "shadow": "Manage what the shadow lane keeps.",
    "demo": "Run the sample clinic behind the gateway.",
}
AUDIT = {
    "verify": "Name each record that was changed, dropped, swapped, inserted or cut off.",
    "search": "Show records by actor, capability, action and time.",
    "export": "Write records as JSON Lines, or as AuditEvent resources of FHIR R4.",
}
SHADOW = {
    "list": "List the sealed exchanges.",
    "view": "Show a sealed exchange to a permitted user.",
    "recompare": "Compare sealed exchanges again, by the current rules or by others.",
    "replay": "Send a sealed exchange's request to both arms again.",
    "minimise": "Shrink two answers that differ to a test without personal data.",
    "case": "Ask a URL whether the differences of a minimised case are gone.",
    "hold": "Keep stored data past its retention, and protect it from purges.",
    "release": "End a hold.",
    "holds": "List what is held.",
    "purge": "Destroy sealed records: about a subject, of a capability, or all.",
    "audit": "Show who did what, and whether the record is complete.",
    "restart": "Begin the evidence of a capability anew.",
    "shred": "Destroy keys, so that stored tokens cannot be linked any more.",
}


@click.group(cls=Lazy, package="gateway.cli", commands=COMMANDS,
             context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="figway", message=f"%(prog)s, version %(version)s ({build()})")
def main(**_: Any) -> None:
    """Move capabilities from a legacy service to a modern one, behind one address that clients keep.

    Exit codes: 0 success, 1 findings, a gate that failed or a missing role, 2 wrong usage or configuration, 3 the
    gateway cannot be reached or a gate lacks evidence, 4 somebody else flipped first, 5 the control file (for a flip:
    or the gateway) is out of reach, 130 interrupted, 141 the reader closed the output (figway … | head).
    """


@main.group(cls=Lazy, package="gateway.cli.shadow", commands=SHADOW)
def shadow() -> None:
    """Manage what the shadow lane keeps. The audit trail records each action with the name of the user."""


@main.group(cls=Lazy, package="gateway.cli.audit", commands=AUDIT)
def audit() -> None:
    """Verify, search and export the journal: who flipped, refused, reloaded or viewed what, when and why."""


if __name__ == "__main__":
    main()

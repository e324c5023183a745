"""Old import lines of case files and of stores, kept working for one version with a warning that prints the new line.

Files that `figway shadow minimise` wrote in version 0.1 import from modules that have moved since. So do the stores of
third parties, which import the classes of the rows that their `read` returns. Each of the old modules has a
`__getattr__` (PEP 562) that is made here. This file and these modules are to be removed in the version after 0.2:
`shadow.diff`, `shadow.guide`, `shadow.noise`, `shadow.rules`, `shadow.signatures`, `shadow.stratum`, `shadow.tokens`,
`shadow.unlink`, and what `shadow.compare`, `shadow.ledger` and `shadow.observation` forward.
"""

import importlib
import warnings
from collections.abc import Callable

HOME = "shadow.cases.running"
"""The module that case files import from now. It is imported by its name, when needed: it is in a higher layer."""

STORES: dict[str, dict[str, tuple[str, ...]]] = {
    "shadow.compare": {"shadow.compare.comparison": ("Comparison", "Outcome", "Tally")},
    "shadow.diff": {"shadow.compare.difference": ("Difference", "Shape", "Signature")},
    "shadow.ledger": {"shadow.ledger.rows": (
        "CROSSED_EPOCHS", "EPOCHS", "HOURS", "PAIRS", "SUBJECTS", "Binding", "Crossed", "Crossing", "Declared",
        "Evidence", "Finding", "Gap", "Hidden", "Ledger", "Reason", "Sighting", "Traffic", "bridged", "conflicts",
        "hidden", "hourly", "joined"), "shadow.stores.earlier": ("crossed", "latest")},
    "shadow.noise": {"shadow.evidence.noise": ("Noise", "Spot", "added", "spot")},
    "shadow.signatures": {"shadow.ledger.groups": (
        "Pattern", "decode", "encode", "merged", "patterns", "standing=severity_now", "worst")},
    "shadow.stratum": {
        "shadow.evidence.epoch": ("Epoch",), "shadow.evidence.stratum": ("HOUR", "Stratum", "placed")},
    "shadow.tokens": {"shadow.compare.tokens": ("bound=crosswalk_place",)},
    "shadow.unlink": {"shadow.ledger.unlink": (
        "Tokens", "Trace", "Unlinked", "theirs=about", "tokenless", "unlinked")},
}
"""What stores import: the old module → the present module → names, or `old=new` if a name has changed."""


def forwarded(module: str, *names: str) -> Callable[[str], object]:
    """A `__getattr__` for an old module. It finds these names in HOME, and those of STORES in their present modules. It
    warns with DeprecationWarning."""
    homes = {name: (HOME, name) for name in names}
    for home, those in STORES.get(module, {}).items():
        for old, _, new in (one.partition("=") for one in those):
            homes[old] = home, new or old

    def find(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        home, now = homes[name]
        line = f"from {home} import {now}" + (f" as {name}" if now != name else "")
        warnings.warn(f"{module}.{name} has moved: write `{line}`", DeprecationWarning, stacklevel=2)
        found: object = getattr(importlib.import_module(home), now)
        return found

    return find

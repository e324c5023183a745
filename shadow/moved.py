"""Old import lines of case files and of stores, kept working for one version with a warning that prints the new line.

Files that `figway shadow minimise` wrote in version 0.1 import from modules that have moved since, and so do third
parties' stores: their `read` returns rows, which the contract of a store names but does not hold. Each of the old
modules has a `__getattr__` (PEP 562) made here. To be removed, with these modules, in the version after 0.2:
`shadow.diff`, `shadow.guide`, `shadow.noise`, `shadow.rules`, `shadow.signatures`, `shadow.stratum`, `shadow.unlink`,
and what `shadow.compare`, `shadow.ledger` and `shadow.observation` forward.
"""

import importlib
import warnings
from collections.abc import Callable

HOME = "shadow.cases.running"
"""Where case files import from now. It is imported by name, when it is needed: it lies floors above its callers."""

STORES: dict[str, dict[str, tuple[str, ...]]] = {
    "shadow.compare": {"shadow.compare.comparison": ("Comparison", "Outcome", "Tally")},
    "shadow.diff": {"shadow.compare.difference": ("Difference", "Shape", "Signature")},
    "shadow.ledger": {"shadow.ledger.rows": (
        "CROSSED_EPOCHS", "EPOCHS", "HOURS", "PAIRS", "SUBJECTS", "Binding", "Crossed", "Crossing", "Declared",
        "Evidence", "Finding", "Gap", "Hidden", "Ledger", "Reason", "Sighting", "Traffic", "bridged", "conflicts",
        "hidden", "hourly", "joined")},
    "shadow.noise": {"shadow.evidence.noise": ("Noise", "Spot", "added", "spot")},
    "shadow.signatures": {"shadow.ledger.groups": ("Pattern", "decode", "encode", "merged", "patterns", "worst")},
    "shadow.stratum": {
        "shadow.evidence.epoch": ("Epoch",), "shadow.evidence.stratum": ("HOUR", "Stratum", "placed")},
    "shadow.unlink": {"shadow.ledger.unlink": ("Tokens", "Trace", "Unlinked", "tokenless", "unlinked")},
}
"""What stores import: the old module → the module of now → names."""


def forwarded(module: str, *names: str) -> Callable[[str], object]:
    """A `__getattr__` for an old module: it finds these names in HOME, and those of STORES where they are now. It
    warns with DeprecationWarning."""
    homes = dict.fromkeys(names, HOME)
    for home, those in STORES.get(module, {}).items():
        homes.update(dict.fromkeys(those, home))

    def find(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        home = homes[name]
        warnings.warn(f"{module}.{name} has moved: write `from {home} import {name}`", DeprecationWarning, stacklevel=2)
        found: object = getattr(importlib.import_module(home), name)
        return found

    return find

"""Old import lines of case files, kept working for one version with a warning that prints the new line.

Files that `figway shadow minimise` wrote in version 0.1 import from modules that have moved since. Each of those
modules has a `__getattr__` (PEP 562) made here. To be removed, with these modules, in the version after 0.2:
`shadow.diff`, `shadow.guide`, `shadow.rules`, and what `shadow.compare` and `shadow.observation` forward.
"""

import importlib
import warnings
from collections.abc import Callable

HOME = "shadow.cases.running"
"""Where case files import from now. It is imported by name, when it is needed: it lies floors above its callers."""


def forwarded(module: str, *names: str) -> Callable[[str], object]:
    """A `__getattr__` for an old module: it finds these names in HOME, and warns with DeprecationWarning."""

    def find(name: str) -> object:
        if name not in names:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        warnings.warn(f"{module}.{name} has moved: write `from {HOME} import {name}`", DeprecationWarning, stacklevel=2)
        found: object = getattr(importlib.import_module(HOME), name)
        return found

    return find

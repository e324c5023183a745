"""Which build of Figway this is: pure Python, or one whose request path mypyc has compiled (setup.py)."""

from importlib.util import find_spec


def is_compiled() -> bool:
    """Whether the request path is compiled. All its modules are, or none."""
    found = find_spec("gateway.pipeline")
    return found is not None and not (found.origin or "").endswith(".py")


def build() -> str:
    """The build's name, for people."""
    return "compiled" if is_compiled() else "pure Python"

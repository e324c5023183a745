"""The clinic's modern service: REST for everything, with the defects of `gateway.demo.defects`.

    python -m gateway.demo.modern --port 9102
    python -m gateway.demo.modern --port 9102 --mended patients
"""

from collections.abc import Collection

from starlette.applications import Starlette

from gateway.demo.clinic import build
from gateway.demo.defects import DEFECTS, spoil
from gateway.demo.rest import OPERATIONS, app
from gateway.demo.serving import listening, parser, serve

SPOILT = sorted({one.capability for one in DEFECTS})
"""The capabilities that have defects."""


def build_of(mended: Collection[str]) -> str:
    """The build with these capabilities mended: 2.0 for none, 2.1 for one …"""
    return f"2.{len(mended)}"


def build_app(mended: Collection[str] = ()) -> Starlette:
    """The modern service over a clinic of its own, without the defects of the capabilities that are `mended`."""
    return app(build(), OPERATIONS, build=build_of(mended), spoil=lambda operation, asked, right: (
        right if operation.capability in mended else spoil(operation, asked, right)[0]))


if __name__ == "__main__":
    options = parser("modern")
    options.add_argument("--mended", metavar="CAPABILITY", action="append", default=[], choices=SPOILT,
                         help=f"a later build, without the defects of a capability; repeatable: {', '.join(SPOILT)}")
    asked_for = options.parse_args()
    serve(build_app(frozenset(asked_for.mended)), "modern", listening(options, asked_for))

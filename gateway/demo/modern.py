"""The clinic's modern service: REST for everything, with the defects of `gateway.demo.defects`.

    python -m gateway.demo.modern --port 9102
"""

from starlette.applications import Starlette

from gateway.demo.clinic import build
from gateway.demo.defects import spoil
from gateway.demo.rest import OPERATIONS, app
from gateway.demo.serving import serve


def build_app() -> Starlette:
    """The modern service over a clinic of its own."""
    return app(build(), OPERATIONS, spoil=lambda *asked: spoil(*asked)[0])


if __name__ == "__main__":
    serve(build_app(), "modern")

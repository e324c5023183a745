"""Builds Figway. All else about the package is in pyproject.toml.

With FIGWAY_COMPILE=1 in the environment, mypyc compiles the modules of the request path to C. That takes a C compiler
and Python's headers. The files stay as they are, and are the reference: without the variable they are installed alone.
"""

import os
import sys
from importlib.util import find_spec
from typing import Any

from setuptools import setup

MYPY = "mypy>=2,<3"
# What a request passes through, and gains by being compiled. gateway/wire/heads.py is not here: C libraries do nearly
# all of its work. Nor is gateway/call.py: where a compiled class names a tuple, a policy of others could give no list.
COMPILED = [
    "gateway/admit.py",
    "gateway/conditions.py",
    "gateway/decide.py",
    "gateway/decoding.py",
    "gateway/edges/arrival.py",
    "gateway/edges/forwarded.py",
    "gateway/edges/http1/answers.py",
    "gateway/edges/http1/incoming.py",
    "gateway/edges/http1/listener.py",
    "gateway/edges/request_head.py",
    "gateway/fallback.py",
    "gateway/forward.py",
    "gateway/mirroring.py",
    "gateway/outlet.py",
    "gateway/pipeline.py",
    "gateway/reading.py",
    "gateway/room.py",
    "gateway/routing.py",
    "gateway/telemetry/record.py",
    "gateway/telemetry/trace.py",
    "gateway/transports/collect.py",
    "gateway/transports/http/connection.py",
    "gateway/transports/http/endpoint.py",
    "gateway/transports/http/fair_queue.py",
    "gateway/transports/http/health.py",
    "gateway/transports/http/request.py",
    "gateway/transports/http/response.py",
    "gateway/transports/http/sending.py",
    "gateway/transports/http/streams.py",
    "gateway/transports/http/upstream.py",
    "gateway/trie.py",
    "gateway/upload.py",
    "gateway/wire/bodies.py",
]
# What the lane does for a mirror: it takes some 20 % less CPU time. shadow/lane/mirror.py is not here: mypyc cannot
# compile a dataclass with slots.
COMPILED += [
    "gateway/question.py",
    "shadow/compare/agreement.py",
    "shadow/compare/heads.py",
    "shadow/evidence/media.py",
    "shadow/evidence/stratum.py",
    "shadow/lane/asking.py",
    "shadow/lane/deadlines.py",
    "shadow/lane/lane.py",
    "shadow/lane/pacing.py",
    "shadow/lane/repeats.py",
    "shadow/lane/standing.py",
    "shadow/lane/writer.py",
]
# What reads documents and compares them: it takes about half the CPU time.
COMPILED += [
    "adapters/trees/er7.py",
    "adapters/trees/hl7v2.py",
    "adapters/trees/html.py",
    "adapters/trees/sharing.py",
    "adapters/trees/xml.py",
    "shadow/compare/children.py",
    "shadow/compare/diff.py",
    "shadow/compare/findings.py",
    "shadow/compare/likeness.py",
    "shadow/compare/meaning.py",
    "shadow/compare/names.py",
    "shadow/compare/pairing.py",
    "shadow/compare/prints.py",
]


def compiled() -> dict[str, Any]:
    """What setuptools must know to compile them."""
    if find_spec("mypyc") is None and "egg_info" in sys.argv:
        return {"setup_requires": [MYPY]}  # pip asks what the build needs, and installs it
    from mypyc.build import mypycify

    # Of what the modules import, only the types count; what is not installed counts as untyped. One group makes one
    # library of them, in which they call each other directly.
    options = ["--config-file=", "--follow-imports=silent", "--ignore-missing-imports"]
    return {"ext_modules": mypycify([*options, *COMPILED], debug_level="0", group_name="figway")}


wanted = os.environ.get("FIGWAY_COMPILE", "0")
if wanted not in ("0", "1"):
    sys.exit("FIGWAY_COMPILE is 1 to compile the request path, or 0")
setup(**compiled() if wanted == "1" else {})

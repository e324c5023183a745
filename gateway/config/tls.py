"""Checks the TLS files that the configuration and the command line name; problems point to where they are named."""

import time
from math import inf
from pathlib import Path

from gateway.certificates import Files, Unusable, checked, validity
from gateway.config import upstream_spec
from gateway.config.exposed import warn_if_exposed
from gateway.config.nodes import Node
from gateway.config.problem import Findings, Place
from gateway.handshakes import SUITES, Strength
from gateway.transports.settings import Tls

_CODE = "bad_certificate"


def upstream_tls(
    tls: upstream_spec.Tls | None, node: Node, seen: list[Path], findings: Findings
) -> Tls:
    """The TLS settings of the upstream at `node`. Its files are added to `seen`. The settings have a digest of what the
    files hold, so that a renewed certificate makes another pool."""
    if tls is None:
        return Tls()
    paths: dict[str, Path | None] = {}
    for option in ("ca", "cert", "key"):
        name: str | None = getattr(tls, option)
        paths[option] = None if name is None else node.find("tls", option).place.file.parent / name
    seen += [path for path in paths.values() if path is not None]
    if (tls.cert is None) != (tls.key is None):
        findings.problem(node.key("tls"), "`cert` and `key` go together", "bad_upstream")
    files = Files()
    # Checked apart, so that the faults of both are reported at once.
    for which in ({"ca": paths["ca"]}, {"cert": paths["cert"], "key": paths["key"]}):
        try:
            found = checked(**which)
        except Unusable as error:
            code = "no_file" if error.missing else _CODE
            findings.problem(node.find("tls", error.which).place, f"{error} ({error.which} of tls)", code)
        else:
            files = Files(files.ca or found.ca, found.cert, found.key)
    if files.cert and (warning := validity(files.cert).warning(time.time())):
        findings.warn(node.find("tls", "cert").place, warning, "validity")
    if paths["key"] is not None:
        warn_if_exposed(paths["key"], node.find("tls", "key").place, "the key", findings)
    ca, cert, key = (None if path is None else str(path) for path in paths.values())
    return Tls(ca, cert, key, tls.server_name, tls.verify, files.digest,
               strength(tls, node.find("tls"), SUITES, findings),
               validity(files.cert).ends if files.cert else inf)


def as_strength(tls: upstream_spec.Strength) -> Strength:
    """The least that TLS must be, unchecked."""
    return Strength(tls.min_version or "", tls.ciphers or "", tls.security_level)


def strength(tls: upstream_spec.Strength, node: Node, default: str, findings: Findings) -> Strength:
    """The least that TLS must be, as written at `node`. `default` are the suites if none are written."""
    found = as_strength(tls)
    for option, wrong in found.faults(default):
        findings.problem(node.find(option).place, wrong, "bad_tls")
    for option, weak in found.weaknesses():
        findings.warn(node.find(option).place, weak, "weak_tls")
    return found


def check_port(cert: Path | None, key: Path | None, findings: Findings) -> None:
    """Check the data port's certificate and key, if it has any."""
    if cert is None and key is None:
        return
    if cert is None or key is None:
        findings.problem(Place(cert or key or Path()), "--tls-cert and --tls-key go together", _CODE)
        return
    try:
        files = checked(cert=cert, key=key)
    except Unusable as error:
        place = Place(key if error.which == "key" else cert)
        findings.problem(place, f"{error} (--tls-{error.which})", "no_file" if error.missing else _CODE)
        return
    warn_if_exposed(key, Place(key), "the key", findings)
    if warning := validity(files.cert).warning(time.time()):
        findings.warn(Place(cert), warning, "validity")

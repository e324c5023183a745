"""Warns of files of keys and secrets that others than their owner may use. It never refuses them, since it cannot know
who is in a group or can reach a folder."""

import stat
from pathlib import Path

from gateway.config.problem import Findings, Place

EXPOSED = "exposed"
"""The code of such a warning."""

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def warn_if_exposed(path: Path, place: Place, what: str, findings: Findings) -> None:
    """Add a warning if a file's group or others may read, write or run it. A missing file is reported elsewhere."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except (OSError, ValueError):
        return
    if mode & _OTHERS:
        findings.warn(
            place, f"{what} is open to others than its owner (mode {mode:04o}): chmod 600", EXPOSED)

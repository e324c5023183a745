"""What evidence rests on (Epoch): both arms' builds, how the capability is configured, and the comparator.

Where any of it changes, evidence starts from nothing. Stores keep an epoch as four texts; the text of the third is
written (`stored`) and read (`from_stored`) here and nowhere else.
"""

import hashlib
import re
from typing import NamedTuple

from shadow.observation import Observation

_BUILD = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._+:@-]{0,63}")

# "arms.endpoints+rules-expired~custody". Only the rules are always there, and they may be empty.
_STORED = re.compile(
    r"(?:(?P<arms>[^+.~]*)(?:\.(?P<endpoints>[^+~]*))?\+)?(?P<rules>[^~]*?)(?:-(?P<expired>[1-9][0-9]*))?"
    r"(?:~(?P<custody>.*))?", re.DOTALL)


class Setup(NamedTuple):
    """How a capability is configured, as digests: of its `arms` as they are written, of the `endpoints` where these
    are, and of the `rules` by which their answers are compared. Each is "" where it is not known, or nothing."""

    arms: str = ""
    endpoints: str = ""
    rules: str = ""

    def anywhere(self) -> "Setup":
        """The same without the endpoints, for those who do not know where the arms are."""
        return self._replace(endpoints="")


class Basis(NamedTuple):
    """What a capability's evidence rests on, as configured. `build` is the lower-case name of the response header in
    which the arms tell their build, empty where they do not. `parameters` are the names of parameters that may be
    shown, besides those that everybody uses."""

    setup: Setup = Setup()
    build: bytes = b""
    parameters: frozenset[str] = frozenset()


class Epoch(NamedTuple):
    """What evidence was gathered on.

    `legacy` and `modern` are the arms' builds, "" where they are not told. `comparator` is the comparator's version.
    `expired` counts the known differences that had expired: each is a rule less. `custody` is the name of the custody
    file whose keys made the tokens, "" where it has none: what other keys link is other evidence.
    """

    legacy: str
    modern: str
    setup: Setup
    comparator: str
    expired: int = 0
    custody: str = ""

    @property
    def arms(self) -> str:
        """The digests of the arms and their endpoints in one word, as reports show them: "arms.endpoints"."""
        return f"{self.setup.arms}.{self.setup.endpoints}" if self.setup.endpoints else self.setup.arms

    @property
    def rules(self) -> str:
        """The rules in one word, as reports show them: "rules-expired~custody"."""
        expired = f"-{self.expired}" if self.expired else ""
        return f"{self.setup.rules}{expired}~{self.custody}" if self.custody else f"{self.setup.rules}{expired}"

    @property
    def stored(self) -> tuple[str, str, str, str]:
        """The epoch as four texts, for a store's columns: both builds, the setup with what is of it, the comparator."""
        arms = self.arms
        return self.legacy, self.modern, f"{arms}+{self.rules}" if arms else self.rules, self.comparator

    @classmethod
    def from_stored(cls, legacy: str, modern: str, setup: str, comparator: str) -> "Epoch":
        """The epoch of which these are the four texts."""
        found = _STORED.fullmatch(setup)
        if found is None:  # Figway never wrote it. As the digest of rules it equals none that are configured.
            return cls(legacy, modern, Setup(rules=setup), comparator)
        arms, endpoints, rules, expired, custody = (part or "" for part in found.groups())
        return cls(legacy, modern, Setup(arms, endpoints, rules), comparator, int(expired or 0), custody)


def digest(epoch: Epoch) -> str:
    """24 hexadecimal digits that tell one epoch from another."""
    return hashlib.sha256(chr(0).join(epoch.stored).encode()).hexdigest()[:24]


def build_of(observation: Observation, header: bytes) -> str:
    """The build that an arm tells in `header`; "" where it tells none, or what cannot be one."""
    said = observation.headers.get(header) if header else None
    return said.decode() if said is not None and _BUILD.fullmatch(said) else ""

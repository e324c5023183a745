"""The basis of evidence (Epoch): both arms' builds, how the capability is configured, and the comparator's version.

When any part changes, or a person begins evidence anew, new evidence is collected from zero. Stores keep an epoch as
four texts. Only this file writes (`stored`) and reads (`from_stored`) the third of them.
"""

import hashlib
import re
from typing import NamedTuple

from shadow.observation import Observation

_BUILD = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._+:@-]{0,63}")

# "arms.endpoints+rules-expired~custody^restarts". Only the rules are always there, and they may be empty.
_STORED = re.compile(
    r"(?:(?P<arms>[^+.~]*)(?:\.(?P<endpoints>[^+~]*))?\+)?(?P<rules>[^~]*?)(?:-(?P<expired>[1-9][0-9]*))?"
    r"(?:~(?P<custody>.*?))?(?:\^(?P<restarts>[1-9][0-9]*))?", re.DOTALL)


class Setup(NamedTuple):
    """How a capability is configured, as digests: of its `arms` as written, of the `endpoints` of these arms, and of
    the `rules` by which their answers are compared. Each is "" if it is unknown or empty."""

    arms: str = ""
    endpoints: str = ""
    rules: str = ""

    def anywhere(self) -> "Setup":
        """The same without the endpoints, for callers that do not know where the arms are."""
        return self._replace(endpoints="")


class Basis(NamedTuple):
    """The basis of a capability's evidence, as configured. `build` is the lower-case name of the response header in
    which the arms report their build, empty if they do not. `parameters` are the names of parameters that may be shown,
    in addition to the common ones."""

    setup: Setup = Setup()
    build: bytes = b""
    parameters: frozenset[str] = frozenset()


class Epoch(NamedTuple):
    """The basis on which evidence was gathered.

    `legacy` and `modern` are the arms' builds, "" if they report none. `comparator` is the comparator's version.
    `expired` counts the known differences that had expired, since each is one rule less. `custody` is the name of the
    custody whose keys made the tokens, "" if it has none: evidence linked by other keys is separate. `restarts` counts
    how often a person has begun the capability's evidence anew (shadow.ledger.rows.Restart).
    """

    legacy: str
    modern: str
    setup: Setup
    comparator: str
    expired: int = 0
    custody: str = ""
    restarts: int = 0

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
        """The epoch as four texts, for a store's columns: legacy's build, modern's build, the setup, the comparator."""
        arms, restarts = self.arms, f"^{self.restarts}" if self.restarts else ""
        setup = f"{arms}+{self.rules}{restarts}" if arms else f"{self.rules}{restarts}"
        return self.legacy, self.modern, setup, self.comparator

    @classmethod
    def from_stored(cls, legacy: str, modern: str, setup: str, comparator: str) -> "Epoch":
        """The epoch that these four texts stand for."""
        found = _STORED.fullmatch(setup)
        if found is None:  # Figway never wrote it. As the digest of rules it equals none that are configured.
            return cls(legacy, modern, Setup(rules=setup), comparator)
        arms, endpoints, rules, expired, custody, restarts = (part or "" for part in found.groups())
        return cls(legacy, modern, Setup(arms, endpoints, rules), comparator, int(expired or 0), custody,
                   int(restarts or 0))


def digest(epoch: Epoch) -> str:
    """A digest that differs between epochs: 24 hexadecimal digits."""
    return hashlib.sha256(chr(0).join(epoch.stored).encode()).hexdigest()[:24]


def build_of(observation: Observation, header: bytes) -> str:
    """The build that an arm reports in `header`; "" if it reports none, or not a valid one."""
    said = observation.headers.get(header) if header else None
    return said.decode() if said is not None and _BUILD.fullmatch(said) else ""

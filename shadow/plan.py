"""ShadowPlan: how the exchanges of one capability are mirrored, compared and judged, as routes.yaml says."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shadow.compare.rules import NONE, Rules
from shadow.evidence.criteria import UNDECLARED, Criteria
from shadow.evidence.epoch import Basis
from shadow.settings import NEVER, UNSEALED, Recheck, Sealing

CLIENTS = (("client", "client", ""),)
"""The groups if none are declared: each client by itself."""


@dataclass(frozen=True, slots=True)
class ShadowPlan:
    """How a capability is mirrored.

    `groups` are the dimensions by which those who ask are told apart: each a dimension, the kind of its source
    ("client", "claim", "header" or "parameter") and the name of that source, "" for the client.

    `sample` is the share (0 to 1) of its exchanges that are mirrored, `max_body` the bytes kept of each body, and
    `deadline` the seconds that the other arm may take. `pass_credentials` says whether the other arm is asked with the
    client's credentials. `recheck` says when a mismatch is asked about again, and `noise` (0 to 1) in which share of
    exchanges legacy is asked twice; neither happens if asking changes something. Operations may differ from both
    (`rechecks`, `noises`). `sealing` says which mismatches are kept whole. `criteria` (without operations) are what the
    capability must meet before a flip is safe, on evidence that rests on `basis`. `rules` say how answers are compared.
    `own` has, for each operation with rules of its own, these rules followed by all others.
    """

    sample: float
    max_body: int = 1 << 20
    deadline: float = 30.0
    pass_credentials: bool = False
    recheck: Recheck = NEVER
    criteria: Criteria = UNDECLARED
    basis: Basis = field(default_factory=Basis)
    rules: Rules = NONE
    own: Mapping[str, Rules] = field(default_factory=dict)
    noise: float = 0.0
    sealing: Sealing = UNSEALED
    groups: tuple[tuple[str, str, str], ...] = CLIENTS
    rechecks: Mapping[str, Recheck] = field(default_factory=dict)
    noises: Mapping[str, float] = field(default_factory=dict)

    def recheck_of(self, operation: str) -> Recheck:
        """When mismatches of `operation` are asked about again."""
        return self.rechecks.get(operation, self.recheck)

    def noise_of(self, operation: str) -> float:
        """The share of exchanges of `operation` in which legacy is asked twice."""
        return self.noises.get(operation, self.noise)

    def rules_of(self, operation: str) -> Rules:
        """The rules by which answers of `operation` are compared."""
        return self.own.get(operation, self.rules)

"""What is seen of one upstream: its answers that broke a rule of HTTP/1.1, and its certificates."""


class Tally:
    """`counts` has the answers by rule (gateway.wire.rules) and by what became of them, "repaired" or "refused".
    `certificates` has when the certificate of an endpoint ends that was seen last, in seconds since 1970, by URL."""

    __slots__ = ("certificates", "counts")

    def __init__(self) -> None:
        self.counts: dict[tuple[str, str], int] = {}
        self.certificates: dict[str, float] = {}

    def repaired(self, rules: tuple[str, ...]) -> None:
        """An answer broke these rules, and was repaired."""
        for rule in rules:
            self._count(rule, "repaired")

    def refused(self, rule: str) -> None:
        """An answer was refused for this rule."""
        self._count(rule, "refused")

    def go_on_from(self, before: "Tally") -> None:
        """Go on from where another tally stands."""
        self.certificates |= before.certificates
        for key, count in before.counts.items():
            self.counts[key] = self.counts.get(key, 0) + count

    def _count(self, rule: str, became: str) -> None:
        self.counts[rule, became] = self.counts.get((rule, became), 0) + 1

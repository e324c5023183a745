"""`instants`: one moment, written in two time zones. A date, or a time without a zone, is no instant."""

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime

from adapters.document import Number, Tree
from shadow.normalisers.volatile import is_instant


@dataclass(frozen=True, slots=True)
class Instants:
    """Two instants (RFC 3339 section 5.6) are alike if they are the same moment, to the last digit."""

    @dataclass(frozen=True, slots=True)
    class Options:
        """No options."""

    options: Options

    def form(self, value: Tree) -> Hashable:
        if not isinstance(value, str) or isinstance(value, Number) or not is_instant(value):
            return None
        zone = value[19:].lstrip(".0123456789")
        fraction = value[19:len(value) - len(zone)].rstrip("0").rstrip(".")
        try:
            moment = datetime.fromisoformat(value[:19] + zone)
        except ValueError:
            return None
        return moment.timestamp(), fraction

    def alike(self, legacy: Tree, modern: Tree) -> bool:
        form = self.form(legacy)
        return form is not None and form == self.form(modern)

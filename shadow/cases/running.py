"""Everything that a case file needs to run: the one module that files of `figway shadow minimise` import from.

The names here are public and stay. What is behind them may move without breaking a case that somebody has kept.
"""

from adapters.message import Headers, Request
from shadow.compare.comparison import compare
from shadow.compare.difference import Severity
from shadow.compare.pair import Pair
from shadow.compare.patterns import Order
from shadow.compare.rules import Class, Known, Rule, Rules
from shadow.normalisers.case import Case
from shadow.normalisers.host import Host
from shadow.normalisers.instants import Instants
from shadow.normalisers.space import Space
from shadow.normalisers.tolerance import Tolerance
from shadow.normalisers.volatile import Volatile
from shadow.observation import Observation

__all__ = [
    "Case", "Class", "Headers", "Host", "Instants", "Known", "Observation", "Order", "Pair", "Request", "Rule", "Rules",
    "Severity", "Space", "Tolerance", "Volatile", "compare",
]

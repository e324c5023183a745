"""Compiles a capability as written to a Capability, and checks it by the rules of its stages."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import astuple, replace
from hashlib import sha256
from typing import Any

from adapters.base import Adapter
from gateway.ambiguity import is_ambiguous
from gateway.capability import Arm, Capability, Operation, Split
from gateway.config import gating, spec, unmatched
from gateway.config.courtesy import courtesy, insight
from gateway.config.crosswalk import Seeds
from gateway.config.decode import Steps
from gateway.config.described import Descriptions
from gateway.config.extensions import Find, choose
from gateway.config.fronts import Fronts
from gateway.config.nodes import Node
from gateway.config.problem import Findings, Place, did_you_mean
from gateway.config.rules import Ruling, broken_items
from gateway.policies.base import Policy
from gateway.reading import segments
from gateway.stage import Stage
from gateway.transports.base import Transport
from shadow.compare.rules import Rule, Rules, together
from shadow.credentials import SECRETS
from shadow.evidence.epoch import Basis, Setup
from shadow.plan import CLIENTS, ShadowPlan
from shadow.settings import Recheck, Sealing


class Names:
    """The upstreams and policies that capabilities may refer to: every name that is written, and what was built for it.
    A name whose value has problems counts too, so that one fault is reported once. Remembers which names are used."""

    def __init__(self, root: Node, findings: Findings) -> None:
        self._findings = findings
        self._written = {kind: _keys(root, kind) for kind in ("upstreams", "policies")}
        self.upstreams: dict[str, Transport] = {}
        self.policies: dict[str, Policy] = {}
        self.used: set[tuple[str, str]] = set()

    def written(self, kind: str) -> list[str]:
        """The names that are written under `kind` ("upstreams", "policies"), those with problems included."""
        return self._written[kind]

    def check(self, kind: str, name: str, node: Node) -> None:
        """Add a problem if there is no `name` of the `kind` ("upstreams", "policies")."""
        self.used.add((kind, name))
        if name not in self._written[kind]:
            what = "upstream" if kind == "upstreams" else "policy"
            shown = f' "{name}"' if not node.substituted else " of this name"
            message = f"no {what}{shown}{did_you_mean(name, self._written[kind]) if not node.substituted else ''}"
            self._findings.problem(node.place, message, f"unknown_{what}")

    def checked_policies(self, names: list[str], node: Node) -> tuple[Policy, ...]:
        """The policies of a list, without those that could not be built."""
        for number, name in enumerate(names):
            self.check("policies", name, node.find("policies", number))
            if name in names[:number]:
                place = node.find("policies", number).place
                self._findings.problem(place, "this policy is in the list already", "duplicate")
        return tuple(self.policies[name] for name in names if name in self.policies)


def _keys(root: Node, kind: str) -> list[str]:
    node = root.child(kind)
    return list(node.value) if node is not None and isinstance(node.value, dict) else []


BUILD = "default build header"
"""The rule that hides the headers in which arms say their builds."""


class Capabilities:
    """Compiles capabilities one by one; adds to `findings`. `broken` are the paths in
    routes.yaml that have a problem already: no rule is applied there."""

    def __init__(
        self, root: Node, broken: frozenset[Steps], names: Names, find: Find, findings: Findings,
        seeds: Seeds, described: Descriptions, routes: spec.Routes, fronts: Fronts,
    ) -> None:
        self._root = root
        self._broken: dict[Any, set[str]] = {}
        self._cut = broken
        for path in broken:
            if path[:1] == ("capabilities",) and len(path) == 3:
                self._broken.setdefault(path[1], set()).add(str(path[2]))
        self._names = names
        self._find = find
        self._findings = findings
        self._seeds = seeds
        self._described = described
        self._fronts = fronts
        server = routes.server
        self._ambiguous_paths = server.ambiguous_paths
        # What it adds to requests, by which services tell how they were asked.
        self._forwarding = server.forwarded, server.via, server.trusted_hops, server.trusted_fields
        self._lane_memory = routes.shadow.memory
        shadows = [one.shadow for one in routes.capabilities.values() if one.shadow is not None]
        self._builds = sorted({one.gate.build.lower() for one in shadows if one.gate.build is not None})
        self._groups: dict[str, tuple[str, spec.Split, Place]] = {}
        self._insight = insight(server.insight)

    def compile(self, name: str, written: spec.Capability) -> Capability:
        """Compile one capability. An arm that could not be built is left out; it has a problem already."""
        node = self._root.find("capabilities", name)
        broken = self._broken.get(name, set())
        operations = tuple(self._operation(name, one, value, node) for one, value in written.operations.items())
        legacy = self._arm("legacy", written.legacy, written, node)
        modern = self._arm("modern", written.modern, written, node)
        writes = Stage(written.writes or "legacy")
        if not broken & {"stage", "writes", "legacy", "modern", "split", "shadow"}:
            for key, message, code in _rules(written, writes):
                self._problem(node.key(key) if node.child(key) else self._root.key("capabilities", name), message, code)
        split = self._split(name, written, node, legacy)
        policies = self._names.checked_policies(written.policies, node)
        self._agree(legacy, modern, node)
        both = [one for one in (legacy, modern) if one is not None]
        held = written.limits.buffer if any(one.adapter is not None for one in both) else None
        arms = _setup(both, node, self._root.find("upstreams"),
                      [_mirrored(written, policies, both), _operations(operations), self._forwarding, held])
        shadow = self._shadow(name, written, policies, node, arms)
        place = self._root.key("capabilities", name)
        return Capability(
            name, written.owner, operations, legacy, modern, written.stage, writes, split, shadow, policies,
            written.limits.buffer, written.limits.body, written.upgrade, str(place),
            courtesy(written.deprecation, self._insight, node, self._findings),
        )

    def _problem(self, place: Place, message: str, code: str) -> None:
        self._findings.problem(place, message, code)

    def _operation(self, capability: str, name: str, written: spec.Operation, node: Node) -> Operation:
        own = node.find("operations", name)
        if written.path is not None and not self._ambiguous_paths and is_ambiguous(written.path.encode()):
            self._problem(own.find("path").place,
                          "unreachable: such paths are refused while `ambiguous_paths` is false", "unreachable")
        folded = [one.lower() for one in written.header]
        for number, one in enumerate(written.header):
            if one.lower() in folded[:number]:
                self._problem(own.key("header", one), f'"{one}" is there already, in another case', "duplicate_key")
        self._matches(written, own)
        return Operation(
            name, written.path, frozenset(written.method or ()), tuple(written.header.items()),
            tuple(written.query.items()), written.safe, str(node.key("operations", name)),
        )

    def _matches(self, written: spec.Operation, own: Node) -> None:
        """Warn of conditions that no request meets."""
        path, method = own.find("path"), own.find("method")
        odd = [(path.place, unmatched.of_path(written.path))] if written.path and not path.substituted else []
        for number, one in enumerate(written.method or ()):
            odd.append((method.find(number).place, unmatched.of_method(one)))
        odd += [(own.key("header", name), unmatched.of_name(name)) for name in written.header]
        for kind, wanted in (("header", written.header), ("query", written.query)):
            odd += [(own.find(kind, name).place, unmatched.of_value(name, value)) for name, value in wanted.items()
                    if not own.find(kind, name).substituted]
        for place, message in odd:
            if message:
                self._findings.warn(place, message, "unmatched")

    def _arm(self, which: str, written: spec.Arm | None, whole: spec.Capability, node: Node) -> Arm | None:
        if written is None:
            return None
        arm = node.find(which)
        self._names.check("upstreams", written.upstream, arm.find("upstream"))
        upstream = self._names.upstreams.get(written.upstream)
        adapter: Adapter | None = None
        chosen = choose("figway.adapters", arm.find("adapter"), self._find, self._findings) if written.adapter else None
        if chosen is not None:
            make: Callable[[Any], Adapter] = chosen.plugin
            options = chosen.options
            adapter = chosen.build(lambda: make(options), self._findings)
        if adapter is not None and chosen is not None and (known := adapter.operations()) is not None:
            for operation in whole.operations:
                if operation not in known:
                    self._problem(node.key("operations", operation),
                               f'the {which} arm\'s adapter "{chosen.name}" has no operation "{operation}"'
                               f"{did_you_mean(operation, known)}", "unknown_operation")
        return None if upstream is None else Arm(which, upstream, adapter, self._fronts.of(upstream))

    def _agree(self, legacy: Arm | None, modern: Arm | None, node: Node) -> None:
        """Add a problem if the arms read paths differently: one path could then be two operations."""
        if legacy is None or modern is None or legacy.adapter is not None or modern.adapter is not None:
            return
        one, other = legacy.upstream, modern.upstream
        if one.settings.paths != other.settings.paths:
            self._problem(node.key("modern"), f'upstreams "{one.name}" and "{other.name}" do not say the same of how '
                          "they read paths: both arms need the same `paths`", "paths_differ")

    def _split(self, name: str, written: spec.Capability, node: Node, legacy: Arm | None) -> Split | None:
        split = written.split
        if split is None:
            return None
        parameters = _parameters(written)
        for number, source in enumerate(split.sticky):
            kind, _, key = source.partition(":")
            place = node.find("split", "sticky", number).place
            if kind == "path" and key not in parameters:
                self._problem(place, f"no operation has this parameter{did_you_mean(key, parameters)}", "bad_sticky")
            elif kind == "claim" and not written.policies:
                message = "there are no claims without a policy that verifies them"
                self._findings.warn(place, message, "unused")
            elif kind == "cookie" and legacy is not None and (shown := legacy.shown_cookie(key)) != key \
                    and f"cookie:{shown}" not in split.sticky:
                self._findings.warn(place, f'clients get this cookie as "{shown}": write cookie:{shown} before it',
                                    "renamed_cookie")
        if split.group is not None:
            self._in_group(name, split, split.group, node)
        return Split(split.percent, tuple(split.sticky), split.salt or split.group or name, split.on_missing,
                     split.fallback_after or 0.0)

    def _in_group(self, name: str, split: spec.Split, group: str, node: Node) -> None:
        first, other, place = self._groups.setdefault(group, (name, split, node.key("split")))
        shown = "" if node.find("split", "group").substituted else f' "{group}"'
        if (other.salt or group) != (split.salt or group):
            self._problem(node.key("split", "salt"), f"group{shown} has another salt in {first} at {place}: "
                       "one group moves a key together", "group_salt")
        elif (other.sticky, other.percent) != (split.sticky, split.percent):
            self._findings.warn(
                node.key("split"), f"`sticky` or `percent` differ from {first} at {place}, of the same group{shown}: "
                "a key may stand on different sides", "group_differs")

    def _shadow(
        self, name: str, written: spec.Capability, policies: Iterable[Policy], node: Node, arms: Setup
    ) -> ShadowPlan | None:
        shadow = written.shadow
        if shadow is None:
            return None
        if 2 * shadow.max_body > self._lane_memory:
            self._findings.warn(
                node.key("shadow", "max_body"), "two bodies of this size do not fit into the lane's `memory`: "
                "such mirrors are dropped", "lane_memory")
        recheck = self._recheck(shadow.recheck, node.find("shadow"))
        operations = written.operations.items()
        gate = shadow.gate
        rules, own, digest = self._ruled(name, written, shadow, node)
        setup = arms._replace(rules=digest)
        lags = {name: one.expect_lag for name, one in written.operations.items() if one.expect_lag is not None}
        criteria = replace(
            gating.criteria(gate, lags), setup=setup, sample=shadow.sample / 10_000,
            seeded=tuple((one.name, one.pairs) for one in rules.classes),
            known=tuple((one.id, one.max_rate) for one in rules.known),
            expiries=tuple(one.expires for one in rules.known),
        )
        if ("capabilities", name, "shadow", "recheck") not in self._cut:
            self._lags(lags, recheck, node)
        groups = self._gate_groups(written, node)
        parameters = _asked(written, node) | self._described.parameters(
            shadow.described_by, node.find("shadow", "described_by"))
        return ShadowPlan(
            shadow.sample / 10_000, shadow.max_body, shadow.deadline, shadow.credentials == "pass", recheck, criteria,
            Basis(setup, (gate.build or "").lower().encode(), parameters), rules, own, shadow.noise / 10_000,
            Sealing(shadow.capture / 10_000, SECRETS.union(*(policy.credentials for policy in policies))), groups,
            rechecks={name: replace(recheck, legacy=one.recheck.legacy)
                      for name, one in operations if one.recheck is not None},
            noises={name: one.noise / 10_000 for name, one in operations if one.noise is not None},
        )

    def _recheck(self, written: spec.Recheck, shadow: Node) -> Recheck:
        legacy = written.legacy
        if legacy is None:
            # A file of before that says `recheck` means both arms. One that does not say it meets the new default.
            legacy = shadow.child("recheck") is not None
            if legacy and written.after and written.budget:
                said = f"after: [{', '.join(f'{one:g}s' for one in written.after)}], budget: {written.budget / 100:g}%"
                self._findings.warn(
                    shadow.key("recheck"), "this asks legacy again as well, as before: write "
                    f"`recheck: {{{said}, legacy: true}}` to keep that, or `legacy: false` to ask modern alone, as the "
                    "next version does", "recheck_legacy")
        return Recheck(tuple(written.after), written.budget / 10_000, legacy)

    def _gate_groups(self, written: spec.Capability, node: Node) -> tuple[tuple[str, str, str], ...]:
        """The groups by which the gate tells those apart who ask, each client first."""
        declared = written.shadow.gate.groups if written.shadow is not None else {}
        parameters = _parameters(written)
        for name, group in declared.items():
            place = node.key("shadow", "gate", "groups", name)
            if name == CLIENTS[0][0]:
                self._problem(place, "each client is a group of this name already", "duplicate")
            elif group.path is not None and group.path not in parameters:
                unknown = f"no operation has this parameter{did_you_mean(group.path, parameters)}"
                self._problem(place, unknown, "bad_group")
            elif group.claim is not None and not written.policies:
                self._findings.warn(place, "there are no claims without a policy that verifies them", "unused")
        return (*CLIENTS, *((name, *group.source) for name, group in declared.items()))

    def _lags(self, lags: Mapping[str, gating.ExpectLag], recheck: Recheck, node: Node) -> None:
        """Add a problem for each lag that no recheck is soon enough to see."""
        for name, lag in lags.items():
            if not any(after <= lag.within for after in recheck.after):
                self._problem(node.find("operations", name, "expect_lag", "within").place,
                              "no recheck comes so soon: `shadow.recheck.after` needs a time within it", "bad_lag")

    def _wrong(self, *place: str) -> set[int]:
        """The numbers of the items that have a problem already, of a list in a capability."""
        return broken_items(self._cut, ("capabilities", *place))

    def _ruled(
        self, capability: str, written: spec.Capability, shadow: spec.Shadow, node: Node
    ) -> tuple[Rules, dict[str, Rules], str]:
        """The rules for all operations; by operation, its own rules followed by those; and a digest of everything."""
        ruling = Ruling(self._find, self._findings)
        shared = ruling.rules(shadow.rules, node.find("shadow", "rules"), self._wrong(capability, "shadow", "rules"))
        known = ruling.known(shadow.known_differences, node.find("shadow", "known_differences"),
                             self._wrong(capability, "shadow", "known_differences"))
        # Two arms never have the same build. A service behind several capabilities says it in each.
        shared += tuple(Rule(BUILD, f"/@header/{name}", ignore=True) for name in self._builds)
        own = {name: ruling.rules(one.rules, node.find("operations", name, "rules"),
                                  self._wrong(capability, "operations", name, "rules"))
               for name, one in written.operations.items() if one.rules}
        all_rules = (*shared, *(rule for rules in own.values() for rule in rules))
        classes = self._seeds.classes(shadow.crosswalk, node.find("shadow", "crosswalk"), all_rules)
        operations = {name: Rules((*first, *shared), known, classes) for name, first in own.items()}
        rules = Rules(shared, known, classes)
        return rules, operations, together(rules, operations) if all_rules or known else ""


def _parameters(written: spec.Capability) -> set[str]:
    """The parameters of the operations' paths."""
    return {part.strip("{}*") for one in written.operations.values() if one.path is not None
            for part in segments(one.path) if part.startswith("{")}


def _asked(written: spec.Capability, node: Node) -> frozenset[str]:
    """The names of query and form parameters that the file has anywhere: in conditions, in `parameters`, and as
    "query:NAME" for a split or an adapter."""
    arms = [one.data() for arm in ("legacy", "modern") if (one := node.child(arm)) is not None]
    texts = [*_texts(arms), *(written.split.sticky if written.split is not None else ())]
    named = {text.removeprefix("query:").removesuffix("?") for text in texts if text.startswith("query:")}
    shadow = written.shadow.parameters if written.shadow is not None else []
    return frozenset(named).union(shadow, *(one.query for one in written.operations.values()))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)


def _mirrored(written: spec.Capability, policies: Iterable[Policy], arms: Iterable[Arm]) -> list[str]:
    """What changes the head with which a mirror asks: whether it carries credentials, whose own its cookies are then,
    and which policies' it does not. Empty if nothing but the common credentials is taken off."""
    if written.shadow is None:
        return []
    if written.shadow.credentials == "pass":
        return ["pass", *(f"{arm.name} {name}" for arm in arms for name in arm.own_cookies)]
    return sorted({name.decode("latin-1") for policy in policies for name in policy.credentials})


def _operations(operations: Iterable[Operation]) -> list[Any]:
    """Which requests are mirrored, and as what: evidence on some of them shows nothing of others."""
    return sorted([one.name, one.path, sorted(one.methods), one.headers, one.query, one.safe] for one in operations
                  if any(map(one.is_safe, one.methods or ("GET",))))


def _setup(arms: Iterable[Arm], node: Node, upstreams: Node, asked: list[Any]) -> Setup:
    """A Setup that changes when an arm becomes another service, is translated, has another time to answer, or is asked
    about something else or in another way. It covers the upstream and adapter as written, modern's timeouts, what is
    rewritten, the endpoints, and what is `asked`. It leaves out the values of "${…}" in options, because a short hash
    of a short secret gives the secret away; an endpoint holds no secret."""
    written, endpoints = [], []
    for arm in arms:
        upstream, adapter = upstreams.find(arm.upstream.name), node.find(arm.name).child("adapter")
        said, settings = upstream.data(as_written=True), arm.upstream.settings
        written.append((arm.name, said.get("url"), said.get("endpoints"), settings.host, settings.tls.server_name,
                        adapter.data(as_written=True) if adapter is not None else None,
                        *(astuple(settings.timeouts) if arm.name == "modern" else ()),
                        *([astuple(settings.rewrite)] if settings.rewrite is not None else ())))
        endpoints.append((arm.name, sorted(settings.endpoints)))
    return Setup(_hash([*written, asked]), _hash(endpoints))


def _hash(written: Any) -> str:
    return sha256(json.dumps(written, sort_keys=True).encode()).hexdigest()[:12]


def _rules(written: spec.Capability, writes: Stage) -> Iterator[tuple[str, str, str]]:
    """The rules of stages that a capability breaks: (the key to point at, message, code)."""
    reads = written.stage
    order = list(Stage)
    if written.modern is None and (reads != Stage.LEGACY or writes != Stage.LEGACY):
        yield "stage" if reads != Stage.LEGACY else "writes", "a modern arm is needed from here on", "needs_modern"
    if written.writes is None and order.index(reads) >= order.index(Stage.MODERN):
        yield "stage", f"`writes` must be said where the stage is {reads}", "needs_writes"
        writes = reads  # the likely answer, for the checks below
    if (reads == Stage.RETIRED) != (writes == Stage.RETIRED):
        yield "writes" if written.writes else "stage", "reads and writes are retired together", "retired"
    elif reads == Stage.RETIRED and written.legacy is not None:
        yield "legacy", "a retired capability has no legacy arm left", "retired"
    elif reads != Stage.RETIRED and written.legacy is None:
        yield "stage", "a legacy arm is needed until the stage is retired", "needs_legacy"
    if written.split is None and Stage.CANARY in (reads, writes):
        yield "stage" if reads == Stage.CANARY else "writes", "canary needs a `split`: there is no implicit share", (
            "needs_split")
    if written.shadow is None and reads in (Stage.SHADOW, Stage.VERIFY):
        yield "stage", f"{reads} needs `shadow`, with a `sample`", "needs_shadow"

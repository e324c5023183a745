"""Compiles routes.yaml to a Configuration: all settings of a gateway, in one immutable value.

`figway validate`, the start and every reload run `build`. It collects every problem before it gives up, does no I/O but
reading files, and takes over from the previous configuration what has not changed, so that a reload keeps its
connection pools and its verified tokens.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from gateway import plugins
from gateway.capability import DEFAULT, Arm, Capability, Operation
from gateway.config import spec, upstreams
from gateway.config.apart import warn_if_apart, warn_of_halves
from gateway.config.capabilities import Capabilities, Names
from gateway.config.controlling import Controls, controls
from gateway.config.courtesy import courtesy, insight, warn_of_insight
from gateway.config.crosswalk import Seeds
from gateway.config.decode import Repair, Schema, Steps, decode
from gateway.config.described import Descriptions
from gateway.config.exposed import warn_if_exposed
from gateway.config.extensions import Chosen, Find, choose
from gateway.config.fronts import Fronts
from gateway.config.load import load
from gateway.config.nodes import Node
from gateway.config.overlaps import Met, Ties
from gateway.config.policies import Made, is_as_before, make
from gateway.config.problem import Findings, Invalid, Problem
from gateway.config.rules import RULE_STUBS
from gateway.config.sealing import Sealed, custody_beside, sealed
from gateway.config.tls import as_strength, strength
from gateway.edges.forwarded import client_origin
from gateway.edges.http1.tls import suites
from gateway.edges.settings import EdgeSettings
from gateway.policies.base import Policy
from gateway.routing import RouteTable
from gateway.transports.base import Transport
from gateway.transports.table import connect
from shadow.settings import LaneSettings


@dataclass(frozen=True, slots=True, eq=False)
class Configuration:
    """Everything that routes.yaml sets. `store` is an entry point's name with its options; `custody` is the file of the
    keys, None for memory; `sealed` is where whole mismatches are kept, if anywhere; `control` says where flips are kept
    and who may make them; `files` must be watched.

    `revision` is a hash of the text as written, the same on every replica. It leaves out the values of "${…}", since a
    short hash of a short secret gives the secret away. `digest` covers the values too: configurations with equal
    digests are the same. It never leaves the process.
    """

    table: RouteTable
    edge: EdgeSettings
    lane: LaneSettings
    store: tuple[str, Any]
    custody: Path | None
    sealed: Sealed | None
    control: Controls
    upstreams: Mapping[str, Transport]
    policies: Mapping[str, Policy]
    files: tuple[Path, ...]
    warnings: tuple[Problem, ...]
    revision: str
    digest: bytes = field(repr=False)
    made_from: Mapping[str, Made] = field(repr=False)
    """By policy, what it was made from. While that is the same, a reload keeps the policy."""

    def replaces(self, previous: "Configuration") -> tuple[list[Transport], list[Policy]]:
        """Return the upstreams and the policies of `previous` that this configuration does not use.

        The caller closes them after the last call with the previous table.
        """
        used = {id(one) for one in (*self.upstreams.values(), *self.policies.values())}
        return ([one for one in previous.upstreams.values() if id(one) not in used],
                [one for one in previous.policies.values() if id(one) not in used])


def build(
    path: Path | str, previous: Configuration | None = None, *,
    environ: Mapping[str, str] | None = None, find: Find = plugins.load,
) -> Configuration:
    """Read, check and compile `path`. Raises Invalid, with every problem."""
    findings, later = Findings(), Findings()
    later.warnings = findings.warnings
    document = load(Path(path), os.environ if environ is None else environ, findings)
    if document.root is None:
        raise Invalid(findings.problems, document.files)
    decoded = decode(_SCHEMA, document.root, later, _REPAIR)
    configuration, files = None, document.files
    if decoded.value is not None:
        built = _Build(document.root, decoded.broken, later, find, previous)
        for secret, place in document.secrets:
            warn_if_exposed(secret, place, "this file of a secret", later)
        configuration = built.configuration(decoded.value, files)
        files = (*files, *built.seeds.files, *built.described.files, *built.certificates)
    # Leave out other faults of a value that could not be read: they only follow from that.
    unread = frozenset(problem.place for problem in findings.problems)
    problems = findings.problems + [problem for problem in later.problems if problem.place not in unread]
    if problems or configuration is None:
        raise Invalid(problems, files)
    return configuration


_SCHEMA: Schema[spec.Routes] = Schema.of_model(spec.Routes)


def _depth(path: Steps) -> int:
    """How many steps of `path` to keep: they lead to the part of routes.yaml that is cut out for a fault at `path`, so
    that the rest can still be checked."""
    if path[:1] == ("capabilities",):
        inner = path[4:] if path[2:3] == ("operations",) else path[3:] if path[2:3] == ("shadow",) else ()
        if inner[:1] == ("rules",) and len(inner) > 1:
            return len(path) - len(inner) + 3
        if inner[:1] == ("known_differences",) and len(inner) > 1:
            return len(path) - len(inner) + 2
        return 4 if path[2:3] in (("operations",), ("shadow",)) else 3
    return 2 if path[:1] in (("upstreams",), ("policies",)) else 1


_REPAIR = Repair(_depth, {
    ("version",): 1,
    ("upstreams",): {},
    ("default",): {"upstream": ""},
    ("capabilities", "*", "owner"): "?",
    ("capabilities", "*", "stage"): "legacy",
    ("capabilities", "*", "operations", "*"): {},
    ("capabilities", "*", "shadow", "sample"): "100%",
    **{(*place, *steps): stub
       for place in (("capabilities", "*", "shadow"), ("capabilities", "*", "operations", "*"))
       for steps, stub in RULE_STUBS.items()},
})


class _Build:
    """One compilation of the tree `root`; `broken` are the paths in it that are known to be wrong."""

    def __init__(
        self, root: Node, broken: frozenset[Steps], findings: Findings, find: Find,
        previous: Configuration | None,
    ) -> None:
        self._root = root
        self._broken = broken
        self._findings = findings
        self.seeds = Seeds(findings)
        self.described = Descriptions(findings)
        self.certificates: list[Path] = []
        self._find = find
        self._previous = previous
        self._names = Names(root, findings)
        self._made_from: dict[str, Made] = {}

    def configuration(self, routes: spec.Routes, files: tuple[Path, ...]) -> Configuration | None:
        """The Configuration, or None if there are problems."""
        self._upstreams(routes)
        self._policies(routes)
        server = routes.server
        trust = EdgeSettings(trusted_hops=server.trusted_hops, trusted_fields=server.trusted_fields)
        fronts = Fronts(self._root, routes, partial(client_origin, settings=trust), self._findings)
        capabilities = self._capabilities(routes, fronts)
        default = self._default(routes, fronts)
        self._ties(capabilities)
        warn_if_apart(capabilities, self._root, self._findings)
        warn_of_halves(capabilities, self._root, self._findings)
        fronts.warn_of_new_logins(capabilities)
        store = self._store(routes)
        custody, records = self._custody(routes, store)
        control = controls(routes.control, self._root, _file(store), self._findings) \
            if ("control",) not in self._broken else Controls()
        self._unused()
        self._trust(routes.server)
        self._suites(routes.server)
        warn_of_insight(routes.server.insight, self._root.find("server", "insight"), self._findings,
                        verified=bool(routes.policies))
        if self._findings.problems or default is None or store is None:
            return None
        revision = self._hash(as_written=True).hex()[:12]
        lane = routes.shadow
        table = RouteTable(capabilities, default, revision)
        self._alike(table)
        used = {name for kind, name in self._names.used if kind == "upstreams"}
        return Configuration(
            table, _edge(routes.server, self._read(capabilities)),
            LaneSettings(lane.queue, lane.memory, lane.concurrency, lane.drain), (store.name, store.options),
            custody, records, control,
            {name: one for name, one in self._names.upstreams.items() if name in used}, self._names.policies,
            (*files, *self.seeds.files, *self.described.files, *self.certificates),
            tuple(sorted(set(self._findings.warnings))), revision,
            self._hash(as_written=False), self._made_from,
        )

    def _hash(self, *, as_written: bool) -> bytes:
        files = *self.seeds.files.values(), *self.described.files.values()
        data = [self._root.data(as_written=as_written), sorted(files)]
        if not as_written:
            data.append({name: one.settings.tls.digest for name, one in self._names.upstreams.items()})
        return sha256(json.dumps(data, sort_keys=True).encode()).digest()

    def _upstreams(self, routes: spec.Routes) -> None:
        old = self._previous.upstreams if self._previous is not None else {}
        for name, written in routes.upstreams.items():
            node = self._root.find("upstreams", name)
            settings = upstreams.settings(name, written, node, self.certificates, self._findings)
            if settings is not None:
                before = old.get(name)
                reuse = before is not None and before.settings == settings
                self._names.upstreams[name] = before if before is not None and reuse else connect(settings)

    def _policies(self, routes: spec.Routes) -> None:
        for name in routes.policies:
            chosen = choose("figway.policies", self._root.find("policies", name), self._find, self._findings)
            if chosen is None:
                continue
            previous = self._previous
            made = previous.made_from.get(name) if previous is not None else None
            if previous is not None and made is not None and is_as_before(chosen, made, self._names):
                self._names.policies[name], self._made_from[name] = previous.policies[name], made
                continue
            policy, made = make(name, chosen, self._names, self._findings)
            if policy is not None:
                self._names.policies[name], self._made_from[name] = policy, made

    def _capabilities(self, routes: spec.Routes, fronts: Fronts) -> list[Capability]:
        compiling = Capabilities(
            self._root, self._broken, self._names, self._find, self._findings,
            self.seeds, self.described, routes, fronts,
        )
        return [compiling.compile(name, written) for name, written in routes.capabilities.items()]

    def _default(self, routes: spec.Routes, fronts: Fronts) -> Capability | None:
        node = self._root.find("default")
        if ("default",) in self._broken:
            return None
        self._names.check("upstreams", routes.default.upstream, node.find("upstream"))
        if routes.default.policies is None and ("capabilities",) not in self._broken and any(
                one.policies for one in routes.capabilities.values()):
            # Whoever protects one path must decide about all others too.
            self._findings.problem(
                node.place, "capabilities have policies, so say here which ones all other requests meet; for none, "
                f"write `default: {{upstream: {routes.default.upstream}, policies: []}}`", "needs_policies")
        policies = self._names.checked_policies(routes.default.policies or [], node)
        upstream = self._names.upstreams.get(routes.default.upstream)
        if upstream is None:
            return None
        place = str(self._root.key("default"))
        operation = Operation(DEFAULT, place=place)
        legacy = Arm("legacy", upstream, front=fronts.of(upstream))
        return Capability(DEFAULT, "", (operation,), legacy, policies=policies, place=place,
                          courtesy=courtesy(None, insight(routes.server.insight), node, self._findings))

    def _ties(self, capabilities: list[Capability]) -> None:
        ties = Ties()
        for capability in capabilities:
            for operation in capability.operations:
                steps = ("capabilities", capability.name, "operations", operation.name)
                if steps in self._broken:
                    continue
                place = self._root.key(*steps)
                other = ties.add(Met(capability.name, operation, place))
                if other is not None:
                    self._findings.problem(
                        place, f"{capability.name}.{operation.name} and {other.capability}.{other.operation.name} at "
                        f"{other.place} fit the same requests, and neither is more specific", "overlap")

    def _alike(self, table: RouteTable) -> None:
        for one, other in table.alike():
            self._findings.warn(
                self._root.key("capabilities", one.capability.name, "operations", one.operation.name),
                f"{one.capability.name}.{one.operation.name} and {other.capability.name}.{other.operation.name} at "
                f"{other.operation.place} differ in spelling alone, yet other arms or policies are asked: "
                "requests to them are refused unless `paths` of their upstreams tells them apart", "alike")

    def _read(self, capabilities: list[Capability]) -> frozenset[bytes]:
        """The lower-case names of the header fields that policies, splits and operations look at."""
        names = {name.lower().encode() for one in capabilities for operation in one.operations
                 for name, _ in operation.headers}
        names |= {source.partition(":")[2].lower().encode() for one in capabilities if one.split is not None
                  for source in one.split.sticky if source.startswith("header:")}
        for policy in self._names.policies.values():
            names |= {*policy.credentials, *getattr(policy, "reads", ())}
        return frozenset(names)

    def _store(self, routes: spec.Routes) -> Chosen | None:
        if ("store",) in self._broken:
            return None
        node = self._root.child("store")
        if node is None:
            place = self._root.place
            node = Node(place, {"memory": Node(place, {})}, {"memory": place})
        return choose("figway.stores", node, self._find, self._findings)

    def _custody(self, routes: spec.Routes, store: Chosen | None) -> tuple[Path | None, Sealed | None]:
        """The file of the keys, and that of sealed records. Both depend on the store's file."""
        if store is None or ("shadow",) in self._broken:
            return None, None
        stored = _file(store)
        custody = custody_beside(stored) if stored is not None else None
        if routes.shadow.custody is not None:
            custody = self._root.find("shadow", "custody").place.file.parent / routes.shadow.custody
        if custody is not None:
            named = "shadow" if routes.shadow.custody is not None else "store"
            place = self._root.find("shadow", "custody").place if named == "shadow" else self._root.key("store")
            warn_if_exposed(custody, place, "the custody file", self._findings)
        return custody, sealed(routes, self._root, custody, stored, self._findings)

    def _suites(self, server: spec.Server) -> None:
        tls, node = server.tls, self._root.find("server", "tls")
        strength(tls, node, suites(as_strength(tls), cbc=tls.cbc), self._findings)
        if tls.cbc and tls.ciphers:
            self._findings.problem(node.find("cbc").place, "`ciphers` says all suites: leave `cbc` out", "bad_tls")
        if tls.cbc:
            self._findings.warn(
                self._root.key("server", "tls", "cbc"), "CBC suites have known attacks: offer them only "
                "while a client knows no other", "weak_tls")

    def _unused(self) -> None:
        for kind, what in (("upstreams", "upstream"), ("policies", "policy")):
            node = self._root.child(kind)
            if node is None or not isinstance(node.value, dict):
                continue
            for name in node.value:
                if (kind, name) not in self._names.used:
                    self._findings.warn(node.keys[name], f'{what} "{name}" is never used', "unused")

    def _trust(self, server: spec.Server) -> None:
        node = self._root.child("server")
        if server.trusted_hops and node is not None and node.child("trusted_fields") is None:
            self._findings.warn(
                node.key("trusted_hops"), "say which fields these proxies write: beside this, write `trusted_fields: "
                "x-forwarded`, or `trusted_fields: forwarded`; X-Forwarded-* is believed now, which clients can forge "
                "where the proxies write Forwarded alone", "trusted_fields")


def _file(store: Chosen | None) -> Path | None:
    """The file of a store; None if it has none."""
    path = getattr(store.options, "path", None) if store is not None else None
    return path if isinstance(path, Path) else None


def _edge(server: spec.Server, read: frozenset[bytes]) -> EdgeSettings:
    limits, timeouts = server.limits, server.timeouts
    return EdgeSettings(
        target=limits.target, head=limits.head, fields=limits.fields, body=limits.body, trailer=limits.trailer,
        connections=limits.connections or 0, memory=limits.memory, head_timeout=timeouts.head,
        body_rate=server.body_rate, body_grace=timeouts.body_grace, idle_timeout=timeouts.idle,
        trusted_hops=server.trusted_hops, trusted_fields=server.trusted_fields, forwarded=server.forwarded,
        via=server.via, ambiguous_paths=server.ambiguous_paths, half_close=server.half_close,
        drain_delay=server.drain.delay, drain_grace=server.drain.grace, cbc=server.tls.cbc,
        strength=as_strength(server.tls), read=read,
    )

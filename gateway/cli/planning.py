"""Compares two configurations: which capabilities and operations differ."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.capability import DEFAULT, Capability, Operation
from gateway.config.compile import Configuration
from gateway.courtesy import Courtesy, Insight
from shadow.words import noun


@dataclass(frozen=True, slots=True)
class Change:
    """One capability or operation that differs. `kind` is "+", "-" or "~"; `says` are the differences, in words."""

    kind: str
    name: str
    says: tuple[str, ...]


def changes(was: Configuration, now: Configuration) -> list[Change]:
    """What differs between two configurations, capability by capability."""
    policies = {id(one): name for built in (was, now) for name, one in built.policies.items()}
    return [*_everywhere(was, now), *_compared("", _capabilities(was), _capabilities(now), policies)]


def _capabilities(built: Configuration) -> dict[str, Capability]:
    return {**built.table.capabilities, DEFAULT: built.table.default}


def _compared(prefix: str, was: Any, now: Any, policies: Mapping[int, str]) -> Iterator[Change]:
    """The differences of two maps of capabilities, or of operations. `policies` are the names of policies, by id."""
    for name in dict.fromkeys([*was, *now]):
        old, new = was.get(name), now.get(name)
        whole = f"{prefix}{name}"
        if old is None or new is None:
            yield Change("-" if new is None else "+", whole, (_summary(old or new),))
            continue
        before, after = _facts(old, policies), _facts(new, policies)
        says = tuple(_said(key, before[key], after[key]) for key in after if before[key] != after[key])
        if isinstance(old, Capability):
            if _setup(old) != _setup(new) and None not in (_setup(old), _setup(new)):
                says += ("its evidence begins anew",)
            if says:
                yield Change("~", whole, says)
            yield from _compared(f"{name}.", {one.name: one for one in old.operations},
                                 {one.name: one for one in new.operations}, policies)
        elif says:
            yield Change("~", whole, says)


def _said(key: str, before: str, after: str) -> str:
    return f"{key} {before or 'none'} → {after or 'none'}"


def _summary(one: Capability | Operation) -> str:
    if isinstance(one, Operation):
        return ", ".join(f"{key} {value}" for key, value in _operation(one).items() if value)
    count = len(one.operations)
    return f"{count} {noun(count, 'operation')}, reads {one.reads}, writes {one.writes}"


def _facts(one: Capability | Operation, policies: Mapping[int, str]) -> dict[str, str]:
    if isinstance(one, Operation):
        return _operation(one)
    return {
        "reads": str(one.reads), "writes": str(one.writes),
        "legacy": _arm(one, "legacy"), "modern": _arm(one, "modern"),
        "split": f"{one.split.share / 100:g}% by {', '.join(one.split.sticky)}" if one.split is not None else "",
        "sample": f"{one.shadow.sample * 100:g}%" if one.shadow is not None else "",
        "policies": ", ".join(policies[id(policy)] for policy in one.policies),
        "owner": one.owner,
        "deprecation": _deprecation(one.courtesy),
    }


def _deprecation(courtesy: Courtesy | None) -> str:
    said = [*courtesy.once, *(field for _, field in courtesy.links)] if courtesy is not None else []
    return ", ".join(f"{name.decode()}: {value.decode()}" for name, value in said)


def _arm(one: Capability, name: str) -> str:
    arm = one.legacy if name == "legacy" else one.modern
    if arm is None:
        return ""
    adapter = f" by {type(arm.adapter).__name__.lower()}" if arm.adapter is not None else ""
    own = f", its own cookies: {', '.join(map(arm.shown_cookie, arm.own_cookies))}" if arm.own_cookies else ""
    return f"{arm.upstream.name} ({', '.join(arm.upstream.settings.endpoints)}){adapter}{own}"


def _operation(one: Operation) -> dict[str, str]:
    return {
        "method": ", ".join(sorted(one.methods)) or "any", "path": one.path or "any",
        "header": _conditions(one.headers), "query": _conditions(one.query),
        "safe": "" if one.safe is None else str(one.safe).lower(),
    }


def _conditions(wanted: tuple[tuple[str, str | None], ...]) -> str:
    return ", ".join(name if value is None else f"{name}={value}" for name, value in wanted)


def _setup(one: Capability) -> Any:
    return one.shadow.basis.setup if one.shadow is not None else None


def _everywhere(was: Configuration, now: Configuration) -> Iterator[Change]:
    """What concerns every request."""
    for name, before, after in (("server", was.edge, now.edge), ("shadow", was.lane, now.lane)):
        if before != after:
            # `read` follows from operations and policies, which are compared themselves.
            keys = [key for key in after.__dataclass_fields__
                    if key != "read" and getattr(before, key) != getattr(after, key)]
            if keys:
                yield Change("~", name, (f"differs in {', '.join(keys)}",))
    if _insight(was) != _insight(now):
        yield Change("~", "server", ("differs in insight",))
    if was.store != now.store:
        yield Change("~", "store", ("differs: a restart is needed",))
    for name in now.upstreams.keys() & was.upstreams.keys():
        if was.upstreams[name].settings != now.upstreams[name].settings:
            yield Change("~", f"upstream {name}", ("its settings differ: it gets new connections",))


def _insight(built: Configuration) -> Insight | None:
    courtesy = built.table.default.courtesy
    return courtesy.insight if courtesy is not None else None

"""Warns where arms take each other's logins: capabilities that share a cookie and are answered by different arms, and
cookies that one arm of a capability owns and the other may set too."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from gateway.capability import Arm, Capability
from gateway.config.nodes import Node
from gateway.config.problem import Findings
from shadow.words import noun


def warn_if_apart(capabilities: Iterable[Capability], root: Node, findings: Findings) -> None:
    """Add a warning for each set of capabilities that have cookies in common and are answered by different arms."""
    sharing: dict[tuple[str, str], list[Capability]] = defaultdict(list)
    for one in capabilities:
        jars = {_jar(arm) for arm in (one.legacy, one.modern) if arm is not None}
        for name in {name for arm in (one.legacy, one.modern) if arm is not None for name in arm.own_cookies}:
            for jar in jars:
                sharing[name, jar].append(one)
    apart: dict[tuple[Capability, ...], set[str]] = defaultdict(set)
    for (name, _), sharers in sharing.items():
        if len({who for one in sharers for who in _answers(one)}) > 1:
            apart[tuple(sharers)].add(name)
    for several, cookies in apart.items():
        moved = next((one for one in several if set(_answers(one)) != {("legacy",)}), several[0])
        findings.warn(
            root.key("capabilities", moved.name, "stage"),
            f"different arms answer what shares the {noun(len(cookies), 'cookie')} {', '.join(sorted(cookies))} "
            f"({_stages(several)}), and a login at one arm is none at the other: move it together", "login_apart")


def warn_of_halves(capabilities: Iterable[Capability], root: Node, findings: Findings) -> None:
    """Add a warning for each arm that takes over cookies from before that may be another arm's of today."""
    seen = set()
    for one in capabilities:
        if one.legacy is None or one.modern is None or _jar(one.legacy) == _jar(one.modern):
            continue
        for arm, other in ((one.legacy, one.modern), (one.modern, one.legacy)):
            names = [name for name in arm.own_cookies if arm.adopts and name not in other.own_cookies]
            if names and (_jar(arm), other.upstream.name) not in seen:
                seen.add((_jar(arm), other.upstream.name))
                findings.warn(
                    root.key("capabilities", one.name, arm.name),
                    f"{other.name} may set the {noun(len(names), 'cookie')} {', '.join(names)} too, and {arm.name} "
                    f"would take that for one from before: say it in the {other.name} arm as well", "half_owned")


def _jar(arm: Arm) -> str:
    """The arm's jar; for one without, its upstream stands for it."""
    jar = arm.front.jar if arm.front is not None else None
    return jar.name if jar is not None and jar.name else arm.upstream.name


def _answers(one: Capability) -> Iterator[tuple[object, ...]]:
    """Who answers the capability's reads, and who its writes, if it has any."""
    for safe in (True, False):
        if _has(one, safe=safe):
            serve, split = one.roles(safe=safe).serve, one.split
            yield (serve,) if serve != "split" or split is None else (
                serve, split.share, split.sticky, split.salt, split.on_missing)


def _has(one: Capability, *, safe: bool) -> bool:
    return any(operation.is_safe(method) is safe for operation in one.operations
               for method in operation.methods or ("GET", "POST"))


def _stages(several: Iterable[Capability]) -> str:
    names: dict[str, list[str]] = defaultdict(list)
    for one in several:
        said = [f"{kind} {stage.value}" for kind, stage, safe in (
            ("reads", one.reads, True), ("writes", one.writes, False)) if _has(one, safe=safe)]
        names[", ".join(said)].append(one.name)
    return "; ".join(f"{', '.join(those)}: {stage}" for stage, those in names.items())

"""Compiles what clients see of arms (gateway.front): whose own which cookies are, and what is rewritten in answers.

One arm says the cookies of an upstream; they hold for every arm with this upstream, and for the default route. An
upstream without own cookies gets a front too if others have some: it is to see none of them.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from gateway.call import Head
from gateway.capability import Capability
from gateway.config import spec
from gateway.config.nodes import Node
from gateway.config.problem import Findings, Place
from gateway.front import Front
from gateway.jars import Jar
from gateway.rewriting import Origin, Rewriting
from gateway.transports.base import Transport

_READ_BY_SCRIPTS = frozenset({"xsrf-token", "csrftoken", "csrf-token", "csrf_token", "x-csrf-token", "x-xsrf-token"})


class _Said(NamedTuple):
    """What an arm says of its upstream's cookies, and where."""

    own: tuple[str, ...]
    jar: str
    adopt: bool | None
    place: Place


class Fronts:
    """The fronts of all arms of a configuration, by upstream. `origin` tells how a client has asked. What is wrong
    about cookies is added to `findings`."""

    def __init__(self, root: Node, routes: spec.Routes, origin: Callable[[Head], Origin], findings: Findings) -> None:
        self._findings = findings
        self._origin = origin
        self._made: dict[str, Front | None] = {}
        said: dict[str, _Said] = {}
        for node, arm, written in _cookies(root, routes):
            self._check(node, arm.upstream, written)
            found = _Said(tuple(written.own), written.jar or arm.upstream, written.adopt, node.place)
            self._agree(said.setdefault(arm.upstream, found), found, f'upstream "{arm.upstream}"')
        jars: dict[str, _Said] = {}
        for one in said.values():
            other = jars.setdefault(one.jar, one)
            self._agree(other._replace(adopt=one.adopt), one, f'jar "{one.jar}"')
        legacies = {one.legacy.upstream for one in routes.capabilities.values() if one.legacy is not None}
        legacies.add(routes.default.upstream)
        names = frozenset(one.jar.encode() for one in said.values())
        made = {upstream: Jar(one.jar, one.own, upstream in legacies if one.adopt is None else one.adopt, jars=names)
                for upstream, one in said.items()}
        self._jars = {upstream: replace(jar, clears=not any(
            other.adopts and other.name != jar.name and other.meets(jar) for other in made.values()))
            for upstream, jar in made.items()}
        self._unsaid = {upstream: one.place for upstream, one in said.items()
                        if one.adopt is None and upstream not in legacies}
        self._stranger = Jar("", jars=names) if names else None

    def of(self, upstream: Transport) -> Front | None:
        """The front of the arms with this upstream; None for none."""
        name, rewrite = upstream.name, upstream.settings.rewrite
        if name not in self._made:
            jar = self._jars.get(name, self._stranger)
            rewriting = Rewriting(upstream.settings, rewrite) if rewrite is not None else None
            self._made[name] = Front(jar, rewriting, self._origin) if jar is not None or rewriting is not None else None
        return self._made[name]

    def warn_of_new_logins(self, capabilities: Iterable[Capability]) -> None:
        """Add a warning for each upstream that answers clients now, and will not get the cookies that they hold."""
        for one in capabilities:
            served = {one.roles(safe=True).serve, one.roles(safe=False).serve}
            if one.modern is not None and served != {"legacy"}:
                place = self._unsaid.pop(one.modern.upstream.name, None)
                if place is not None:
                    self._findings.warn(
                        place, f"who is logged in at {one.modern.upstream.name} under the plain name must log in once "
                        "more: write `adopt: true` to keep them, or `adopt: false`", "new_login")

    def _agree(self, first: _Said, found: _Said, what: str) -> None:
        if (set(first.own), first.jar, first.adopt) != (set(found.own), found.jar, found.adopt):
            self._findings.problem(
                found.place, f"{first.place} says something else of the cookies of {what}: say it once",
                "cookies_differ")

    def _check(self, node: Node, upstream: str, written: spec.Cookies) -> None:
        for number, name in enumerate(written.own):
            if name.lower() in _READ_BY_SCRIPTS:
                shown = Jar(written.jar or upstream).shown(name)
                self._findings.warn(
                    node.find("own", number).place, "scripts in pages may read this cookie by its name, and clients "
                    f'keep it as "{shown}": leave it out if they do', "script_cookie")


def _cookies(root: Node, routes: spec.Routes) -> Iterator[tuple[Node, spec.Arm, spec.Cookies]]:
    """The arms that say something of cookies, and where."""
    for name, capability in routes.capabilities.items():
        for which, arm in (("legacy", capability.legacy), ("modern", capability.modern)):
            if arm is not None and arm.cookies is not None:
                yield root.find("capabilities", name, which, "cookies"), arm, arm.cookies

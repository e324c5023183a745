"""Makes the policies of a configuration, and gives services to those that ask for them."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from gateway.config.capabilities import Names
from gateway.config.extensions import Chosen
from gateway.config.problem import Findings, did_you_mean
from gateway.policies.base import Policy
from gateway.services import AskedUpstream, Services, Upstream
from gateway.transports.base import Transport
from gateway.transports.settings import UpstreamSettings
from gateway.transports.table import connect


@dataclass(frozen=True, slots=True)
class Made:
    """What a policy was made from. A reload keeps the policy as long as none of it changes."""

    plugin: Any
    options: Any
    upstreams: Mapping[str, Transport]


def make(name: str, chosen: Chosen, names: Names, findings: Findings) -> tuple[Policy | None, Made]:
    """Make the policy that is called `name`, or report a problem. Return it with what it was made from."""
    asked: dict[str, Transport] = {}
    plugin: Callable[..., Policy] = chosen.plugin
    if _takes_services(plugin):
        plugin = partial(plugin, services=Services(upstream=partial(_upstream, names, asked)))
    policy = chosen.build(lambda: plugin(name, chosen.options), findings)
    if policy is not None and not isinstance(getattr(policy, "credentials", None), tuple):
        # Mirrors would be sent with its credentials.
        findings.problem(
            chosen.node.place, f'plugin "{chosen.name}" does not say which fields hold its credentials',
            "plugin_failed")
        policy = None
    return policy, Made(chosen.plugin, chosen.options, asked)


def is_as_before(chosen: Chosen, made: Made, names: Names) -> bool:
    """Whether a policy of the previous configuration serves this one too. Marks the upstreams that it asks as used."""
    if (chosen.plugin, chosen.options) != (made.plugin, made.options):
        return False
    if any(names.upstreams.get(name) is not transport for name, transport in made.upstreams.items()):
        return False
    names.used |= {("upstreams", name) for name in made.upstreams}
    return True


def _takes_services(plugin: Callable[..., Policy]) -> bool:
    """Whether a plugin's constructor has a parameter `services`."""
    try:
        return "services" in inspect.signature(plugin).parameters
    except (TypeError, ValueError):
        return False


def _upstream(names: Names, asked: dict[str, Transport], name: str) -> Upstream:
    """Return the upstream of this name for a policy, and note that the policy asks it. Raises ValueError."""
    names.used.add(("upstreams", name))
    written = names.written("upstreams")
    if name not in written:
        raise ValueError(f'no upstream "{name}"{did_you_mean(name, written)}')
    # An upstream that has a problem was not made. One without endpoints stands in for it, so that the policy can be
    # checked: the configuration is refused anyway.
    asked[name] = names.upstreams.get(name) or connect(UpstreamSettings(name, ()))
    return AskedUpstream(asked[name])

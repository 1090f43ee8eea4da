"""Functions on address ranges."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from bake.importing.hcl.convert import Mismatch, Value, to_number, to_text

_Network = IPv4Network | IPv6Network


def _network(prefix: Value) -> _Network:
    text = to_text(prefix)
    try:
        if "/" not in text:
            raise ValueError
        return ip_network(text, strict=False)
    except ValueError:
        raise Mismatch(f"'{text[:60]}' is no range of addresses such as 10.0.0.0/8") from None


def cidrhost(prefix: Value, number: Value) -> str:
    """The address with that number; negative ones count from the end."""
    network, host = _network(prefix), int(to_number(number))
    at = host + network.num_addresses if host < 0 else host
    if not 0 <= at < network.num_addresses:
        raise Mismatch(f"{network} has no address number {host}")
    return str(network[at])


def cidrnetmask(prefix: Value) -> str:
    """The mask of an IPv4 range."""
    network = _network(prefix)
    if isinstance(network, IPv6Network):
        raise Mismatch("only IPv4 has masks")
    return str(network.netmask)


def cidrsubnet(prefix: Value, bits: Value, number: Value) -> str:
    """The range with that number, when so many bits are added."""
    network = _network(prefix)
    return str(_subnet(network, int(to_number(bits)), int(to_number(number)) << _free(network, bits)))


def cidrsubnets(prefix: Value, *bits: Value) -> list[str]:
    """Ranges one after the other, each with so many more bits."""
    network, offset = _network(prefix), 0
    found = []
    for each in bits:
        size = 1 << _free(network, each)
        offset = -(-offset // size) * size
        found.append(str(_subnet(network, int(to_number(each)), offset)))
        offset += size
    return found


def _free(network: _Network, bits: Value) -> int:
    """Bits of an address that are left below the new prefix."""
    free = network.max_prefixlen - network.prefixlen - int(to_number(bits))
    if free < 0 or int(to_number(bits)) < 0:
        raise Mismatch(f"{network} cannot be divided by {to_text(bits)} more bits")
    return free


def _subnet(network: _Network, bits: int, offset: int) -> _Network:
    if not 0 <= offset < network.num_addresses:
        raise Mismatch(f"{network} has no such part")
    return ip_network((int(network.network_address) + offset, network.prefixlen + bits))


NETWORKS: Mapping[str, Callable[..., Any]] = {
    "cidrhost": cidrhost,
    "cidrnetmask": cidrnetmask,
    "cidrsubnet": cidrsubnet,
    "cidrsubnets": cidrsubnets,
}

"""Addresses of the servers (90930, 92520): this WeCom lives on this machine, and nowhere else."""

from __future__ import annotations

from privdom.sandbox.world import Call, World


__all__ = ["addresses"]


def addresses(world: World, call: Call) -> dict[str, object]:
    """Answer getcallbackip and get_api_domain_ip: calls arrive here and callbacks leave from here."""
    del world, call
    return {"ip_list": ["127.0.0.1"]}

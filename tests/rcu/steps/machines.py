"""Explorations that several tests look at."""

from functools import lru_cache

from kit import rcu


@lru_cache
def explored_once(
    transition: str, algorithm: str, updaters: int = 1, *faults: str
) -> rcu.Exploration:
    return rcu.machine(transition, algorithm, updaters=updaters, faults=faults).explore()

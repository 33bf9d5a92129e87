"""The fixtures of the contract's tests, without the dispatchers."""

from tests.contract.conftest import (  # noqa: F401
    _registry_as_it_was,
    background,
    often,
    prefix,
    unique,
)

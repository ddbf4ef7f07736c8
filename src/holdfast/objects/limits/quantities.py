"""Quantities as Kubernetes writes them: `100m`, `1.5Gi`, `2e3`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal

_QUANTITY = re.compile(r"([+-]?[0-9.]+)(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?[0-9]+))?")
_SUFFIXES = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate("kMGTPE", start=1)},
    **{f"{suffix}i": Decimal(1024) ** power for power, suffix in enumerate("KMGTPE", start=1)},
}
_BINARY = [(suffix, _SUFFIXES[suffix]) for suffix in ("Gi", "Mi", "Ki")]

Amounts = Mapping[str, Decimal]
"""Resource → how much."""


def parse(value: object) -> Decimal:
    """Zero for what is no quantity: the API server does not let such a thing in."""
    return parse_typed(value) or Decimal(0)


def parse_typed(value: object) -> Decimal | None:
    """What a person has typed; None for what is no quantity."""
    found = _QUANTITY.fullmatch(str(value))
    if found is None or found[1].count(".") > 1 or not any(map(str.isdigit, found[1])):
        return None
    number = Decimal(found[1])
    if found[3] is None:
        return number * _SUFFIXES[found[2]] if found[2] else number
    try:
        return number * Decimal(10) ** int(found[3])
    except (ArithmeticError, ValueError):  # an exponent of many digits
        return None


def amounts(value: object) -> dict[str, Decimal]:
    """A map such as `resources.requests`, parsed."""
    return {name: parse(each) for name, each in value.items()} if isinstance(value, dict) else {}


def show(resource: str, amount: Decimal) -> str:
    """For people: bytes in binary units, parts of processors in thousandths."""
    if "memory" in resource or "storage" in resource:
        for suffix, size in _BINARY:
            if amount and amount % size == 0:
                return f"{amount / size:f}{suffix}"
    if amount != amount.to_integral_value():
        return f"{(amount * 1000).normalize():f}m"
    return f"{amount.to_integral_value():f}"


def add(total: dict[str, Decimal], more: Amounts, times: int = 1) -> None:
    for name, amount in more.items():
        total[name] = total.get(name, Decimal(0)) + amount * times


def largest(total: dict[str, Decimal], other: Amounts) -> None:
    for name, amount in other.items():
        total[name] = max(total.get(name, Decimal(0)), amount)

"""The irreducible polynomial that restic requires in a repository's config.

restic's own chunker uses it; Holdfast's does not, but a repository without one cannot be opened by restic. Polynomials
over GF(2) are integers whose bit i is the coefficient of x^i.
"""

from __future__ import annotations

import secrets

DEGREE = 53


def random_irreducible() -> int:
    """A random irreducible polynomial of degree 53."""
    while True:
        candidate = (1 << DEGREE) | (secrets.randbits(DEGREE - 1) << 1) | 1
        if is_irreducible(candidate):
            return candidate


def is_irreducible(polynomial: int) -> bool:
    """Ben-Or's test: no x^(2^i) - x for i up to half the degree shares a factor with the polynomial."""
    power = 2
    for _ in range(_degree(polynomial) // 2):
        power = _multiply(power, power, polynomial)
        if _gcd(polynomial, power ^ 2) != 1:
            return False
    return True


def _degree(polynomial: int) -> int:
    return polynomial.bit_length() - 1


def _modulo(value: int, polynomial: int) -> int:
    degree = _degree(polynomial)
    while value and _degree(value) >= degree:
        value ^= polynomial << (_degree(value) - degree)
    return value


def _multiply(left: int, right: int, polynomial: int) -> int:
    product = 0
    while right:
        if right & 1:
            product ^= left
        right >>= 1
        left <<= 1
        if left >> _degree(polynomial) & 1:
            left ^= polynomial
    return product


def _gcd(left: int, right: int) -> int:
    while right:
        left, right = right, _modulo(left, right)
    return left

import pytest

from holdfast.codec.polynomial import DEGREE, is_irreducible, random_irreducible


def has_factor(polynomial):
    """Whether a polynomial of smaller degree divides it, by trying all: for small degrees only."""

    def remainder(value, divisor):
        while value.bit_length() >= divisor.bit_length():
            value ^= divisor << (value.bit_length() - divisor.bit_length())
        return value

    return any(remainder(polynomial, divisor) == 0 for divisor in range(2, 1 << (polynomial.bit_length() - 1)))


def test_restics_own_polynomial_is_irreducible():
    assert is_irreducible(0x3DA3358B4DC173)


def test_a_polynomial_from_a_repository_of_restic_is_irreducible():
    assert is_irreducible(0x243132622FEEC7)


@pytest.mark.parametrize(
    "polynomial",
    [0x3DA3358B4DC173 ^ 1, 0x3DA3358B4DC173 ^ 2, 1 << 53, (1 << 53) | 1],
    ids=["divisible by x", "even number of terms", "x^53", "x^53 + 1"],
)
def test_a_product_is_not_irreducible(polynomial):
    assert not is_irreducible(polynomial)


def test_small_polynomials_are_judged_as_by_trying_all_divisors():
    assert [p for p in range(4, 512) if is_irreducible(p)] == [p for p in range(4, 512) if not has_factor(p)]


def test_random_ones_are_irreducible_of_the_right_degree_and_differ():
    made = {random_irreducible() for _ in range(5)}
    assert len(made) == 5
    assert all(is_irreducible(polynomial) for polynomial in made)
    assert all(polynomial.bit_length() == DEGREE + 1 for polynomial in made)

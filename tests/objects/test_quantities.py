from decimal import Decimal

import pytest

from holdfast.objects.limits.quantities import parse, show


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", "1"),
        (2, "2"),
        ("100m", "0.1"),
        ("1.5", "1.5"),
        (".5", "0.5"),
        ("1Ki", "1024"),
        ("1.5Gi", "1610612736"),
        ("1k", "1000"),
        ("2E", "2000000000000000000"),
        ("1Ei", "1152921504606846976"),
        ("2e3", "2000"),
        ("2E3", "2000"),
        ("1e-3", "0.001"),
        ("5n", "0.000000005"),
        ("-1", "-1"),
        ("", "0"),
        ("much", "0"),
        ("1.2.3", "0"),
        (".", "0"),
        (None, "0"),
    ],
)
def test_quantity_is_read(text, value):
    assert parse(text) == Decimal(value)


@pytest.mark.parametrize(
    ("resource", "amount", "text"),
    [
        ("pods", "3", "3"),
        ("requests.cpu", "0.25", "250m"),
        ("requests.cpu", "2", "2"),
        ("limits.memory", "1073741824", "1Gi"),
        ("requests.storage", "1610612736", "1536Mi"),
        ("memory", "1000", "1000"),
        ("memory", "0", "0"),
        ("pods", "1000", "1000"),
    ],
)
def test_amount_is_shown(resource, amount, text):
    assert show(resource, Decimal(amount)) == text

"""`--exclude-path [NAMESPACE/CLAIM:]PATTERN`"""

import pytest

from holdfast.errors import UsageError
from holdfast.operations.volumes_of_backup.exclude_paths import ExcludedPath, patterns_for


@pytest.mark.parametrize(
    ("text", "volume", "pattern"),
    [
        ("*.tmp", "", "*.tmp"),
        ("/cache", "", "/cache"),
        ("shop/data:/cache", "shop/data", "/cache"),
        ("shop/data-db-0:a:b", "shop/data-db-0", "a:b"),
        ("Shop/data:x", "", "Shop/data:x"),  # no namespace has such a name: a pattern
        ("!keep.tmp", "", "!keep.tmp"),
        ("a/b", "", "a/b"),
    ],
)
def test_a_claim_may_stand_before_the_pattern(text, volume, pattern):
    assert ExcludedPath.parse(text) == (volume, pattern)


@pytest.mark.parametrize("text", ["", "shop/data:"])
def test_a_pattern_that_means_nothing_is_refused(text):
    with pytest.raises(UsageError):
        ExcludedPath.parse(text)


def test_patterns_stay_in_their_order():
    given = [ExcludedPath.parse(text) for text in ("*.tmp", "shop/data:/x", "shop/logs:/y", "!keep.tmp")]
    assert patterns_for("shop/data", given) == ["*.tmp", "/x", "!keep.tmp"]
    assert patterns_for("web/data", given) == ["*.tmp", "!keep.tmp"]

import pytest

from holdfast.objects.webhook_failures import Unanswered, unanswered

ADMISSION = (
    'Internal error occurred: failed calling webhook "check.example.com": failed to call webhook: Post '
    '"https://checker.shop.svc:443/check?timeout=5s": dial tcp 10.96.7.7:443: connect: connection refused'
)
CONVERSION = (
    'conversion webhook for example.com/v2, Kind=Thing failed: Post "https://converter.shop.svc:443/convert?timeout=30s": '
    'service "converter" not found'
)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (ADMISSION, Unanswered("check.example.com", "shop", converts=False)),
        (CONVERSION, Unanswered("example.com/v2, Kind=Thing", "shop", converts=True)),
        (
            'failed calling webhook "far.example.com": failed to call webhook: Post "https://hooks.example.com/check": EOF',
            Unanswered("far.example.com", "", converts=False),
        ),
        ('admission webhook "check.example.com" denied the request: no', None),
        ('pods "x" is forbidden: exceeded quota', None),
        ("", None),
    ],
)
def test_webhook_that_did_not_answer(message, expected):
    assert unanswered(message) == expected

from __future__ import annotations

import pytest

from holdfast.cluster.proxy import proxy_from_environment

PROXY = "http://proxy.test:3128"


@pytest.mark.parametrize(
    ("server", "environ", "expected"),
    [
        ("https://api.test:6443", {"HTTPS_PROXY": PROXY}, PROXY),
        ("https://api.test:6443", {"https_proxy": PROXY}, PROXY),
        ("https://api.test:6443", {"HTTPS_PROXY": "proxy.test:3128"}, PROXY),
        ("https://api.test:6443", {"HTTP_PROXY": PROXY}, ""),
        ("http://api.test", {"HTTP_PROXY": PROXY}, PROXY),
        ("https://api.test:6443", {}, ""),
        ("https://localhost:6443", {"HTTPS_PROXY": PROXY}, ""),
        ("https://127.0.0.1:6443", {"HTTPS_PROXY": PROXY}, ""),
        ("https://[::1]:6443", {"HTTPS_PROXY": PROXY}, ""),
        ("https://api.test:6443", {"HTTPS_PROXY": PROXY, "NO_PROXY": "other.test, api.test"}, ""),
        ("https://api.eu.test:6443", {"HTTPS_PROXY": PROXY, "NO_PROXY": "eu.test"}, ""),
        ("https://api.eu.test:6443", {"HTTPS_PROXY": PROXY, "NO_PROXY": ".eu.test"}, ""),
        ("https://api.eu.test:6443", {"HTTPS_PROXY": PROXY, "NO_PROXY": "*.EU.test"}, ""),
        ("https://eu.test:6443", {"HTTPS_PROXY": PROXY, "NO_PROXY": ".eu.test"}, PROXY),
        ("https://api.xeu.test:6443", {"HTTPS_PROXY": PROXY, "NO_PROXY": "eu.test"}, PROXY),
        ("https://10.1.2.3:6443", {"HTTPS_PROXY": PROXY, "no_proxy": "10.0.0.0/8"}, ""),
        ("https://11.1.2.3:6443", {"HTTPS_PROXY": PROXY, "no_proxy": "10.0.0.0/8,name.test"}, PROXY),
        ("https://10.1.2.3:6443", {"HTTPS_PROXY": PROXY, "NO_PROXY": "10.1.2.3"}, ""),
        ("https://api.test:6443", {"HTTPS_PROXY": PROXY, "NO_PROXY": "*"}, ""),
    ],
)
def test_which_proxy_a_server_is_reached_through(server, environ, expected):
    assert proxy_from_environment(server, environ) == expected

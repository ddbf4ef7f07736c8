"""Locations that cannot be used: the cause is told, and they come right by themselves once it is gone."""

from typing import NamedTuple

import pytest
from tests.cli.holdfast import PASSWORD

pytestmark = pytest.mark.cluster


class Trouble(NamedTuple):
    reason: str
    told: str  # part of the message
    secret: dict | None = None  # what is other in it
    has_secret: bool = True
    init: bool = True
    unreachable: bool = False


TROUBLES = {
    "wrong-key": Trouble("StoreRefused", "", {"AWS_SECRET_ACCESS_KEY": "wrong"}),
    "wrong-password": Trouble("WrongPassword", "password", {"password": "wrong"}),
    "no-password": Trouble("UsageError", "password", {"password": None}),
    "no-secret": Trouble("CannotStart", '"troubled-no-secret" not found', has_secret=False),
    "no-repository": Trouble("NoRepository", "repository init", init=False),
    "unreachable": Trouble("StoreUnavailable", "", unreachable=True),
}


@pytest.fixture(scope="module")
def troubled(installed, home):
    """All of them at once; gives their buckets."""
    buckets = {}
    for name, trouble in TROUBLES.items():
        bucket = buckets[name] = installed.bucket(init=trouble.init)
        if trouble.has_secret:
            home.secret(f"troubled-{name}", **installed.credentials(**(trouble.secret or {})))
        url = installed.url(bucket) if not trouble.unreachable else f"s3:http://10.100.0.1:9/{bucket}"
        home.location(f"troubled-{name}", url=url, secret=f"troubled-{name}")
    yield buckets
    for name in TROUBLES:
        home.delete("StorageLocation", f"troubled-{name}")


@pytest.fixture(scope="module")
def mended(installed, home, troubled):
    """All of them are put right at once."""
    for name, trouble in TROUBLES.items():
        home.wait("StorageLocation", f"troubled-{name}", "Ready", "False")
        home.secret(f"troubled-{name}", **installed.credentials())
        if not trouble.init:
            installed.at(troubled[name], PASSWORD)("repository", "init")
        if trouble.unreachable:
            home.edit("StorageLocation", f"troubled-{name}", url=installed.url(troubled[name]))


@pytest.mark.usefixtures("troubled")
@pytest.mark.parametrize("name", TROUBLES)
def test_the_cause_is_told(home, name):
    trouble = TROUBLES[name]
    _, _, message = home.wait("StorageLocation", f"troubled-{name}", "Ready", "False", trouble.reason)
    assert trouble.told in message


@pytest.mark.usefixtures("mended")
@pytest.mark.parametrize("name", TROUBLES)
def test_it_recovers_by_itself(home, name):
    home.wait("StorageLocation", f"troubled-{name}", "Ready", "True", "Tested")

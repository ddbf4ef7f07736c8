import pytest
from tests.operations.harness import make, wait_until
from tests.operations.volumes_of_backup.place import SPEC, Place


@pytest.fixture(scope="module")
def shop(new_namespace, shared_app):
    """A namespace with two claims."""
    name = new_namespace("shop")
    shared_app.create(*(make("PersistentVolumeClaim", claim, name, spec=SPEC) for claim in ("data", "logs")))
    for claim in ("data", "logs"):
        wait_until(lambda claim=claim: shared_app.read("pvc", name, claim)["status"].get("phase") == "Bound")
    return name


@pytest.fixture
def place(live, shop, tmp_path):
    return Place(live, shop, tmp_path)

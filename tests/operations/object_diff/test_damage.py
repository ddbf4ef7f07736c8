"""Damaged backups: what is lost is named, and is neither added nor removed."""

import pytest
from tests.operations.object_diff.conftest import DiffVault
from tests.operations.object_diff.test_live import changes
from tests.restore_lab import config_map, obj

from holdfast.errors import DamagedData
from holdfast.model.run import Outcome
from holdfast.repository import writer as writer_module
from holdfast.repository.layout import file_name
from holdfast.repository.pack import BlobType
from holdfast.repository.tree import content_ids


@pytest.fixture
def vault(monkeypatch):
    """A repository with a pack for each object."""
    monkeypatch.setitem(writer_module.PACK_SIZE, BlobType.DATA, 1)
    monkeypatch.setitem(writer_module.PACK_SIZE, BlobType.TREE, 1)
    return DiffVault()


def lose(vault, reference, path):
    """Deletes the pack in which the object lies."""
    found = vault.open(reference).contents.find(path)
    (blob,) = content_ids(found.node)
    vault.store.delete(file_name(vault.repository.index.find(BlobType.DATA, blob).pack))


@pytest.fixture
def damaged(lab, vault):
    """Two backups: one object was edited in between, and its first state is lost, as is a Secret that is in both."""
    lab.make(config_map())
    lab.make(obj("v1", "Secret", "login", stringData={"password": "hunter2hunter2"}))
    vault.back_up(lab, name="monday")
    lab.patch(config_map(), {"data": {"color": "red"}})
    lab.patch(obj("v1", "Secret", "login"), {"metadata": {"labels": {"new": "yes"}}})
    vault.back_up(lab, name="tuesday")
    for path in (f"configmaps/{lab.namespace}/settings", f"secrets/{lab.namespace}/login"):
        lose(vault, "monday", f"/objects/core/v1/{path}.json")
    return lab


def test_what_is_lost_is_named_and_not_compared(damaged, vault):
    narrow = {"namespaces": (damaged.namespace,)}
    for view in (
        vault.diff("monday", "tuesday"),
        vault.diff("monday", "tuesday", **narrow),
        vault.diff("tuesday", "monday", **narrow),
        vault.diff_live(damaged, "monday"),
        vault.diff_live(damaged, "monday", **narrow),
    ):
        assert changes(view) == {}
        assert view.outcome is Outcome.PARTIAL
        named = " ".join(problem.what for problem in view.errors)
        assert "settings" in named
        assert "login" in named


def test_a_backup_whose_tree_is_lost_is_an_error(damaged, vault):
    for pack in list(vault.store.list("data")):
        vault.store.delete(pack.name)
    with pytest.raises(DamagedData):
        vault.diff_live(damaged, "monday")

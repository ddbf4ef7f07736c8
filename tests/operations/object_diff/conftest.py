"""A namespace that is backed up, and diffs in a form that tests compare."""

import pytest
from tests.restore_lab import Lab, Vault

from holdfast.model.cancel import Cancel
from holdfast.model.progress import Silent
from holdfast.model.selection import Selection
from holdfast.objects.mapping import NameMap
from holdfast.operations.object_diff.run import DiffOptions, diff_backups, diff_with_live


@pytest.fixture
def lab(cluster, namespace):
    lab = Lab(cluster, namespace)
    yield lab
    lab.close()


@pytest.fixture
def vault():
    return DiffVault()


class DiffVault(Vault):
    """`selection` by the names of Selection's fields."""

    def diff_live(self, lab, reference="latest", **options):
        lab.cluster.refresh_surface()
        chosen = _options(**options)
        return diff_with_live(self.repository, self.open(reference), lab.cluster, chosen, Cancel(), Silent())

    def diff(self, first, second, **options):
        backups = self.open(first), self.open(second)
        return diff_backups(self.repository, *backups, _options(**options), Cancel(), Silent())


def _options(*, mapping=None, show_secrets=False, show_objects=False, **selection):
    return DiffOptions(
        selection=Selection(**selection) if selection else None,
        namespaces=NameMap(mapping or {}),
        show_secrets=show_secrets,
        show_objects=show_objects,
    )

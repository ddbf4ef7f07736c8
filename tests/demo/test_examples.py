"""The examples do what they say, on a real cluster."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from testbed import build, programs
from tests.conftest import needed_tools

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="session")
def kubectl(say):
    with needed_tools():
        build.ensure([programs.KUBECTL], say)
    return programs.KUBECTL.path


@pytest.fixture
def repository(user):
    user.type("export HOLDFAST_REPOSITORY=~/backups HOLDFAST_PASSWORD_FILE=~/.holdfast-password")
    user.type("holdfast repository init")


@pytest.mark.usefixtures("repository")
def test_nightly_backup_has_the_application(user):
    user.type(EXAMPLES / "back-up-nightly.sh")
    [backup] = json.loads(user.type("holdfast backup list --label schedule=nightly -o json"))
    assert backup["outcome"] == "done"
    assert "settings" in user.type("holdfast backup cat latest configmap/shop/settings")


@pytest.mark.usefixtures("repository")
def test_images_are_read_from_a_backup(user):
    user.type("holdfast backup create -n shop --volumes none")
    lines = user.type(f"{sys.executable} {EXAMPLES}/read_backup.py").splitlines()
    assert [line.split() for line in lines] == [
        ["deployments", "shop/web", "registry.k8s.io/pause:3.10"],
        ["statefulsets", "shop/database", "registry.k8s.io/pause:3.9"],
    ]


@pytest.mark.usefixtures("repository")
def test_restic_and_kubectl_are_enough_to_get_settings_back(user, kubectl):
    user.type("holdfast backup create -n shop --volumes none")
    user.type(f"{kubectl} delete configmap/settings configmap/terms-2026 configmap/storefront-pages -n shop")
    user.type(f"{kubectl} delete secret --all -n shop")
    user.type(f"mkdir bin && ln -s {kubectl} bin/kubectl && export PATH=~/bin:$PATH")
    user.type("export RESTIC_REPOSITORY=$HOLDFAST_REPOSITORY RESTIC_PASSWORD_FILE=$HOLDFAST_PASSWORD_FILE")
    user.type(f"{sys.executable} {EXAMPLES}/restore_without_holdfast.py shop")
    assert user.type("kubectl get configmap settings -n shop -o jsonpath={.data.currency}") == "EUR"
    assert user.type("kubectl get secrets -n shop -o name").split() == [
        f"secret/{name}" for name in ("certificate", "database", "registry")
    ]

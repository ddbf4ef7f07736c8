"""The Helm chart: the same objects as `holdfast install`, and Helm itself installing, upgrading and removing it."""

import re

import pytest
import yaml
from tests.installation.chart import CHART, generated
from tests.installation.conftest import IMAGE
from tests.installation.reading import OURS, RBAC

from holdfast.manifests.controller import RESOURCES
from holdfast.manifests.installation import IMAGE as DEFAULT_IMAGE
from holdfast.manifests.installation import REPLICAS
from holdfast.version import VERSION

pytestmark = pytest.mark.cluster
DEPLOYMENT = "/apis/apps/v1/namespaces/holdfast/deployments/holdfast-controller"


def test_the_generated_files_are_current():
    message = "run `python -m tests.installation.chart`"
    for path, text in generated().items():
        assert (CHART / path).read_text() == text, message
    assert {path.name for path in (CHART / "crds").iterdir()} == {
        path.rpartition("/")[2] for path in generated() if path.startswith("crds/")
    }


def test_the_chart_is_of_this_version_and_has_the_defaults_of_the_command_line():
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["appVersion"] == VERSION
    assert chart["version"] == re.sub(r"\.(dev\d)", r"-\1", VERSION).replace("-dev", "-dev.")
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert (values["image"], values["replicas"], values["resources"]) == (DEFAULT_IMAGE, REPLICAS, RESOURCES)


def test_helm_finds_nothing_to_complain_about(helm):
    assert "1 chart(s) linted, 0 chart(s) failed" in helm("lint", CHART, "--strict")


@pytest.mark.parametrize(
    ("values", "flags"),
    [
        ([], []),
        (["image=" + IMAGE, "replicas=1"], ["--image", IMAGE, "--replicas", "1"]),
        (["backupsOnly=true"], ["--backups-only"]),
        (["volumes=false"], ["--no-volumes"]),
        (["hooks=false", "backupsOnly=true"], ["--no-hooks", "--backups-only"]),
        (["imagePullSecrets[0].name=login"], ["--image-pull-secret", "login"]),
        (["keepRunnerOnUninstall=false"], []),
    ],
    ids=[
        "defaults",
        "image and replicas",
        "backups only",
        "no volumes",
        "backups only, no hooks",
        "pull secret",
        "without keeping",
    ],
)
@pytest.mark.parametrize("namespace", ["holdfast", "backup"])
def test_helm_makes_the_same_objects_as_install(helm, holdfast, namespace, values, flags):
    settings = [part for value in values for part in ("--set", value)]
    ours = holdfast("install", "--namespace", namespace, *flags, "-o", "yaml").out
    theirs = helm("template", "holdfast", CHART, "--namespace", namespace, "--include-crds", *settings)
    expected = by_name(ours)
    del expected["Namespace", None, namespace]  # Helm makes a release's namespace, or the administrator does
    assert by_name(theirs) == expected


def by_name(text):
    """{(kind, namespace, name): object}, without what only Helm has."""
    found = {}
    for obj in filter(None, yaml.safe_load_all(text)):
        annotations = obj["metadata"].pop("annotations", None) or {}
        annotations.pop("helm.sh/resource-policy", None)
        if annotations:
            obj["metadata"]["annotations"] = annotations
        found[obj["kind"], obj["metadata"].get("namespace"), obj["metadata"]["name"]] = obj
    return found


@pytest.mark.parametrize(
    "value", ["replicas=many", "replicas=-1", "image=", "backupOnly=true", "imagePullSecrets[0]=login"]
)
def test_values_that_make_no_sense_are_refused(helm, value):
    assert "values don't meet the specifications of the schema" in helm("template", CHART, "--set", value, code=1)


@pytest.fixture
def release(helm, cleared):  # noqa: ARG001 - is to be there first
    helm("install", "holdfast", CHART, "-n", "holdfast", "--create-namespace", "--set", f"image={IMAGE}")
    yield
    helm("uninstall", "holdfast", "-n", "holdfast", "--ignore-not-found")


@pytest.mark.usefixtures("release")
def test_a_release_is_installed_upgraded_and_removed_and_our_objects_stay(helm, reading, make_namespace, bare_cluster):
    shop = make_namespace(within=bare_cluster)
    reading.make_plan(shop)
    assert reading.get(DEPLOYMENT)["spec"]["replicas"] == 2
    helm("upgrade", "holdfast", CHART, "-n", "holdfast", "--set", f"image={IMAGE}", "--set", "replicas=1")
    assert reading.get(DEPLOYMENT)["spec"]["replicas"] == 1
    assert reading.names(f"{OURS}/namespaces/{shop}/backupplans") == ["nightly"]
    said = helm("uninstall", "holdfast", "-n", "holdfast")
    assert "[ClusterRole] holdfast-runner" in said  # "These resources were kept due to the resource policy"
    assert reading.names("/apis/apps/v1/namespaces/holdfast/deployments") == []
    assert reading.names(f"{OURS}/namespaces/{shop}/backupplans") == ["nightly"]
    assert len(reading.definitions()) == 4
    assert "holdfast-controller" not in reading.ours(f"{RBAC}/clusterroles")
    assert "holdfast-runner" in reading.ours(f"{RBAC}/clusterrolebindings")
    # A new release of the same name takes up what was kept.
    helm("install", "holdfast", CHART, "-n", "holdfast", "--set", "keepRunnerOnUninstall=false")
    helm("uninstall", "holdfast", "-n", "holdfast")
    assert reading.ours(f"{RBAC}/clusterroles") == []


@pytest.mark.parametrize("command", ["install", "uninstall"])
@pytest.mark.usefixtures("release")
def test_what_helm_has_installed_is_left_to_helm(holdfast, reading, command):
    problem = holdfast(command, code=1).problem
    assert "was installed by Helm" in problem[0]
    assert "helm upgrade holdfast" in problem[2]
    assert reading.names("/apis/apps/v1/namespaces/holdfast/deployments") == ["holdfast-controller"]


@pytest.mark.usefixtures("installed")
def test_helm_leaves_alone_what_install_has_made(helm):
    said = helm("install", "holdfast", CHART, "-n", "holdfast", code=1)
    assert "invalid ownership metadata" in said

"""What movers are given: a repository that pods reach, what opens it, an image, and no secret in any text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from testbed.certificates import Authority

from holdfast import assembly
from holdfast.assembly import Settings, connect
from holdfast.errors import HoldfastError, PlanRefused, StoreRefused, UsageError
from holdfast.manifests.installation import IMAGE
from holdfast.model.cancel import Cancel
from holdfast.operations.credentials import Credentials
from holdfast.operations.movers.reachable import is_only_here, reachable_repository
from holdfast.operations.movers.settings import MoverOptions, find_installed, mover_credentials, mover_resources

URL = "s3:https://s3.example.com/backups/shop"
KEYS = {"AWS_ACCESS_KEY_ID": "AKIA1", "AWS_SECRET_ACCESS_KEY": "key-secret"}
SECRETS = ("key-secret", "correct-horse", "token-secret", "profile-secret", "account-secret")
OPTIONS = MoverOptions(image="registry.example/holdfast:1.0")


def refusal(call, *arguments, error=PlanRefused):
    with pytest.raises(error) as caught:
        call(*arguments)
    text = f"{caught.value!r} {caught.value.what} {caught.value.why} {caught.value.next}"
    assert not any(secret in text for secret in SECRETS)
    assert caught.value.why
    return caught.value


# Reachable by pods


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (URL, URL),
        ("s3:http://10.100.0.1:9000/bucket", "s3:http://10.100.0.1:9000/bucket"),
        ("s3:minio.local/bucket/p/", "s3:https://minio.local/bucket/p"),
        ("s3:http://[fd00::1]:9000/bucket", "s3:http://[fd00::1]:9000/bucket"),
        ("s3:localhost.example.com/bucket", "s3:https://localhost.example.com/bucket"),
        ("gs://bucket/p", "gs:bucket:/p"),
        ("azure:container:/p", "azure:container:/p"),
    ],
)
def test_what_pods_can_reach(url, shown):
    assert reachable_repository(url, {}) == shown


@pytest.mark.parametrize(
    "url",
    [
        "/srv/backups",
        "backups",
        "local:/srv/backups",
        "s3:http://localhost:9000/bucket",
        "s3:https://LOCALHOST/bucket",
        "s3:http://minio.localhost/bucket",
        "s3:http://127.0.0.1:9000/bucket",
        "s3:http://127.8.9.1/bucket",
        "s3:http://127.1:9000/bucket",
        "s3:http://0.0.0.0:9000/bucket",
        "s3:http://2130706433/bucket",
        "s3:http://[::1]:9000/bucket",
        "s3:http://[::]/bucket",
        "s3:http://[::ffff:127.0.0.1]/bucket",
    ],
)
def test_what_only_this_machine_reaches_is_refused(url):
    error = refusal(reachable_repository, url, {})
    assert error.what.startswith("pods cannot reach the repository")
    assert "--mover-repository" in error.next
    assert "HOLDFAST_MOVER_REPOSITORY" in error.next


@pytest.mark.parametrize(
    ("url", "variable"), [("gs://bucket/p", "STORAGE_EMULATOR_HOST"), ("azure:box:/p", "AZURE_STORAGE_ENDPOINT")]
)
@pytest.mark.parametrize(
    ("server", "reached"),
    [("http://127.0.0.1:4443", False), ("localhost:4443", False), ("http://10.0.0.9:4443", True), ("http://[", True)],
)
def test_servers_that_the_environment_names_are_looked_at_too(url, variable, server, reached):
    if reached:
        assert reachable_repository(url, {variable: server})
    else:
        refusal(reachable_repository, url, {variable: server})


@pytest.mark.parametrize("url", ["file:///srv/backups", "https://s3/b", "s3:https://k:key-secret@host/bucket"])
def test_what_is_no_repository_is_refused(url):
    refusal(reachable_repository, url, {}, error=UsageError)


@settings(deadline=None)
@given(st.text(max_size=20))
def test_any_host_is_judged(host):
    assert is_only_here(host) in (True, False)


# What opens it


def test_keys_from_the_environment():
    found = mover_credentials(URL, "correct-horse", KEYS | {"AWS_SESSION_TOKEN": "token-secret", "HOME": "/h"}, None)
    assert found == {
        "AWS_ACCESS_KEY_ID": b"AKIA1",
        "AWS_SECRET_ACCESS_KEY": b"key-secret",
        "AWS_SESSION_TOKEN": b"token-secret",
        "password": b"correct-horse",
    }


def test_keys_from_a_profile(tmp_path):
    (tmp_path / "credentials").write_text("[work]\naws_access_key_id=AKIA2\naws_secret_access_key=profile-secret\n")
    (tmp_path / "config").write_text("[profile work]\nregion = eu-west-3\n")
    environ = {
        "AWS_PROFILE": "work",
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
    }
    assert mover_credentials(URL, "p", environ, None) == {
        "AWS_ACCESS_KEY_ID": b"AKIA2",
        "AWS_SECRET_ACCESS_KEY": b"profile-secret",
        "AWS_REGION": b"eu-west-3",
        "AWS_REQUEST_CHECKSUM_CALCULATION": b"when_required",
        "password": b"p",
    }


def test_the_other_stores(tmp_path):
    key = tmp_path / "key.json"
    key.write_text('{"private_key": "account-secret"}')
    google = mover_credentials(
        "gs://bucket/p", "p", {"GOOGLE_APPLICATION_CREDENTIALS": str(key), "AWS_REGION": "x"}, None
    )
    assert google == {"GOOGLE_APPLICATION_CREDENTIALS": key.read_bytes(), "password": b"p"}
    assert mover_credentials("gs://bucket/p", "p", {"GOOGLE_ACCESS_TOKEN": "t"}, None)["GOOGLE_ACCESS_TOKEN"] == b"t"
    azure = {"AZURE_ACCOUNT_NAME": "a", "AZURE_ACCOUNT_KEY": "account-secret"}
    assert mover_credentials("azure:box:/p", "p", azure, None).keys() == {*azure, "password"}


def test_they_are_what_pods_read(tmp_path):
    """In the format of a mounted Secret, with the certificate authority that was given."""
    authority = tmp_path / "ca.pem"
    authority.write_bytes(Authority("store").certificate)
    found = Credentials.of(mover_credentials(URL, "correct horse\t", KEYS, authority), "the Secret")
    assert (found.password, found.certificates) == ("correct horse\t", authority.read_bytes())
    assert found.over({}) == KEYS


@pytest.mark.parametrize(
    ("url", "environ"),
    [
        (URL, {}),
        (URL, {"AWS_WEB_IDENTITY_TOKEN_FILE": "/token", "AWS_ROLE_ARN": "arn:aws:iam::1:role/x"}),
        (URL, {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.23/"}),
        ("gs://bucket/p", {}),
        ("azure:box:/p", {"AZURE_ACCOUNT_NAME": "a", "AZURE_FEDERATED_TOKEN_FILE": "/token"}),
    ],
)
def test_what_this_machine_is_cannot_be_given_away(url, environ):
    error = refusal(mover_credentials, url, "correct-horse", environ, None)
    assert error.what == "the store's credentials cannot be given to movers"
    assert "--location" in error.next


def test_half_of_an_account_is_named():
    refusal(mover_credentials, URL, "correct-horse", {"AWS_SECRET_ACCESS_KEY": "key-secret"}, None, error=StoreRefused)


def test_certificates_that_are_none_are_refused():
    refusal(mover_credentials, URL, "correct-horse", KEYS, b"account-secret", error=UsageError)


# Resources


def test_limits_are_what_is_asked_for():
    assert mover_resources(MoverOptions()) == {
        "requests": {"cpu": "100m", "memory": "128Mi"},
        "limits": {"cpu": "1", "memory": "1Gi"},
    }
    assert mover_resources(MoverOptions(cpu="2", memory="4Gi"))["limits"] == {"cpu": "2", "memory": "4Gi"}


def test_no_more_is_requested_than_allowed():
    assert mover_resources(MoverOptions(cpu="0.05"))["requests"] == {"cpu": "0.05", "memory": "128Mi"}


@pytest.mark.parametrize("value", ["much", "0", "-1", "1 Gi", "1e99999999999"])
def test_what_is_no_quantity_is_refused(value):
    assert "--mover-memory" in refusal(mover_resources, MoverOptions(memory=value), error=UsageError).what


# Put together


@pytest.fixture
def of_movers():
    """`of_movers(environ, options=OPTIONS, **settings) -> MoverSettings`"""

    def make(environ=None, options=OPTIONS, **settings):
        environ = KEYS | {"HOLDFAST_PASSWORD": "correct-horse"} if environ is None else environ
        given = Settings(**{"repository": URL, "environ": environ} | settings)
        return assembly.mover_settings(given, None, options, cluster_name="c")

    return make


def location(**data):
    """What `--location shop/main` adds to the settings."""
    data = {"password": b"correct-horse"} | {name: value.encode() for name, value in KEYS.items()} | data
    return {"credentials": Credentials.of(data, "the Secret shop/location-main"), "secret": ("shop", "location-main")}


def test_from_a_laptop_they_run_in_holdfasts_namespace_with_a_secret_of_their_own(of_movers):
    found = of_movers(options=MoverOptions(image="i", parallel=7, parallel_per_node=3))
    assert (found.namespace, found.secret, found.repository, found.image) == ("holdfast", "", URL, "i")
    assert found.credentials.keys() == {*KEYS, "password"}
    assert (found.parallel, found.parallel_per_node, found.cluster_name) == (7, 3, "c")


def test_no_secret_is_in_what_is_printed(of_movers):
    assert not any(secret in repr(of_movers()) for secret in SECRETS)
    assert "correct-horse" not in repr(assembly.TypedPassword("correct-horse"))


def test_those_of_a_location_run_beside_it_and_mount_its_secret(of_movers):
    found = of_movers({}, **location())
    assert (found.namespace, found.secret, found.credentials) == ("shop", "location-main", {})


def test_elsewhere_they_get_what_a_locations_secret_has(of_movers):
    found = of_movers({}, MoverOptions(image="i", namespace="elsewhere"), **location())
    assert (found.namespace, found.secret) == ("elsewhere", "")
    assert found.credentials["AWS_SECRET_ACCESS_KEY"] == b"key-secret"


def test_a_password_that_was_given_beside_a_location_is_the_one_they_get(of_movers, tmp_path):
    (tmp_path / "password").write_text("another\n")
    found = of_movers({}, password_file=tmp_path / "password", **location())
    assert (found.namespace, found.secret, found.credentials["password"]) == ("shop", "", b"another")


def test_a_locations_secret_without_a_password_is_not_enough(of_movers):
    found = of_movers({"HOLDFAST_PASSWORD": "another"}, **location(password=b""))
    assert (found.secret, found.credentials["password"]) == ("", b"another")


@pytest.fixture
def pod(tmp_path):
    """The environment of a run in a pod."""
    for name, value in (KEYS | {"password": "correct-horse"}).items():
        (tmp_path / name).write_text(value)
    return {"HOLDFAST_CREDENTIALS": str(tmp_path), "HOLDFAST_NAMESPACE": "shop", "HOLDFAST_SECRET": "location-main"}


def test_those_of_a_pod_run_beside_it_with_its_secret(of_movers, pod):
    found = of_movers(pod)
    assert (found.namespace, found.secret, found.credentials) == ("shop", "location-main", {})


def test_those_of_a_pod_have_the_pull_secrets_of_its_account_where_that_is(of_movers, pod):
    environ = {**pod, "HOLDFAST_ACCOUNT": "holdfast-runner"}
    assert of_movers(environ).account == "holdfast-runner"
    assert of_movers(environ, MoverOptions(image="i", namespace="elsewhere")).account == ""


def test_elsewhere_they_get_what_a_pod_has(of_movers, pod):
    found = of_movers(pod, MoverOptions(image="i", namespace="elsewhere"))
    assert (found.namespace, found.secret) == ("elsewhere", "")
    assert found.credentials.keys() == {*KEYS, "password"}


def test_a_pod_that_does_not_know_its_secret_gives_away_what_it_has(of_movers, pod):
    found = of_movers({name: value for name, value in pod.items() if name != "HOLDFAST_SECRET"})
    assert (found.namespace, found.secret) == ("shop", "")
    assert found.credentials["password"] == b"correct-horse"


def test_pods_may_reach_the_repository_by_another_name(of_movers):
    inner = "s3:http://10.100.0.1:9000/backups/shop"
    options = MoverOptions(image="i", repository=inner)
    assert of_movers(options=options, repository="s3:http://127.0.0.1:9000/backups/shop").repository == inner


@pytest.mark.parametrize("repository", ["/srv/backups", "s3:http://127.0.0.1:9000/bucket"])
def test_a_repository_of_this_machine_is_refused_before_anything_is_asked(of_movers, repository):
    refusal(lambda: of_movers({}, MoverOptions(), repository=repository))


def test_without_a_repository_there_are_no_movers(of_movers):
    refusal(lambda: of_movers(repository=""), error=HoldfastError)


# The image


@pytest.fixture
def connected(cluster):
    found = connect(Settings(kubeconfig=str(cluster.kubeconfig)), Cancel())
    yield found
    found.close()


def controller(image):
    labels = {"app": "controller"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "holdfast-controller"},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": image}]}},
        },
    }


def test_movers_have_the_controllers_image_and_what_it_takes_to_pull_it(cluster, connected, namespace):
    assert find_installed(connected, namespace) == (IMAGE, "")
    cluster.api.create(f"/apis/apps/v1/namespaces/{namespace}/deployments", controller("registry.example/holdfast:2"))
    assert find_installed(connected, namespace) == ("registry.example/holdfast:2", "holdfast-runner")


def test_who_may_not_look_gets_the_default_image(cluster, namespace):
    cluster.api.create(f"/apis/apps/v1/namespaces/{namespace}/deployments", controller("registry.example/holdfast:2"))
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]
    without_rights = connect(Settings(kubeconfig=str(cluster.account(f"none-{namespace}", rules))), Cancel())
    try:
        assert find_installed(without_rights, namespace) == (IMAGE, "")
    finally:
        without_rights.close()

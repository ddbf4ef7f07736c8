"""Kubeconfig files in all forms, and the pod's own account."""

from __future__ import annotations

import base64
import dataclasses
import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from holdfast.cluster import in_cluster, kubeconfig
from holdfast.cluster.credentials import ClientCertificate, Presented, header_value
from holdfast.cluster.exec_plugin import ExecPlugin
from holdfast.cluster.settings import Impersonation
from holdfast.errors import KubeconfigInvalid

SECRET = "s3cr3t"
SERVER = "https://api.test:6443"


def inline(text):
    return base64.b64encode(text.encode()).decode()


def entry(name="c", cluster=None, user=None, **context):
    """A kubeconfig with one context."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, **context}}],
        "clusters": [{"name": name, "cluster": {"server": SERVER, **(cluster or {})}}],
        "users": [{"name": name, "user": user or {}}],
    }


@pytest.fixture
def write(tmp_path):
    def to_file(content, name="config"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
        return str(path)

    return to_file


@pytest.fixture
def load(write):
    """Settings from a kubeconfig with this content."""
    return lambda content, context=None, **environ: kubeconfig.load(write(content), context, environ)


@pytest.mark.parametrize(
    ("cluster", "field", "expected"),
    [
        ({}, "server", SERVER),
        ({"server": "api.test:6443"}, "server", SERVER),
        ({"server": "http://api.test:8080"}, "server", "http://api.test:8080"),
        ({}, "certificate_authority", None),
        ({"certificate-authority-data": inline("CA")}, "certificate_authority", b"CA"),
        ({}, "insecure_skip_tls_verify", False),
        ({"insecure-skip-tls-verify": True}, "insecure_skip_tls_verify", True),
        ({"tls-server-name": "kubernetes"}, "tls_server_name", "kubernetes"),
        ({"proxy-url": "http://proxy.test:3128"}, "proxy_url", "http://proxy.test:3128"),
        ({"server": SERVER, "future-field": {"a": [1]}}, "server", SERVER),
    ],
)
def test_fields_of_a_cluster(load, cluster, field, expected):
    assert getattr(load(entry(cluster=cluster)), field) == expected


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ({}, Presented()),
        ({"token": SECRET}, Presented(f"Bearer {SECRET}")),
        ({"username": "ada", "password": "pä ss"}, Presented("Basic " + inline("ada:pä ss"))),
        ({"token": SECRET, "username": "ada", "password": "x"}, Presented(f"Bearer {SECRET}")),
        (
            {"client-certificate-data": inline("CERT"), "client-key-data": inline("KEY")},
            Presented("", ClientCertificate(b"CERT", b"KEY")),
        ),
        (
            {"token": SECRET, "client-certificate-data": inline("CERT"), "client-key-data": inline("KEY")},
            Presented(f"Bearer {SECRET}", ClientCertificate(b"CERT", b"KEY")),
        ),
        ({"token": SECRET, "exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "/x"}},
         Presented(f"Bearer {SECRET}")),
    ],
)  # fmt: skip
def test_credentials_of_a_user(load, user, expected):
    assert load(entry(user=user)).credential.current() == expected


def test_a_context_without_a_user_is_anonymous(load):
    content = entry()
    del content["contexts"][0]["context"]["user"]
    assert load(content).credential.current() == Presented()


def test_files_are_relative_to_the_kubeconfig(load, write):
    for name, text in (("pki/ca", "CA"), ("pki/cert", "CERT"), ("pki/key", "KEY"), ("pki/token", f"{SECRET}\n")):
        write(text, name)
    settings = load(
        entry(
            cluster={"certificate-authority": "pki/ca"},
            user={"client-certificate": "pki/cert", "client-key": "pki/key", "tokenFile": "pki/token", "token": "old"},
        )
    )
    assert settings.certificate_authority == b"CA"
    assert settings.credential.current() == Presented(f"Bearer {SECRET}", ClientCertificate(b"CERT", b"KEY"))


def test_inline_data_goes_before_files(load):
    assert load(
        entry(cluster={"certificate-authority-data": inline("CA"), "certificate-authority": "/missing"})
    ).certificate_authority == b"CA"  # fmt: skip


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ({"token": "t"}, None),
        ({"as": "alice"}, Impersonation("alice")),
        (
            {"as": "alice", "as-uid": "42", "as-groups": ["dev", "ops"], "as-user-extra": {"reason": ["a", "b"]}},
            Impersonation("alice", "42", ("dev", "ops"), {"reason": ("a", "b")}),
        ),
    ],
)
def test_impersonation(load, user, expected):
    assert load(entry(user=user)).impersonation == expected


def test_namespace_and_context_are_kept(load):
    settings = load(entry(name="shop", namespace="prod"))
    assert (settings.namespace, settings.context) == ("prod", "shop")
    assert load(entry()).namespace == "default"


def test_an_environments_proxy_is_used_where_the_kubeconfig_has_none(load):
    environ = {"HTTPS_PROXY": "http://env.test:1"}
    assert load(entry(), **environ).proxy_url == "http://env.test:1"
    assert load(entry(cluster={"proxy-url": "http://own.test:2"}), **environ).proxy_url == "http://own.test:2"


def test_a_plugin_gets_arguments_environment_and_cluster(load, script):
    command = script(
        'echo "{\\"kind\\": \\"ExecCredential\\", \\"apiVersion\\": \\"client.authentication.k8s.io/v1beta1\\",'
        ' \\"status\\": {\\"token\\": \\"$1-$OURS-$THEIRS-$(echo "$KUBERNETES_EXEC_INFO" | grep -c audience)\\"}}"'
    )
    user = {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1beta1",
            "command": command,
            "args": ["get-token"],
            "env": [{"name": "THEIRS", "value": "2"}],
            "provideClusterInfo": True,
        }
    }
    extension = {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "x"}}
    credential = load(entry(user=user, cluster={"extensions": [extension]}), OURS="1", PATH="/usr/bin:/bin").credential
    assert isinstance(credential, ExecPlugin)
    assert credential.current().authorization == "Bearer get-token-1-2-1"


def test_another_context_can_be_chosen(load):
    content, other = entry("one"), entry("two", {"server": "https://two.test"})
    for part in ("contexts", "clusters", "users"):
        content[part] += other[part]
    assert load(content).server == SERVER
    assert load(content, "two").server == "https://two.test"


def test_several_files_are_merged_and_the_first_to_name_something_wins(write):
    first = write(entry("a", {"server": "https://first.test"}, {"tokenFile": "token"}), "first/config")
    write("first-token", "first/token")
    second = entry("b", {"server": "https://second.test", "certificate-authority": "ca"})
    second["clusters"] += entry("a", {"server": "https://late.test"})["clusters"]
    second = write(second, "second/config")
    write("CA", "second/ca")
    environ = {"KUBECONFIG": f"{first}:/missing/config:{second}:"}
    settings = kubeconfig.load(None, None, environ)
    assert (settings.context, settings.server) == ("a", "https://first.test")
    assert settings.credential.current().authorization == "Bearer first-token"
    other = kubeconfig.load(None, "b", environ)
    assert (other.server, other.certificate_authority) == ("https://second.test", b"CA")


def test_a_named_file_is_the_only_one_that_counts(write):
    named = write(entry("named", {"server": "https://named.test"}), "named")
    other = write(entry("other"), "other")
    assert kubeconfig.load(named, None, {"KUBECONFIG": other}).server == "https://named.test"


def test_without_a_word_the_home_directorys_file_is_used(write, tmp_path):
    write(entry(), ".kube/config")
    assert kubeconfig.load(None, None, {"HOME": str(tmp_path)}).server == SERVER


@pytest.mark.parametrize("text", [json.dumps(entry()), yaml.safe_dump(entry()) + "preferences: {}\nextensions:\n"])
def test_json_and_empty_values_are_read(load, text):
    assert load(text).server == SERVER


WRONG = {
    "no such context": (entry(), "prod", "no context 'prod'"),
    "no current context": (entry() | {"current-context": ""}, None, "no context is chosen"),
    "missing cluster": (entry() | {"clusters": []}, None, "names a cluster 'c'"),
    "missing user": (entry() | {"users": []}, None, "names a user 'c'"),
    "no server": (entry(cluster={"server": ""}), None, "no server address"),
    "authority is no base64": (entry(cluster={"certificate-authority-data": "a"}), None, "not base64"),
    "authority is missing": (entry(cluster={"certificate-authority": "gone"}), None, "No such file"),
    "key without certificate": (entry(user={"client-key-data": inline(SECRET)}), None, "no client-certificate"),
    "certificate without key": (entry(user={"client-certificate-data": inline("C")}), None, "no client-key"),
    "wrong type": (entry(user={"token": [SECRET]}), None, "Expected `str`"),
    "token with a line break": (entry(user={"token": f"{SECRET}\n{SECRET}"}), None, "line breaks"),
    "old auth provider": (entry(user={"auth-provider": {"name": "gcp"}}), None, "auth-provider"),
    "old plugin version": (
        entry(user={"exec": {"apiVersion": "client.authentication.k8s.io/v1alpha1", "command": "x"}}), None, "v1alpha1",
    ),
    "plugin without command": (
        entry(user={"exec": {"apiVersion": "client.authentication.k8s.io/v1"}}), None, "without a command",
    ),
    "groups without user": (entry(user={"as-groups": ["a"]}), None, "without a user in `as`"),
    "user for no header": (entry(user={"as": "a\nb"}), None, "impersonated user"),
    "socks proxy": (entry(cluster={"proxy-url": f"socks5://me:{SECRET}@p:1"}), None, "begins with 'socks5'"),
    "not YAML": (f"users: [{{token: {SECRET}]", None, "line 1"),
    "not text": ("\x00", None, "is not YAML"),
    "not a mapping": (f"- {SECRET}", None, "is not valid"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_without_secrets(load, case):
    content, context, expected = WRONG[case]
    with pytest.raises(KubeconfigInvalid) as error:
        load(content, context)
    assert expected in f"{error.value.what}: {error.value.why}"
    assert SECRET not in repr(vars(error.value))
    assert error.value.__cause__ is None or SECRET not in str(error.value.__cause__)
    assert error.value.exit_code == 2


def test_the_contexts_there_are_are_listed(load):
    with pytest.raises(KubeconfigInvalid) as error:
        load(entry("shop"), "prod")
    assert error.value.next == "Contexts there are: shop."


def test_a_named_file_must_exist(tmp_path):
    with pytest.raises(KubeconfigInvalid, match="No such file"):
        kubeconfig.load(str(tmp_path / "gone"), None, {})


def test_no_kubeconfig_at_all_says_where_it_was_looked_for(tmp_path):
    with pytest.raises(KubeconfigInvalid) as error:
        kubeconfig.load(None, None, {"HOME": str(tmp_path)})
    assert f"{tmp_path}/.kube/config" in error.value.why


def test_settings_show_no_secret(load):
    settings = load(entry(user={"token": SECRET}, cluster={"proxy-url": f"http://me:{SECRET}@p:1"}))
    assert SECRET not in repr(settings)
    assert SECRET not in repr(dataclasses.asdict(settings)["credential"]["presented"]["certificate"])
    assert SECRET not in repr(settings.credential)


@pytest.fixture
def account(tmp_path, monkeypatch):
    """A pod's mounted service account."""
    directory = tmp_path / "serviceaccount"
    directory.mkdir()
    for name, text in (("token", "pod-token"), ("ca.crt", "CA"), ("namespace", "shop")):
        (directory / name).write_text(text)
    monkeypatch.setattr(in_cluster, "ACCOUNT", directory)
    return directory


POD = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}


@pytest.mark.usefixtures("account")
def test_a_pod_uses_its_own_account(tmp_path):
    settings = kubeconfig.load(None, None, POD | {"HOME": str(tmp_path)})
    assert (settings.server, settings.namespace) == ("https://10.96.0.1:443", "shop")
    assert settings.certificate_authority == b"CA"
    assert settings.credential.current().authorization == "Bearer pod-token"


@pytest.mark.usefixtures("account")
def test_a_pods_server_may_have_an_ipv6_address(tmp_path):
    environ = {"KUBERNETES_SERVICE_HOST": "fd00::1", "HOME": str(tmp_path)}
    assert kubeconfig.load(None, None, environ).server == "https://[fd00::1]:443"


@pytest.mark.usefixtures("account")
def test_a_kubeconfig_goes_before_the_pods_account(write):
    assert kubeconfig.load(None, None, POD | {"KUBECONFIG": write(entry())}).server == SERVER


def test_a_pod_with_half_an_account_is_told_so(account, tmp_path):
    (account / "ca.crt").unlink()
    with pytest.raises(KubeconfigInvalid, match=r"ca\.crt"):
        kubeconfig.load(None, None, POD | {"HOME": str(tmp_path)})


@given(st.text())
def test_a_header_value_is_taken_as_it_is_or_refused_without_being_shown(text):
    value = f"{text}{SECRET}"
    if value.isascii() and value.isprintable():
        assert header_value(value, "token") == value
    else:
        with pytest.raises(KubeconfigInvalid) as error:
            header_value(value, "token")
        assert SECRET not in repr(vars(error.value))


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=8) | st.text().map(str))
def test_any_yaml_is_read_or_refused(tmp_path_factory, value):
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_text(yaml.safe_dump({"current-context": value, "clusters": value}), encoding="utf-8")
    with pytest.raises(KubeconfigInvalid):
        kubeconfig.load(str(path), None, {})

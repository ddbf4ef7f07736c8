"""Token files and plugins."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest

from holdfast.cluster.credentials import TOKEN_FILE_MAX_AGE, ClientCertificate, Presented, TokenFile
from holdfast.cluster.exec_plugin import ClusterInfo, ExecPlugin, PluginSettings
from holdfast.errors import ClusterError, KubeconfigInvalid

V1 = "client.authentication.k8s.io/v1"
SECRET = "s3cr3t"


@pytest.fixture
def token_file(tmp_path):
    path = tmp_path / "token"
    path.write_text("one\n")
    return path


def test_a_token_file_is_read_again_after_a_while(token_file, clock):
    credential = TokenFile(token_file, clock=clock)
    assert credential.current().authorization == "Bearer one"
    token_file.write_text("two")
    clock.advance(TOKEN_FILE_MAX_AGE - 1)
    assert credential.current().authorization == "Bearer one"
    clock.advance(1)
    assert credential.current().authorization == "Bearer two"


def test_a_refused_token_is_looked_up_at_once(token_file, clock):
    credential = TokenFile(token_file, clock=clock)
    first = credential.current()
    assert not credential.renew(first)
    token_file.write_text("two")
    assert credential.renew(first)
    assert credential.current().authorization == "Bearer two"


@pytest.mark.parametrize(
    "spoil", [Path.unlink, lambda path: path.write_text(""), lambda path: path.write_bytes(b"\xff")]
)
def test_a_token_file_that_is_being_replaced_keeps_its_last_token(token_file, clock, spoil):
    credential = TokenFile(token_file, clock=clock)
    credential.current()
    spoil(token_file)
    clock.advance(TOKEN_FILE_MAX_AGE)
    assert credential.current().authorization == "Bearer one"


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe", SECRET.encode() + b"\nx"])
def test_a_token_file_that_never_held_a_token_is_an_error_without_its_content(tmp_path, content):
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(KubeconfigInvalid) as error:
        TokenFile(path).current()
    assert str(path) in str(error.value)
    assert SECRET not in repr(vars(error.value))


def answer(version=V1, **status):
    return json.dumps({"kind": "ExecCredential", "apiVersion": version, "status": status})


@pytest.fixture
def plugin(script, clock, tmp_path):
    """`plugin(text, **settings) -> ExecPlugin` that runs a shell script; each run adds a line to the file `runs`."""

    def make(text, **settings):
        command = script(f'echo >> "{tmp_path}/runs"\n{text}')
        fields = {"api_version": V1, "command": command, "environment": dict(os.environ)}
        return ExecPlugin(PluginSettings(**fields | settings), clock=clock)

    return make


@pytest.fixture
def runs(tmp_path):
    return lambda: len((tmp_path / "runs").read_text().splitlines())


def test_a_plugins_token_is_used_until_it_expires(plugin, runs, clock):
    until = clock.now().replace(hour=1).isoformat()
    credential = plugin(f"echo '{answer(token='t', expirationTimestamp=until)}'")
    for _ in range(3):
        assert credential.current() == Presented("Bearer t")
    assert runs() == 1
    clock.advance(3600)
    credential.current()
    assert runs() == 2


def test_a_plugins_token_without_expiration_is_used_until_it_is_refused(plugin, runs, clock):
    credential = plugin(f"echo '{answer(token='t')}'")
    first = credential.current()
    clock.advance(10**6)
    credential.current()
    assert runs() == 1
    assert credential.renew(first)
    assert runs() == 2


def test_a_token_that_another_thread_has_renewed_is_not_renewed_again(plugin, runs):
    credential = plugin(f"echo '{answer(token='t')}' | sed s/t\\\"/$$\\\"/")  # the token holds the process's number
    old = credential.current()
    assert credential.renew(old)
    assert credential.renew(old)
    assert runs() == 2


def test_many_threads_wait_for_one_run(plugin, runs):
    credential = plugin(f"sleep 0.1; echo '{answer(token='t')}'")
    threads = [threading.Thread(target=credential.current) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert runs() == 1


def test_a_plugin_may_give_a_certificate(plugin):
    credential = plugin(f"echo '{answer(clientCertificateData='C', clientKeyData='K')}'")
    assert credential.current() == Presented("", ClientCertificate(b"C", b"K"))


@pytest.mark.parametrize("told", [False, True])
def test_what_a_plugin_is_told(plugin, tmp_path, told):
    info = ClusterInfo("https://api.test", "name", certificate_authority=b"CA", config={"audience": "x"})
    credential = plugin(
        f"echo \"$KUBERNETES_EXEC_INFO\" > {tmp_path}/info; echo '{answer(token='t')}'", cluster=info if told else None
    )
    credential.current()
    spec = {"interactive": False}
    if told:
        spec["cluster"] = {
            "server": "https://api.test", "tls-server-name": "name", "certificate-authority-data": "Q0E=",
            "config": {"audience": "x"},
        }  # fmt: skip
    expected = {"kind": "ExecCredential", "apiVersion": V1, "spec": spec}
    assert json.loads((tmp_path / "info").read_text()) == expected


def test_a_failing_plugin_is_quoted_shortly_and_its_hint_passed_on(plugin):
    credential = plugin(
        "echo 'session expired' >&2; head -c 5000 /dev/zero | tr '\\0' x >&2; exit 7", install_hint="Do it."
    )
    with pytest.raises(ClusterError) as error:
        credential.current()
    assert error.value.why.startswith("exit status 7: session expired")
    assert len(error.value.why) < 300
    assert error.value.next == "Do it."


@pytest.mark.parametrize(
    "output",
    [
        "",
        f"{SECRET}",
        json.dumps({"kind": "ExecCredential", "apiVersion": V1}),
        answer(),
        answer(token=[SECRET]),
        answer("client.authentication.k8s.io/v1beta1", token=SECRET),
        answer(clientCertificateData=SECRET),
        answer(clientKeyData=SECRET),
        answer(token=SECRET, expirationTimestamp="tomorrow"),
        answer(token=SECRET, expirationTimestamp="2026-01-01T00:00:00"),
        json.dumps({"kind": "Secret", "apiVersion": V1, "status": {"token": SECRET}}),
    ],
)
def test_a_plugin_that_gives_no_credential_is_an_error_without_its_output(plugin, output):
    with pytest.raises(ClusterError, match="gave no credential") as error:
        plugin(f"echo '{output}'").current()
    assert SECRET not in repr(vars(error.value))


def test_a_token_that_is_none_is_refused(plugin):
    with pytest.raises(KubeconfigInvalid, match="not usable"):
        plugin(f"echo '{answer(token='a b' + chr(0xE9))}'").current()


def test_a_plugin_is_looked_for_in_the_path_of_its_own_environment(plugin, tmp_path):
    credential = plugin(
        f"echo '{answer(token='t')}'", command="plugin", environment={"PATH": f"{tmp_path}:/usr/bin:/bin"}
    )
    assert credential.current().authorization == "Bearer t"


def test_a_relative_plugin_lies_beside_the_kubeconfig(plugin, tmp_path):
    credential = plugin(f"echo '{answer(token='t')}'", command="./plugin", directory=tmp_path)
    assert credential.current().authorization == "Bearer t"


@pytest.mark.parametrize("command", ["no-such-plugin-here", "./no-such-plugin-here"])
def test_a_plugin_that_is_not_installed_is_said_with_its_hint(plugin, command, tmp_path):
    with pytest.raises(KubeconfigInvalid) as error:
        plugin("", command=command, directory=tmp_path, install_hint="Get it at the shop.").current()
    assert command in str(error.value)
    assert error.value.next == "Get it at the shop."


def test_a_plugin_that_needs_somebody_to_type_is_refused_without_a_terminal(plugin, monkeypatch):
    with open(os.devnull) as nobody:  # noqa: PTH123 - a device
        monkeypatch.setattr("sys.stdin", nobody)
        with pytest.raises(KubeconfigInvalid, match="cannot be run here"):
            plugin("", interactive_mode="Always").current()

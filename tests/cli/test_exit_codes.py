"""What a command's exit code and its three-part error say, for everything that can go wrong before a run begins."""

import json
import os
import shutil
import subprocess

import pytest
from tests.cli.holdfast import PASSWORD, PROGRAM
from tests.sample_repository import init

from holdfast.codec.crypto import ScryptCost
from holdfast.model.clock import SystemClock
from holdfast.repository.config import Config, seal_config
from holdfast.repository.repository import init_repository
from holdfast.store.local import LocalStore


@pytest.fixture
def made(repository):
    """A repository that costs nothing to open."""
    init(LocalStore(repository), PASSWORD)
    return repository


def test_done_is_0(holdfast, made):
    holdfast("backup", "list", "-r", made, code=0)


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_is_0_and_on_standard_output(holdfast, flag):
    assert "Usage: holdfast" in holdfast(flag, code=0).out


def test_version_is_0(holdfast):
    assert holdfast("--version", code=0).out.startswith("holdfast 0.")


def test_nothing_at_all_is_2_with_the_help(holdfast):
    done = holdfast(code=2)
    assert "Usage: holdfast" in done.err
    assert done.out == ""


def test_a_noun_alone_is_2_with_its_help(holdfast):
    assert "Usage: holdfast backup" in holdfast("backup", code=2).err


@pytest.mark.parametrize(
    ("arguments", "why", "advice"),
    [
        (("bakcup",), "no such command 'bakcup'", "Did you mean backup?"),
        (("backup", "creat"), "no such command 'creat'", "Did you mean create"),
        (("backup", "list", "--outptu", "json"), "no such option '--outptu'", "Did you mean --output?"),
        (("backup", "list", "-o", "xml"), "'xml' is not one of", "holdfast backup list --help"),
        (("backup", "show"), "missing argument 'BACKUP'", "holdfast backup show --help"),
        (("backup", "list", "too", "many"), "unexpected extra arguments", "holdfast backup list --help"),
    ],
)
def test_a_command_line_that_makes_no_sense_is_2(holdfast, arguments, why, advice):
    problem = holdfast(*arguments, code=2).problem
    assert problem[0] == "the command line cannot be understood"
    assert why in problem[1]
    assert advice in problem[2]


def test_no_repository_named_is_2(holdfast):
    assert "HOLDFAST_REPOSITORY" in holdfast("backup", "list", code=2).problem[1]


@pytest.mark.parametrize("url", ["ftp://host/x", "s3:", "s3://bucket/x", "gs:"])
def test_a_repository_url_that_nobody_understands_is_2(holdfast, url):
    assert "Error: " in holdfast("backup", "list", "-r", url, code=2).err


def test_no_repository_there_is_10(holdfast, tmp_path):
    what, why, advice = holdfast("backup", "list", "-r", tmp_path / "nothing", code=10).problem
    assert str(tmp_path / "nothing") in what
    assert "config" in why
    assert "holdfast repository init" in advice


def test_a_repository_that_is_there_already_is_1(holdfast, made):
    assert "already" in holdfast("repository", "init", "-r", made, code=1).err


def test_a_wrong_password_is_12(holdfast, made):
    done = holdfast.but(HOLDFAST_PASSWORD="wrong-password-7", HOLDFAST_PASSWORD_FILE=None)
    done.secrets = {"wrong-password-7"}
    assert "--password-file" in done("backup", "list", "-r", made, code=12).err


def test_a_repository_of_another_version_is_1_and_is_left_as_it_is(holdfast, made):
    store = LocalStore(made)
    opened = init_repository(LocalStore(made.with_name("other")), PASSWORD, SystemClock(), ScryptCost(2, 1, 1))
    shutil.rmtree(made / "keys")
    shutil.copytree(made.with_name("other") / "keys", made / "keys")
    store.put("config", [seal_config(opened.key, Config(1, opened.config.id, opened.config.chunker_polynomial))])
    before = sorted(store.list(""))
    what, why, advice = holdfast("backup", "list", "-r", made, code=1).problem
    assert "version 1" in what
    assert "version 2" in why
    assert "migrate upgrade_repo_v2" in advice
    assert sorted(store.list("")) == before


def test_a_kubeconfig_that_does_not_exist_is_2(holdfast, made):
    done = holdfast("backup", "create", "-n", "x", "-r", made, "--kubeconfig", "/nowhere/kubeconfig", code=2)
    assert "/nowhere/kubeconfig" in done.err


def test_a_context_that_does_not_exist_is_2_and_names_those_that_do(holdfast, made, cluster):
    flags = ("-r", made, "--kubeconfig", cluster.kubeconfig, "--context", "production")
    assert f"Contexts there are: {cluster.name}" in holdfast("backup", "create", "-n", "x", *flags, code=2).err


def kubeconfig(path, server, **fields):
    content = {
        "clusters": [{"name": "a", "cluster": {"server": server, **fields}}],
        "users": [{"name": "a", "user": {"token": "a-token-nobody-may-see"}}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
        "current-context": "a",
    }
    path.write_text(json.dumps(content))
    return path


def test_an_api_server_that_is_away_is_1(holdfast, made, tmp_path):
    path = kubeconfig(tmp_path / "kubeconfig", "https://127.0.0.1:1")
    what, why, advice = holdfast("backup", "create", "-n", "x", "-r", made, "--kubeconfig", path, code=1).problem
    assert what == "cannot reach the API server https://127.0.0.1:1"
    assert "connection refused" in why
    assert "Check" in advice


def test_an_api_server_whose_certificate_is_not_trusted_is_1(holdfast, made, tmp_path, cluster):
    path = kubeconfig(tmp_path / "kubeconfig", cluster.url)
    what, why, advice = holdfast("backup", "create", "-n", "x", "-r", made, "--kubeconfig", path, code=1).problem
    assert cluster.url in what
    assert "certificate" in why
    assert advice


def test_a_token_that_nobody_knows_is_1_and_is_not_shown(holdfast, made, tmp_path, cluster):
    path = kubeconfig(tmp_path / "kubeconfig", cluster.url, **{"certificate-authority": str(cluster.ca_file)})
    holdfast.secrets.add("a-token-nobody-may-see")
    _, why, advice = holdfast("backup", "create", "-n", "x", "-r", made, "--kubeconfig", path, code=1).problem
    assert "does not accept the credential" in why
    assert "Log in" in advice


def test_an_unknown_backup_is_1(holdfast, made):
    assert "holdfast backup list" in holdfast("backup", "show", "nothing", "-r", made, code=1).problem[2]


def test_a_reader_that_goes_away_is_no_reason_for_a_traceback(holdfast, made):
    """As in `holdfast … | head -1`: here the pipe's reading end is closed before anything is written."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [PROGRAM, "repository", "show", "-r", str(made)],
        env=holdfast.environment,
        stdout=writing,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    os.close(writing)
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr

"""`holdfast location` in a real cluster, and --location with the verbs that need a repository."""

import base64
import json
import stat

import pytest
from tests.cli.documented import assert_documented, assert_is
from tests.cli.holdfast import PASSWORD
from tests.cli.terminal import Terminal
from tests.definitions import install_definitions
from tests.operations.harness import connected

OURS = "/apis/holdfast.dev/v1alpha1/namespaces"


@pytest.fixture(scope="module", autouse=True)
def _defined(cluster):
    with connected(cluster.kubeconfig) as client:
        install_definitions(client)


@pytest.fixture
def program(holdfast, cluster):
    """The program with cluster and password, without a repository."""
    return holdfast.but(KUBECONFIG=cluster.kubeconfig)


@pytest.fixture
def bare(program):
    """The same without a password: only the location has it."""
    return program.but(HOLDFAST_PASSWORD_FILE=None)


@pytest.fixture
def main(program, namespace, repository, restic_agrees):
    """`NAMESPACE/main`, with a repository that both restics find whole after the test."""
    program("location", "add", f"{namespace}/main", "--url", repository, "--init")
    yield f"{namespace}/main"
    restic_agrees(repository, PASSWORD)


def secret_of(cluster, namespace, name="location-main"):
    found = cluster.api.request("GET", f"/api/v1/namespaces/{namespace}/secrets/{name}")
    return found["metadata"], {key: base64.b64decode(value).decode() for key, value in found["data"].items()}


def location_of(cluster, namespace, name="main"):
    return cluster.api.request("GET", f"{OURS}/{namespace}/storagelocations/{name}")


def make_plan(cluster, namespace, name, location="main"):
    plan = {
        "apiVersion": "holdfast.dev/v1alpha1",
        "kind": "BackupPlan",
        "metadata": {"name": name},
        "spec": {"schedule": "daily", "location": location, "backup": {"namespaces": [namespace], "volumes": "none"}},
    }
    cluster.api.create(f"{OURS}/{namespace}/backupplans", plan)


# Adding


def test_a_location_is_made_with_its_secret_and_its_repository(main, cluster, namespace, repository, bare):
    metadata, data = secret_of(cluster, namespace)
    assert data == {"password": PASSWORD}
    assert metadata["labels"] == {"app.kubernetes.io/managed-by": "holdfast"}
    assert location_of(cluster, namespace)["spec"] == {"url": str(repository), "secret": "location-main"}
    assert (repository / "config").exists()
    bare("backup", "list", "--location", main)


def test_what_exists_is_not_changed_unless_asked(main, program, cluster, namespace, repository, tmp_path):
    before = location_of(cluster, namespace)
    what, _, advice = program("location", "add", main, "--url", tmp_path / "other", code=2).problem
    assert (what, "--update" in advice) == (f"the location {main} exists already", True)
    assert location_of(cluster, namespace) == before

    (tmp_path / "region").write_text("eu-west-1\n")
    elsewhere = program.but(HOLDFAST_PASSWORD_FILE=None, HOLDFAST_PASSWORD="of another repository")
    credential = f"AWS_REGION={tmp_path}/region"
    elsewhere("location", "add", main, "--update", "--credential", credential, "--prune-schedule", "daily")
    assert secret_of(cluster, namespace)[1] == {"password": PASSWORD, "AWS_REGION": "eu-west-1\n"}
    spec = location_of(cluster, namespace)["spec"]
    assert (spec["url"], spec["maintenance"]["prune"]["schedule"]) == (str(repository), "daily")


def test_a_secret_of_somebody_else_is_not_taken(program, cluster, namespace, repository):
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "location-main"}, "data": {}}
    cluster.api.create(f"/api/v1/namespaces/{namespace}/secrets", body)
    done = program("location", "add", f"{namespace}/main", "--url", repository, code=2)
    assert done.problem[0] == f"the Secret {namespace}/location-main exists already"


def test_an_existing_secret_is_used_and_left_as_it_is(program, cluster, namespace, repository):
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "mine"}, "stringData": {"password": PASSWORD}}
    cluster.api.create(f"/api/v1/namespaces/{namespace}/secrets", body)
    before = secret_of(cluster, namespace, "mine")
    bare = program.but(HOLDFAST_PASSWORD_FILE=None)
    bare("location", "add", f"{namespace}/main", "--url", repository, "--secret", "mine", "--init")
    assert secret_of(cluster, namespace, "mine") == before
    assert location_of(cluster, namespace)["spec"]["secret"] == "mine"
    bare("backup", "list", "--location", f"{namespace}/main")


@pytest.mark.parametrize("data", [None, {}])
def test_a_secret_that_is_missing_or_has_no_password_is_named(program, cluster, namespace, repository, data):
    if data is not None:
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "mine"}, "stringData": data}
        cluster.api.create(f"/api/v1/namespaces/{namespace}/secrets", body)
    done = program("location", "add", f"{namespace}/main", "--url", repository, "--secret", "mine", code=None)
    assert done.code == (1 if data is None else 2)
    assert f"{namespace}/mine" in done.problem[0]


def test_a_generated_password_goes_into_a_file_for_the_owner_only(bare, cluster, namespace, repository, tmp_path):
    out = tmp_path / "out"
    arguments = ["location", "add", f"{namespace}/main", "--url", repository, "--generate-password"]
    assert "--password-out" in bare(*arguments, code=2).problem[2]  # nobody to show it to
    done = bare(*arguments, "--password-out", out, "--init")
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    password = out.read_text().strip()
    assert len(password) > 40
    assert password not in done.out + done.err
    assert "outside the cluster" in done.err
    assert secret_of(cluster, namespace)[1]["password"] == password
    bare("backup", "list", "-r", repository, "--password-file", out)
    assert (
        "File exists"
        in bare("location", "add", f"{namespace}/b", *arguments[3:], "--password-out", out, code=2).problem[1]
    )


def test_at_a_terminal_a_generated_password_is_shown_once(bare, cluster, namespace, repository):
    arguments = ["location", "add", f"{namespace}/main", "--url", str(repository), "--generate-password"]
    terminal = Terminal(bare, *arguments)
    assert terminal.end() == 0, terminal.text
    assert terminal.text.count(secret_of(cluster, namespace)[1]["password"]) == 1


def test_a_dry_run_writes_nothing_and_prints_no_secret(program, cluster, namespace, repository):
    arguments = ["location", "add", f"{namespace}/main", "--url", repository, "--init", "--dry-run", "-o", "yaml"]
    secret, location = program(*arguments).yaml["items"]
    assert (secret["data"], location["spec"]["url"]) == ({"password": "<hidden>"}, str(repository))
    assert not repository.exists()
    for path in (f"/api/v1/namespaces/{namespace}/secrets/location-main", f"{OURS}/{namespace}/storagelocations/main"):
        assert not cluster.api.exists(path)
    shown = program(*arguments, "--show-secrets").yaml["items"][0]["data"]["password"]
    assert base64.b64decode(shown).decode() == PASSWORD


def test_credentials_come_from_the_environment_if_told(program, cluster, namespace, s3_server):
    bucket = s3_server.repository("of-the-environment")
    s3_server.create_bucket("of-the-environment")
    named = program.but(**s3_server.environment)
    named.secrets |= {s3_server.secret_key}
    arguments = ["location", "add", f"{namespace}/main", "--url", bucket, "--credentials-from-env"]
    named(*arguments, "--init")
    assert secret_of(cluster, namespace)[1] == s3_server.environment | {"password": PASSWORD}
    bare = program.but(HOLDFAST_PASSWORD_FILE=None, AWS_ACCESS_KEY_ID="another", AWS_SESSION_TOKEN="another")
    bare("backup", "list", "--location", f"{namespace}/main")
    other = named.but(AWS_REGION="elsewhere", HOLDFAST_PASSWORD_FILE=None)
    other("location", "add", f"{namespace}/main", "--update", "--credentials-from-env")
    assert secret_of(cluster, namespace)[1]["AWS_REGION"] == "elsewhere"
    assert "temporary" in named.but(AWS_SESSION_TOKEN="x")(*arguments, code=2).problem[0]
    assert "no credentials" in program(*arguments, code=2).problem[0]


def test_a_repository_that_exists_is_taken_if_the_password_opens_it(stocked, repository, cluster, namespace, tmp_path):
    program = stocked.but(KUBECONFIG=cluster.kubeconfig)
    (tmp_path / "wrong").write_text("wrong")
    arguments = ["location", "add", f"{namespace}/main", "--url", repository, "--init"]
    program(*arguments, "--password-file", tmp_path / "wrong", code=12)
    assert not cluster.api.exists(f"{OURS}/{namespace}/storagelocations/main")
    assert "the password opens it" in program(*arguments).err


def test_a_namespace_that_does_not_exist_is_named(program, repository):
    what, _, advice = program("location", "add", "nowhere/main", "--url", repository, code=1).problem
    assert what == "there is no namespace nowhere"
    assert "NAMESPACE/NAME" in advice


# Looking


def test_lists_and_facts(main, program, cluster, namespace, repository):
    make_plan(cluster, namespace, "nightly")
    make_plan(cluster, namespace, "other", location="elsewhere")
    program("backup", "files", repository.parent / "repository" / "config", "--location", main)
    (listed,) = program("location", "list", "-n", namespace, "-o", "json").document
    assert_documented("location list", [listed])
    assert (listed["namespace"], listed["name"], listed["url"]) == (namespace, "main", str(repository))
    assert "not tried yet" in program("location", "list", "-n", namespace).out
    shown = program("location", "show", main, "-o", "json").document
    assert_is("LocationDetails", {name: value for name, value in shown.items() if name not in listed})
    assert (shown["plans"], shown["repository"]["backups"]) == (["nightly"], 1)
    assert "nobody forgets" in program("location", "show", main).out


def test_conditions_are_shown(main, program, cluster, namespace):
    condition = {
        "type": "Ready",
        "status": "False",
        "reason": "WrongPassword",
        "lastTransitionTime": "2026-11-26T20:00:00Z",
    }
    body = location_of(cluster, namespace)
    body["status"] = {"conditions": [condition | {"message": "the password is wrong"}]}
    cluster.api.request("PUT", f"{OURS}/{namespace}/storagelocations/main/status", body)
    assert "no: WrongPassword" in program("location", "list", "-n", namespace).out
    assert (
        "False (WrongPassword) since 2026-11-26T20:00:00Z the password is wrong"
        in program("location", "show", main).out
    )


def test_a_repository_that_is_gone_does_not_hide_the_location(main, program, repository):
    repository.rename(repository.with_name("away"))
    assert "there is no repository" in program("location", "show", main).out
    repository.with_name("away").rename(repository)


# Removing


def test_removing_keeps_the_secret_and_the_data(main, program, cluster, namespace, repository):
    done = program("location", "remove", main)
    assert f"The backups at {repository} and the Secret {namespace}/location-main stay" in done.err
    assert not cluster.api.exists(f"{OURS}/{namespace}/storagelocations/main")
    assert secret_of(cluster, namespace)
    program("backup", "list", "-r", repository)


def test_a_location_that_plans_use_stays_unless_told(main, program, cluster, namespace):
    make_plan(cluster, namespace, "nightly")
    _, why, advice = program("location", "remove", main, code=2).problem
    assert ("nightly" in why, "--yes" in advice) == (True, True)
    assert location_of(cluster, namespace)
    removed = program("location", "remove", main, "--yes", "-o", "json").document
    assert_documented("location remove", removed)
    assert removed["plans"] == ["nightly"]


# --location


def test_a_location_goes_before_the_environment_and_not_beside_a_flag(main, bare, tmp_path, password_file):
    elsewhere = bare.but(HOLDFAST_REPOSITORY=tmp_path / "none", HOLDFAST_PASSWORD="wrong")
    elsewhere("backup", "list", "--location", main)
    assert "both name a repository" in bare("backup", "list", "--location", main, "-r", "/x", code=2).problem[1]
    bare("backup", "list", "--location", main, "--password-file", password_file)
    (tmp_path / "wrong").write_text("wrong")
    bare("backup", "list", "--location", main, "--password-file", tmp_path / "wrong", code=12)


def test_applications_are_backed_up_to_a_location(main, bare, shop):
    bare("backup", "create", "-n", shop, "--location", main)
    assert len(bare("backup", "list", "--location", main, "-o", "json").document) == 1


def test_a_location_that_does_not_exist_and_one_without_its_secret(main, bare, cluster, namespace):
    what, _, advice = bare("backup", "list", "--location", f"{namespace}/none", code=1).problem
    assert (what, "holdfast location list" in advice) == (f"there is no location {namespace}/none", True)
    assert "does not name" in bare("backup", "list", "--location", "a/b/c", code=2).problem[0]
    cluster.api.request("DELETE", f"/api/v1/namespaces/{namespace}/secrets/location-main")
    what, _, advice = bare("backup", "list", "--location", main, code=1).problem
    assert (what, "`password`" in advice) == (f"there is no Secret {namespace}/location-main", True)


def test_who_may_not_read_secrets_is_told_what_to_ask_for(main, bare, cluster, namespace):
    rules = [{"apiGroups": ["holdfast.dev"], "resources": ["storagelocations"], "verbs": ["get"]}]
    viewer = bare.but(KUBECONFIG=cluster.account("viewer", rules, namespace))
    what, why, advice = viewer("backup", "list", "--location", main, code=1).problem
    assert what == f"cannot read secrets/{namespace}/location-main"
    assert "forbidden" in why
    assert "secrets in the namespace" in advice
    nobody = bare.but(KUBECONFIG=cluster.account("nobody", [], namespace))
    assert "storagelocations in the namespace" in nobody("location", "show", main, code=1).problem[2]


def test_a_cluster_without_our_kinds_says_so(bare, second_cluster):
    what, why, _ = bare.but(KUBECONFIG=second_cluster.kubeconfig)("location", "list", code=1).problem
    assert what == "this cluster has no storagelocations"
    assert "not installed" in why


def test_the_location_of_a_plan_is_used_if_no_other_repository_is_given(main, bare, cluster, shop, tmp_path):
    make_plan(cluster, shop, "nightly")
    namespace, _, name = main.partition("/")
    assert (shop, name) == (namespace, "main")
    bare("backup", "create", "--plan", f"{shop}/nightly", "--dry-run")
    bare("backup", "create", "--plan", f"{shop}/nightly")
    assert len(bare("backup", "list", "--location", main, "-o", "json").document) == 1
    bare("restore", "plan", "latest", "--plan", f"{shop}/nightly")
    elsewhere = bare.but(HOLDFAST_REPOSITORY=tmp_path / "none", HOLDFAST_PASSWORD=PASSWORD)
    elsewhere("backup", "create", "--plan", f"{shop}/nightly", code=10)


# Testing


def test_a_location_of_the_cluster_is_tried(main, bare, repository):
    found = bare("location", "test", main, "-o", "json").document
    assert (found["outcome"], found["reason"], found["suitedFor"]["maintenance"]) == ("done", "", True)
    assert "SUITED FOR" in bare("location", "test", main).out
    assert list((repository / "locks").iterdir()) == []


def test_exit_codes_and_reasons_tell_the_cases_apart(stocked, tmp_path):
    (tmp_path / "wrong").write_text("wrong")
    for arguments, code, reason in (
        ([], 0, ""),
        (["--password-file", tmp_path / "wrong"], 12, "WrongPassword"),
        (["-r", tmp_path / "none"], 10, "NoRepository"),
        (["-r", "s3:http://127.0.0.1:1/bucket"], 1, "StoreRefused"),  # no credentials at all
    ):
        done = stocked("location", "test", *arguments, "-o", "json", code=code)
        assert_documented("location test", done.document)
        assert done.document["reason"] == reason
    keys = stocked.but(AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b")
    dead = keys("location", "test", "-r", "s3:http://127.0.0.1:1/bucket", "--patience", "1", "-o", "json", code=1)
    assert dead.document["reason"] == "StoreUnavailable"


def test_a_pod_leaves_what_it_found_for_the_controller(stocked, tmp_path):
    result = tmp_path / "result"
    stocked.but(HOLDFAST_RESULT_FILE=result)("location", "test")
    told = json.loads(result.read_text())
    assert (told["verb"], told["outcome"], told["counts"]) == ("location test", "done", {"backups": 0, "snapshots": 0})
    assert told["id"] == json.loads(stocked("repository", "show", "-o", "json").out)["id"]
    assert "reason" not in told
    stocked.but(HOLDFAST_RESULT_FILE=result)("location", "test", "-r", tmp_path / "none", code=10)
    told = json.loads(result.read_text())
    assert (told["outcome"], told["reason"], told["exitCode"]) == ("failed", "NoRepository", 10)
    assert told["errors"][0]["next"]


def test_a_location_is_named_once(main, bare):
    assert "twice" in bare("location", "test", main, "-r", "/x", code=2).problem[0]
    assert "no repository is given" in bare("location", "test", code=2).problem[0]

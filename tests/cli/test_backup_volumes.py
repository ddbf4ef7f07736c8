"""What `backup create` says of volumes where there can be no movers: no pod reaches a directory of this machine."""

import json

import msgspec
import pytest
from tests.cli.documented import assert_documented, assert_is
from tests.cli.holdfast import wait_until

from holdfast.model.hooks import HookOutcome, HookRecord, When

SKIP = {"version": "v1", "volumePolicies": [{"conditions": {}, "action": {"type": "skip"}}]}
HOOK = [{"name": "still", "when": "before-backup", "command": ["true"]}]


@pytest.fixture
def claimed(shop, cluster):
    """The namespace with a claim that has a volume."""
    claims = f"/api/v1/namespaces/{shop}/persistentvolumeclaims"
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    body = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": spec}
    cluster.api.create(claims, body)
    wait_until(lambda: cluster.api.request("GET", f"{claims}/data")["status"].get("phase") == "Bound")
    return shop


def test_objects_are_saved_and_the_volume_is_named_with_the_next_step(connected, claimed):
    done = connected("backup", "create", "-n", claimed, "--name", "first", code=3)
    assert f"the data of the volume {claimed}/data was not saved" in done.err
    assert "pods cannot reach the repository" in done.err
    assert "--mover-repository" in done.err
    assert "is PARTIAL" in done.out
    [row] = [line.split() for line in done.out.splitlines() if line.startswith(claimed)]
    assert row[:4] == [claimed, "data", "failed", "live"]
    shown = connected("backup", "show", "first").out
    assert ["NAMESPACE", "VOLUME", "DATA", "WAY"] in [line.split()[:4] for line in shown.splitlines()]


def test_documents_say_what_became_of_each_volume(connected, claimed):
    made = connected("backup", "create", "-n", claimed, "-o", "json", code=3).document
    assert_documented("backup create", made)
    [volume] = made["volumes"]
    assert (volume["name"], volume["outcome"], volume["capacity"]) == ("data", "failed", "1Mi")
    record = connected("backup", "show", made["id"], "-o", "json").document
    assert_documented("backup show", record)
    assert record["volumes"] == made["volumes"]


def test_a_dry_run_says_what_would_be_done_with_each_volume(connected, claimed):
    found = connected("backup", "create", "-n", claimed, "--dry-run", "-o", "json").document
    assert_documented("backup create --dry-run", found)
    [volume] = found["volumes"]
    assert (volume["name"], volume["way"], volume["outcome"]) == ("data", "live", "")
    assert volume["why"] == "anywhere: no pod uses it"
    table = connected("backup", "create", "-n", claimed, "--dry-run").out
    assert any(line.split()[:4] == [claimed, "data", "live", "1Mi"] for line in table.splitlines())


@pytest.mark.parametrize("in_a_file", [True, False])
def test_a_policy_is_a_file_or_the_text_itself(connected, claimed, tmp_path, in_a_file):
    text = json.dumps(SKIP)
    if in_a_file:
        (tmp_path / "policy.yaml").write_text(text)
        text = tmp_path / "policy.yaml"
    made = connected("backup", "create", "-n", claimed, "--volume-policy", text, "-o", "json").document
    assert (made["outcome"], made["volumes"][0]["outcome"]) == ("done", "left-out")


def test_hooks_are_a_file_or_the_text_itself(connected, shop):
    done = connected("backup", "create", "-n", shop, "--hooks", json.dumps(HOOK), "-o", "json")
    assert done.document["hooks"] == []  # there is no pod


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--volume-policy", "/is/not/there"), "--volume-policy"),
        (("--volume-policy", '{"version": "v9"}'), "v1"),
        (("--hooks", "/is/not/there"), "--hooks"),
        (("--hook-before", "shop"), "--hook-before"),
        (("--exclude-path", "shop/data:"), "pattern"),
    ],
)
def test_flags_that_say_nothing_useful_end_the_run_before_it_begins(connected, shop, flags, said):
    done = connected("backup", "create", "-n", shop, *flags, code=2)
    assert said in " ".join(done.problem)
    assert connected("backup", "list", "-o", "json").document == []


def test_hooks_have_the_fields_that_are_documented():
    record = HookRecord(
        namespace="shop", pod="db-0", container="db", name="all", when=When.DUMP, outcome=HookOutcome.DONE, seconds=0.5
    )
    assert_is("Hook", msgspec.to_builtins(record))

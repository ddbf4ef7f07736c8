"""`holdfast backup` as people see it: tables, messages, questions."""

import json

import pytest
from tests.cli.holdfast import PASSWORD

BAD_NAME = "n\udcffme"  # a byte that is not UTF-8, as Python spells it


def test_a_life_of_a_backup_in_tables(connected, shop):
    done = connected("backup", "create", "-n", shop, "--name", "monday")
    assert done.out.startswith("Backup monday (")
    assert "full) is done" in done.out
    done = connected("backup", "create", "-n", shop, "--name", "tuesday")
    assert "since the last: 0 added, 0 changed, 0 removed" in done.out
    lines = connected("backup", "list").out.splitlines()
    assert lines[0].split() == [
        "ID",
        "NAME",
        "KIND",
        "TYPE",
        "OUTCOME",
        "TIME",
        "OBJECTS",
        "ADDED",
        "CLUSTER",
        "SELECTION",
    ]
    assert [line.split()[1:5] for line in lines[1:]] == [
        ["monday", "app", "full", "done"],
        ["tuesday", "app", "incremental", "done"],
    ]
    shown = connected("backup", "show", "tuesday").out
    assert f"Namespaces  {shop}" in shown
    assert "configmaps" in shown
    assert "login.json" in connected("backup", "browse", "monday", f"/objects/core/v1/secrets/{shop}").out
    cat = connected("backup", "cat", "monday", f"configmap/{shop}/settings")
    assert json.loads(cat.out)["data"] == {"colour": "grün"}
    assert "Deleted monday" in connected("backup", "delete", "monday", "-y").out
    assert [line.split()[1] for line in connected("backup", "list").out.splitlines()[1:]] == ["tuesday"]


def test_an_empty_list_says_what_to_do(stocked):
    done = stocked("backup", "list")
    assert done.out == ""
    assert "holdfast backup create" in done.err
    assert stocked("backup", "list", "-o", "json").document == []


def test_list_filters_by_label(shared):
    assert len(shared("backup", "list", "--label", "team=sales", "-o", "json").document) == 1
    assert shared("backup", "list", "--label", "team=research", "-o", "json").document == []


def test_a_label_without_a_value_is_2(shared):
    assert "KEY=VALUE" in shared("backup", "list", "--label", "team", code=2).err


def test_deleting_without_a_terminal_needs_a_word(shared):
    assert "--yes" in shared("backup", "delete", "first", code=2).problem[2]
    assert len(shared("backup", "list", "-o", "json").document) >= 1


def test_a_partial_backup_is_3_and_names_what_is_missing(connected, cluster, shop):
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}},
    }
    cluster.api.create(f"/api/v1/namespaces/{shop}/persistentvolumeclaims", claim)
    done = connected("backup", "create", "-n", shop, code=3)
    assert "is PARTIAL" in done.out
    assert f"Missing: the data of the volume {shop}/data was not saved" in done.err
    assert "--volumes none" in done.err
    assert connected("backup", "create", "-n", shop, "-o", "json", code=3).document["outcome"] == "partial"
    assert "Note: The data of 1 volumes" in connected("backup", "create", "-n", shop, "--volumes", "none").err
    assert [line.split()[4] for line in connected("backup", "list").out.splitlines()[1:]] == [
        "partial",
        "partial",
        "done",
    ]


def test_a_tenant_with_few_rights_gets_3_and_the_kinds_by_name(stocked, cluster, shop):
    rules = [{"apiGroups": [""], "resources": ["configmaps", "namespaces"], "verbs": ["get", "list"]}]
    path = cluster.account(f"cli-{shop}", rules, shop)
    tenant = stocked.but(KUBECONFIG=path)
    flags = ("-n", shop, "--include-kind", "cm", "--include-kind", "secrets", "--cluster-objects", "none")
    assert "--cluster-name" in tenant("backup", "create", *flags, code=2).problem[2]
    done = tenant("backup", "create", *flags, "--cluster-name", "acme", code=3)
    assert f"Missing: secrets in namespace {shop} could not be listed" in done.err


def test_a_failed_run_is_in_the_list_and_can_be_read_and_deleted(connected, shop):
    connected("backup", "create", "-n", shop, "--name", "taken")
    done = connected("backup", "create", "-n", shop, "--name", "taken", code=2)
    assert "there is a backup named taken already" in done.problem[0]
    rows = [line.split() for line in connected("backup", "list").out.splitlines()[1:]]
    assert [row[4] for row in rows] == ["done", "failed"]
    failed = rows[1][0]
    assert "Error: there is a backup named taken already" in connected("backup", "show", failed).err
    assert "phase read objects" in connected("backup", "show", failed, "--log").out
    connected("backup", "delete", failed, "--yes")
    assert len(connected("backup", "list", "-o", "json").document) == 1


def test_a_dry_run_shows_why_each_object_is_in_and_writes_nothing(holdfast, cluster, shop):
    done = holdfast.but(KUBECONFIG=cluster.kubeconfig)("backup", "create", "-n", shop, "--dry-run")
    assert f"in namespace {shop}" in done.out
    assert "4 objects would be backed up. Left out:" in done.out
    assert "each namespace of each cluster gets that cluster's own certificates there" in done.out


@pytest.mark.parametrize("flags", [("-n", "{shop}"), ("-n", "{shop_glob}"), ("--object", "configmap/{shop}/settings")])
def test_objects_can_be_selected_in_several_ways(shared, shop, flags):
    words = [flag.format(shop=shop, shop_glob=f"{shop[:-1]}?") for flag in flags]
    found = shared("backup", "create", *words, "--dry-run", "-o", "json").document
    assert ("configmaps", "settings") in [(item["kind"], item["name"]) for item in found["objects"]]


def test_what_restic_backed_up_is_listed_and_can_be_looked_into(stocked, repository, restics, tmp_path):
    (tmp_path / "note.txt").write_text("from restic")
    (tmp_path / BAD_NAME).write_text("a name that is not UTF-8")
    restics[-1].run(repository, "backup", tmp_path / "note.txt", tmp_path / BAD_NAME, password=PASSWORD)
    (entry,) = stocked("backup", "list", "-o", "json").document
    assert entry["kind"] == "files"
    strict = stocked.but(PYTHONIOENCODING="utf-8:strict")  # as in most people's locale
    assert "note.txt" in strict("backup", "browse", "latest", "-R").out
    assert any("n\\xffme" in one["path"] for one in strict("backup", "browse", "latest", "-R", "-o", "json").document)
    assert stocked("backup", "cat", "latest", f"{tmp_path}/note.txt").out == "from restic"
    assert "not a backup of Holdfast" in stocked("backup", "show", "latest", "-o", "json", code=1).err
    assert (
        "cannot be shown as json"
        in stocked("backup", "cat", "latest", f"{tmp_path}/note.txt", "-o", "json", code=2).err
    )


# How much is said


def test_quiet_says_only_the_result(connected, shop):
    done = connected("backup", "create", "-n", shop, "--quiet")
    assert done.out.startswith("Backup ")
    assert done.err == ""


@pytest.mark.parametrize("progress", ["lines", "none", "json"])
def test_progress_stays_off_standard_output(connected, shop, progress):
    done = connected("backup", "create", "-n", shop, "--progress", progress)
    assert len(done.out.splitlines()) == 1
    assert bool(done.err) == (progress == "json")


def test_a_bar_is_drawn_and_cleared_where_it_is_asked_for(connected, shop):
    done = connected("backup", "create", "-n", shop, "--progress", "bar")
    assert "read objects" in done.err
    assert done.err.endswith("\033[K")


def test_global_options_may_stand_before_the_noun(holdfast, shared):
    url = shared.environment["HOLDFAST_REPOSITORY"]
    assert (
        holdfast("-r", url, "-o", "json", "backup", "list").document == shared("backup", "list", "-o", "json").document
    )


def test_what_stands_after_the_verb_wins(holdfast, shared):
    url = shared.environment["HOLDFAST_REPOSITORY"]
    assert holdfast("-r", "/nowhere", "backup", "list", "-r", url, "-o", "json").document


def test_a_flag_before_the_noun_goes_before_the_environment(shared):
    shared("-r", "/nowhere", "backup", "list", code=10)


def test_kinds_may_be_given_together_or_one_by_one(shared, shop):
    together = ("--include-kind", "cm,secret")
    one_by_one = ("--include-kind", "configmap", "--include-kind", "secrets")
    for flags in (together, one_by_one):
        found = shared("backup", "create", "-n", shop, *flags, "--dry-run", "-o", "json").document
        assert {item["kind"] for item in found["objects"]} == {"configmaps", "secrets", "namespaces"}

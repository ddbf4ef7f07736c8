"""`holdfast restore` as people see it: exit codes, tables, what is asked."""

import pytest


@pytest.fixture
def saved(connected, shop):
    """The program with a backup `shop` of a namespace."""
    connected("backup", "create", "-n", shop, "--name", "shop")
    return connected


def change(cluster, shop, colour):
    path = f"/api/v1/namespaces/{shop}/configmaps/settings"
    current = cluster.api.request("GET", path)
    cluster.api.request("PUT", path, current | {"data": {"colour": colour}})


def colour(cluster, shop):
    return cluster.api.request("GET", f"/api/v1/namespaces/{shop}/configmaps/settings")["data"]["colour"]


def test_a_plan_changes_nothing_and_says_what_would_be_done(saved, cluster, shop):
    cluster.api.request("DELETE", f"/api/v1/namespaces/{shop}/configmaps/settings")
    for command in (("restore", "plan", "shop"), ("restore", "run", "shop", "--dry-run")):
        lines = [line.split() for line in saved(*command).out.splitlines()]
        assert ["create", "configmaps", shop, "settings"] in lines
        assert ["unchanged", "secrets", shop, "login"] in lines
    assert not cluster.api.exists(f"/api/v1/namespaces/{shop}/configmaps/settings")


def test_a_restore_brings_back_what_was_lost_and_a_second_one_changes_nothing(saved, cluster, shop):
    cluster.api.request("DELETE", f"/api/v1/namespaces/{shop}/configmaps/settings")
    done = saved("restore", "run", "latest")
    assert ["created", "configmaps", shop, "settings"] in [line.split() for line in done.out.splitlines()]
    assert "is done: 1 created" in done.out
    assert colour(cluster, shop) == "grün"
    assert saved("restore", "run", "shop", "-o", "json").document["counts"]["created"] == 0


def test_what_exists_and_differs_stays_unless_an_update_is_asked_for(saved, cluster, shop):
    change(cluster, shop, "red")
    saved("restore", "run", "shop")
    assert colour(cluster, shop) == "red"
    saved("restore", "run", "shop", "--on-conflict", "update", "--yes")
    assert colour(cluster, shop) == "grün"


def test_a_restore_that_must_not_meet_anything_does_not_begin(saved, cluster, shop):
    change(cluster, shop, "red")
    cluster.api.request("DELETE", f"/api/v1/namespaces/{shop}/secrets/login")
    problem = saved("restore", "run", "shop", "--on-conflict", "fail", code=1).problem
    assert all(problem)
    assert not cluster.api.exists(f"/api/v1/namespaces/{shop}/secrets/login")


def test_a_namespace_that_the_backup_does_not_have_is_1(saved, shop):
    done = saved("restore", "plan", "shop", "-n", "nowhere", code=1)
    assert "nowhere" in done.problem[0]
    assert saved("restore", "plan", "shop", "-n", shop, "-o", "json").document["errors"] == []


def test_the_newest_backup_before_a_time_can_be_named(saved):
    assert "no backup fits" in saved("restore", "plan", "latest", "--before", "2001-01-01", code=1).problem[1]
    saved("restore", "plan", "latest", "--before", "2999-01-01T00:00:00Z")
    assert "--before" in saved("restore", "plan", "latest", "--before", "soon", code=2).problem[0]


@pytest.mark.parametrize("value", ["a", "a=", "=b", "a=b=c", "a=A_B"])
def test_a_mapping_that_makes_no_sense_is_2(shared, value):
    shared("restore", "plan", "first", "--map-namespace", value, code=2)


def test_restores_are_listed_and_shown(saved, shop):
    assert "Nothing was restored" in saved("restore", "list").err
    saved("restore", "run", "shop")
    (line,) = saved("restore", "list").out.splitlines()[1:]
    run = line.split()[0]
    assert line.split()[1:3] == ["shop", "done"]
    shown = saved("restore", "show", run).out
    assert ["unchanged", "secrets", shop, "login"] in [row.split()[:4] for row in shown.splitlines()]
    assert "phase" in saved("restore", "show", run, "--log").out
    assert "holdfast restore list" in saved("restore", "show", "nothing", code=1).problem[2]


def test_a_snapshot_of_another_program_cannot_be_restored(stocked, cluster, repository, restics, tmp_path):
    (tmp_path / "note.txt").write_text("from restic")
    restics[-1].run(repository, "backup", tmp_path / "note.txt", password="correct-horse-battery-staple")
    ready = stocked.but(KUBECONFIG=cluster.kubeconfig)
    assert "not an application backup" in ready("restore", "plan", "latest", code=1).problem[0]

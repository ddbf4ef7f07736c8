"""`restore run --rollback` and `restore undo` as people meet them: what is shown, what is asked, what is refused."""

import pytest
from tests.cli.terminal import Terminal


@pytest.fixture
def harmed(connected, cluster, shop):
    """The program with a backup of a namespace in which one object is wrong, one is gone and one is new since."""
    connected("backup", "create", "-n", shop, "--name", "shop")
    base = f"/api/v1/namespaces/{shop}/configmaps"
    settings = cluster.api.request("GET", f"{base}/settings")
    cluster.api.request("PUT", f"{base}/settings", settings | {"data": {"colour": "red"}})
    cluster.api.request("DELETE", f"/api/v1/namespaces/{shop}/secrets/login")
    cluster.api.create(base, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "new"}})
    return connected


def state(cluster, shop):
    base = f"/api/v1/namespaces/{shop}"
    return (
        cluster.api.request("GET", f"{base}/configmaps/settings")["data"]["colour"],
        cluster.api.exists(f"{base}/secrets/login"),
        cluster.api.exists(f"{base}/configmaps/new"),
    )


WRONG, RIGHT = ("red", False, True), ("grün", True, False)


def test_a_rollback_and_its_undo(harmed, cluster, shop):
    plan = [line.split()[:4] for line in harmed("restore", "plan", "shop", "--rollback").out.splitlines()]
    assert ["delete", "configmaps", shop, "new"] in plan
    assert state(cluster, shop) == WRONG

    done = harmed("restore", "run", "shop", "--rollback", "--yes")

    assert "1 created, 1 updated, 1 deleted" in done.out
    assert "holdfast restore undo" in done.err
    assert state(cluster, shop) == RIGHT
    assert "1 created, 1 updated, 1 deleted" in harmed("restore", "undo", "--yes").out
    assert state(cluster, shop) == WRONG
    harmed("restore", "undo", "--yes")
    assert state(cluster, shop) == RIGHT
    listed = harmed("restore", "list").out.splitlines()
    assert "undo of" in listed[2]
    assert "undo of" in listed[3]


def test_nothing_is_deleted_where_nobody_can_be_asked(harmed, cluster, shop):
    for command in (("restore", "run", "shop", "--rollback"),):
        what, why, next_step = harmed(*command, code=2).problem
        assert "1 object overwritten, 1 deleted" in what
        assert "terminal" in why
        assert "--yes" in next_step
    assert state(cluster, shop) == WRONG
    assert harmed("restore", "list", "-o", "json").document[-1]["outcome"] == "failed"


@pytest.mark.parametrize(("answer", "code", "after"), [("n\n", 130, WRONG), ("y\n", 0, RIGHT)])
def test_at_a_terminal_it_shows_what_it_would_destroy_and_asks(harmed, cluster, shop, answer, code, after):
    terminal = Terminal(harmed, "restore", "run", "shop", "--rollback")
    terminal.wait_for("Go on?")
    assert f"delete   configmaps/{shop}/new" in terminal.text
    assert f"update   configmaps/{shop}/settings" in terminal.text
    assert "1 object overwritten, 1 deleted" in terminal.text
    assert state(cluster, shop) == WRONG
    terminal.type(answer)
    assert terminal.end() == code
    assert state(cluster, shop) == after


@pytest.mark.parametrize(
    "flags",
    [
        ("--rollback", "--on-conflict", "skip"),
        ("--rollback", "--on-conflict", "fail"),
        ("--rollback", "--map-namespace", "a=b"),
        ("--delete-data",),
    ],
)
def test_flags_that_contradict_each_other_are_2(shared, flags):
    for command in ("plan", "run"):
        assert all(shared("restore", command, "first", *flags, code=2).problem)


def test_undo_of_what_is_not_there_is_1(harmed):
    assert "restore list" in harmed("restore", "undo", "--yes", code=1).problem[2]
    assert "nonsense" in harmed("restore", "undo", "nonsense", "--yes", code=1).problem[0]


def test_an_undo_can_be_looked_at_first(harmed, cluster, shop):
    harmed("restore", "run", "shop", "--rollback", "--yes")
    plan = [line.split()[:4] for line in harmed("restore", "undo", "--dry-run").out.splitlines()]
    assert ["create", "configmaps", shop, "new"] in plan
    assert ["delete", "secrets", shop, "login"] in plan
    assert ["update", "configmaps", shop, "settings"] in plan
    assert state(cluster, shop) == RIGHT


def test_a_safety_point_can_be_looked_into_like_a_backup(harmed, shop):
    run = harmed("restore", "run", "shop", "--rollback", "--yes", "-o", "json").document
    point = run["safetyPoint"]
    assert "red" in harmed("backup", "cat", point[:12], f"configmap/{shop}/settings").out
    assert point not in harmed("backup", "list", "-o", "json").out

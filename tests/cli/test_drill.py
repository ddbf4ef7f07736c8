"""`holdfast drill` as people and scripts see it."""

import pytest
from tests.cli.documented import assert_documented
from tests.operations.drill.conftest import web
from tests.restore_lab import Lab, config_map, eventually


@pytest.fixture(scope="module")
def shop(node_cluster):
    """A namespace that serves a page."""
    lab = Lab(node_cluster)
    shop = lab.new_namespace("shop")
    for thing in (config_map(), web()):
        shop.make(thing)
    yield shop
    lab.close()


@pytest.fixture
def saved(stocked, node_cluster, shop):
    """The program with a backup `monday` of the shop."""
    ready = stocked.but(KUBECONFIG=node_cluster.kubeconfig)
    ready("backup", "create", "-n", shop.namespace, "--name", "monday")
    return ready


def test_a_life_of_a_drill(saved, shop, tmp_path):
    file = tmp_path / "checks.yaml"
    file.write_text(f"""
checks:
- target: deployment/{shop.namespace}/web
  command: cat /www/index.html
  expect: hello
- target: deployment/{shop.namespace}/web/main
  command: [sh, -c, "exit 0"]
- target: deployment/{shop.namespace}/web
  checksum: /www
""")
    assert "There were no drills yet" in saved("drill", "list").err
    check = f"deployment/{shop.namespace}/web: wget -q -O - http://127.0.0.1:8080 => hello"
    done = saved("drill", "run", "monday", "--checks", file, "--check-command", check)
    assert [line.split()[0] for line in done.out.splitlines()[1:6]] == ["passed"] * 5
    assert "Back in " in done.out
    assert done.out.rstrip().endswith("is done: 5 of 5 checks passed")
    assert "depends on the cluster's network" in done.err
    (line,) = saved("drill", "list").out.splitlines()[1:]
    run = line.split()[0]
    shown = saved("drill", "show", run).out
    assert "5 of 5 checks passed" in shown
    assert f"{shop.namespace} as drill-{run}-{shop.namespace}"[:40] in shown
    assert "phase" in saved("drill", "show", "latest", "--log").out
    assert "drilled" in saved("backup", "list").out
    for command in ("drill list", "drill show latest", "drill show latest --log", "backup list"):
        document = saved(*command.split(), "-o", "json").document
        assert_documented(command.replace(" latest", ""), document)
    assert saved("backup", "list", "-o", "json").document[0]["proven"]["how"] == "drilled"


def test_a_failed_check_is_3_and_kept_namespaces_go_when_asked(saved, shop):
    check = f"deployment/{shop.namespace}/web: false"
    done = saved("drill", "run", "latest", "--check-command", check, "--keep", "-o", "json", code=3)
    assert_documented("drill run", done.document)
    (name,) = done.document["namespaces"].values()
    assert done.document["kept"]
    assert not done.document["checks"][1]["passed"]
    removed = saved("drill", "clean", "-o", "json").document
    assert_documented("drill clean", removed)
    assert name in [one["namespace"] for one in removed]
    eventually(
        lambda: name not in [one["namespace"] for one in saved("drill", "clean", "-o", "json").document], "it goes"
    )
    assert "nothing that drills have left" in saved("drill", "clean").err


def test_a_stop_in_the_middle_removes_the_namespaces(saved, shop):
    check = f"deployment/{shop.namespace}/web: sleep 300"
    running = saved.start(
        "drill", "run", "latest", "--check-command", check, "--progress", "json", "--check-timeout", "5m"
    )
    heard = running.wait_for('"phase": "check"')
    running.interrupt()
    done = running.end(heard)
    assert done.code == 130
    left = shop.send("GET", "/api/v1/namespaces", query={"labelSelector": "holdfast.dev/drill"})["items"]
    assert all("deletionTimestamp" in one["metadata"] for one in left)
    assert saved("drill", "list", "-o", "json").document[-1]["outcome"] == "cancelled"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "checks: []",
        "[1, 2]",
        "checks: [1]",
        "checks: [{target: deployment/a/b}]",
        "checks: [{target: a/b, command: x}]",
        "checks: [{target: deployment/a/b, command: x, query: y}]",
        "checks: [{target: deployment/a/b, commando: x}]",
        "checks: [{target: deployment/a/b, checksum: relative}]",
        "checks: [",
    ],
)
def test_a_file_that_has_no_checks_is_2(holdfast, tmp_path, content):
    file = tmp_path / "checks.yaml"
    file.write_text(content)
    assert all(holdfast("drill", "run", "latest", "--checks", file, code=2).problem)


def test_flags_that_are_no_checks_are_2(holdfast, tmp_path):
    for flags in (
        ("--check-command", "nonsense"),
        ("--check-query", "web: select 1"),
        ("--check-checksum", "deployment/a/b: relative"),
        ("--checks", str(tmp_path / "nothing")),
        ("--timeout", "soon"),
    ):
        assert all(holdfast("drill", "run", "latest", *flags, code=2).problem)


def test_what_is_no_backup_of_an_application_is_1(stocked, node_cluster, tmp_path):
    (tmp_path / "file").write_text("text")
    stocked("backup", "files", tmp_path / "file")
    ready = stocked.but(KUBECONFIG=node_cluster.kubeconfig)
    assert "not an application backup" in ready("drill", "run", "latest", code=1).problem[0]
    assert "drill list" in ready("drill", "show", "nothing", code=1).problem[2]

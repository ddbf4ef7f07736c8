"""`backup diff` of applications, and what plans say of fields, as a user runs them."""

import base64

import pytest
from tests.cli.documented import assert_documented, assert_is
from tests.cli.terminal import Terminal

NEW = "staple-battery-two"


def edit(cluster, path, data):
    cluster.api.request("PUT", path, {**cluster.api.request("GET", path), "data": data})


@pytest.fixture
def edited(connected, cluster, shop):
    """(the program, the namespace): a backup named `monday`, then one ConfigMap and one Secret edited, a third object new."""
    base = f"/api/v1/namespaces/{shop}"
    cluster.api.create(
        f"{base}/configmaps",
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "app"},
            "data": {"app.conf": "a=1\nb=2\nc=3\n"},
        },
    )
    connected("backup", "create", "-n", shop, "--name", "monday", "--volumes", "none")
    encoded = base64.b64encode(NEW.encode()).decode()
    edit(cluster, f"{base}/configmaps/app", {"app.conf": "a=1\nb=22\nc=3\n"})
    edit(cluster, f"{base}/configmaps/settings", {"colour": "blau"})
    edit(cluster, f"{base}/secrets/login", {"password": encoded})
    cluster.api.create(f"{base}/configmaps", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "new"}})
    connected.secrets |= {"hunter2hunter2", NEW, encoded, base64.b64encode(b"hunter2hunter2").decode()}
    return connected, shop


LINES = """\
CHANGE   KIND        NAMESPACE  NAME
added    configmaps  {n}  new
changed  configmaps  {n}  app
changed  configmaps  {n}  settings
changed  secrets     {n}  login

configmaps {n}/app
  ~ data["app.conf"]:
        @@ -1,3 +1,3 @@
        a=1
  -     b=2
  +     b=22
        c=3

configmaps {n}/settings
  ~ data.colour: grün → blau

secrets {n}/login
  ~ data.password: *** → *** (changed)

1 added, 0 removed, 3 changed, """


def unpadded(text):
    return [" ".join(line.split()) if not line.startswith("  ") else line for line in text.splitlines()]


def assert_lines(out, namespace):
    expected = unpadded(LINES.format(n=namespace))
    found = unpadded(out)
    table, rest = sorted(expected[:5]), expected[5:-1]
    assert sorted(found[:5]) == table
    assert found[5:-1] == rest
    assert found[-1].startswith(expected[-1])


def test_people_read_a_table_and_the_fields(edited):
    program, namespace = edited
    assert_lines(program("backup", "diff", "monday", "live").out, namespace)
    program("backup", "create", "-n", namespace, "--name", "tuesday", "--volumes", "none")
    assert_lines(program.but(KUBECONFIG="/nowhere")("backup", "diff", "monday", "tuesday").out, namespace)


def test_the_document_says_all_of_it(edited):
    program, _ = edited
    done = program("backup", "diff", "monday", "live", "-o", "json")
    assert_is("ObjectsDiff", done.document)
    assert done.document == program("backup", "diff", "monday", "live", "-o", "yaml").yaml
    by_name = {one["name"]: one for one in done.document["objects"]}
    assert by_name["settings"]["fields"] == [
        {"path": "data.colour", "change": "changed", "values": "shown", "before": "grün", "after": "blau"}
    ]
    assert by_name["login"]["fields"] == [
        {"path": "data.password", "change": "changed", "values": "masked", "before": None, "after": None}
    ]
    assert by_name["new"] == {**by_name["new"], "change": "added", "fields": []}


def test_secrets_and_whole_objects_are_shown_when_asked_for(edited):
    program, namespace = edited
    whole = program("backup", "diff", "monday", "live", "--show-objects", "-n", namespace, "--include-kind", "cm")
    assert '+ metadata: {"name": "new"' in whole.out
    open_program = program.but()
    open_program.secrets = set()
    shown = open_program("backup", "diff", "monday", "live", "--show-secrets")
    assert f"~ data.password: hunter2hunter2 → {NEW}" in shown.out


def test_a_plan_shows_the_fields_as_they_are_and_as_they_will_be(edited):
    program, namespace = edited
    done = program("restore", "plan", "monday", "--on-conflict", "update")
    lines = done.out.splitlines()
    assert "  ~ data.colour: blau → grün" in lines
    assert "  ~ data.password: *** → *** (changed)" in lines
    assert "  -     b=22" in lines
    document = program("restore", "plan", "monday", "-o", "json").document
    assert_documented("restore plan", document)
    (settings,) = [one for one in document["objects"] if one["name"] == "settings"]
    assert settings["differences"] == ["data.colour"]
    assert settings["changes"] == [
        {"path": "data.colour", "change": "changed", "values": "shown", "before": "blau", "after": "grün"}
    ]
    open_program = program.but()
    open_program.secrets = set()
    shown = open_program("restore", "run", "monday", "--dry-run", "--show-secrets", "-n", namespace)
    assert f"~ data.password: {NEW} → hunter2hunter2" in shown.out


def test_a_plan_shows_the_first_fields_and_all_if_asked_for(connected, cluster, shop):
    base = f"/api/v1/namespaces/{shop}/configmaps"
    data = {f"key{number}": "old" for number in range(9)}
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "many"}, "data": data}
    cluster.api.create(base, body)
    connected("backup", "create", "-n", shop, "--name", "monday", "--volumes", "none")
    edit(cluster, f"{base}/many", dict.fromkeys(data, "new"))
    short = connected("restore", "plan", "monday").out
    assert "(data.key0, data.key1, data.key2 and 6 more)" in short
    assert "  … 4 more fields; --diff shows all." in short
    assert "key8" not in short
    assert "~ data.key8: new → old" in connected("restore", "plan", "monday", "--diff").out


def test_without_a_cluster_the_error_says_so(edited):
    program, _ = edited
    problem = program.but(KUBECONFIG="/nowhere")("backup", "diff", "monday", "live", code=2).problem
    assert "/nowhere" in " ".join(problem)


def test_files_and_objects_are_not_compared_with_each_other(edited, tmp_path):
    program, _ = edited
    (tmp_path / "file").touch()
    program("backup", "files", tmp_path / "file", "--name", "files")
    assert program("backup", "diff", "files", "monday", code=2).problem[0] == (
        "files is a backup of files, and the other one is not"
    )
    assert program("backup", "diff", "files", "live", code=2).problem[0] == "files is a backup of files"
    assert program("backup", "diff", "nothing", "live", code=1).problem[0] == "there is no backup 'nothing'"
    assert program("backup", "diff", "monday", "monday", "--metadata", code=2).problem[0] == (
        "--metadata does not go with backups of applications"
    )
    assert program("backup", "diff", "monday", "live", "-n", "nowhere", code=None).code != 0


def test_colours_are_for_terminals_only(edited):
    program, _ = edited
    assert "\x1b" not in program("backup", "diff", "monday", "live").out
    terminal = Terminal(program, "backup", "diff", "monday", "live")
    assert terminal.end() == 0
    assert "\x1b[33m~ data.colour: grün → blau" in terminal.text
    assert "\x1b[31m-     b=2" in terminal.text
    assert "\x1b[32m+     b=22" in terminal.text

"""`-o json` and `-o yaml`: one document on standard output for every verb, as docs/json-output.md describes it."""

import json

import click
import pytest
from tests.cli.documented import COMMANDS, EVENTS, FIELDS, assert_documented, assert_is

from holdfast.cli.main import cli


def verbs(group, *path):
    """Every verb of the command tree as a tuple of words."""
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        if isinstance(command, click.Group):
            yield from verbs(command, *path, name)
        else:
            yield (*path, name)


def test_every_verb_is_documented_and_no_other():
    documented = {command.partition(" --")[0] for command in COMMANDS}
    assert documented == {" ".join(verb) for verb in verbs(cli)} - {"completion"}


def test_every_documented_document_is_printed_by_some_command():
    text = " ".join([*COMMANDS.values(), *(kind for fields in FIELDS.values() for kind in fields.values())])
    assert {name for name in FIELDS if f"[{name}]" not in text} == {"Error"}


LOOKING = [
    ("backup list", ()),
    ("backup list", ("--label", "team=sales")),
    ("backup show", ("first",)),
    ("backup show --log", ("first",)),
    ("backup browse", ("first", "-R")),
    ("backup cat", ("first", "namespace/default")),
    ("backup create --dry-run", ("-n", "default")),
    ("repository show", ()),
    ("repository check", ()),
    ("repository unlock", ()),
    ("repository key list", ()),
    ("restore plan", ("first",)),
    ("restore list", ()),
]


@pytest.mark.parametrize(("command", "more"), LOOKING, ids=[" ".join((command, *more)) for command, more in LOOKING])
def test_a_verb_that_looks_prints_its_document(shared, command, more):
    done = shared(*command.split(), *more, "-o", "json")
    assert_documented(command, done.document)


def test_a_life_of_a_backup_in_documents(connected, shop, tmp_path):
    """Verbs that change something, in an order in which they make sense."""

    def run(command, *more, code=0):
        done = connected(*command.split(), *more, "-o", "json", code=code)
        assert_documented(command, done.document)
        return done.document

    made = run("backup create", "-n", shop, "--name", "shop")
    assert made["outcome"] == "done"
    assert run("backup create", "-n", shop)["counts"]["added"] == 0
    assert run("backup list")[0]["id"] == made["id"]
    planned = run("restore run --dry-run", "shop")
    assert planned["counts"] == {"unchanged": made["counts"]["objects"]}
    restored = run("restore run", "shop", "--map-namespace", f"{shop}={shop}-copy")
    assert restored["outcome"] == "done"
    assert [one["id"] for one in run("restore list")] == [restored["id"]]
    planned = run("restore undo --dry-run", restored["id"])
    assert planned["counts"]["delete"] == restored["counts"]["created"] - 1  # the namespace stays
    assert run("restore show", restored["id"]) == restored
    assert "phase" in run("restore show --log", "latest")["log"][0]
    second = tmp_path / "second"
    second.write_text("another password")
    key = run("repository key add", "--new-password-file", str(second))["id"]
    assert key in [one["id"] for one in run("repository key list")]
    assert run("repository key remove", key) == {"id": key}
    undone = run("restore undo", restored["id"], "--yes")
    assert (undone["outcome"], undone["undoes"]) == ("done", restored["id"])
    assert [one["undone"] for one in run("restore list")] == [True, False]
    assert run("backup delete", "shop", "--yes") == [{"id": made["id"], "name": "shop"}]


def test_init_prints_its_document(holdfast, repository):
    done = holdfast("repository", "init", "-r", repository, "-o", "json")
    assert_documented("repository init", done.document)


def test_a_failed_run_is_shown_as_a_run(connected, shop):
    failed = connected("backup", "create", "-n", shop, "--include-kind", "nonsense", "-o", "json", code=2).document
    assert_is("Error", failed)
    shown = connected("backup", "show", failed["run"], "-o", "json").document
    assert_is("Run", shown)
    assert (shown["outcome"], shown["errors"]) == ("failed", failed["errors"])


def test_a_check_that_finds_damage_prints_its_document(holdfast, repository):
    """Not with `stocked`: restic would find the damage too."""
    holdfast("repository", "init", "-r", repository)
    (repository / "snapshots").mkdir(exist_ok=True)
    (repository / "snapshots" / ("f" * 64)).write_bytes(b"nonsense")
    done = holdfast("repository", "check", "-r", repository, "-o", "json", code=1)
    assert_documented("repository check", done.document)
    assert done.document["outcome"] == "failed"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("backup", "list"), 2),  # no repository named
        (("-o", "json", "backup", "list"), 2),
        (("backup", "nonsense"), 2),
        (("nonsense",), 2),
        (("backup", "create", "--nonsense"), 2),
        (("backup", "create", "--volumes", "nonsense"), 2),
        (("backup", "show"), 2),
        (("backup", "list", "-r", "/nowhere/at/all"), 10),
        (("backup", "create", "--kubeconfig", "/nowhere"), 2),
        (("completion", "nonsense"), 2),
    ],
)
def test_a_failure_prints_the_error_document(holdfast, arguments, code):
    done = holdfast(*arguments, "-o", "json", code=code)
    assert_is("Error", done.document)
    (problem,) = done.document["errors"]
    assert problem["what"] == done.problem[0]
    assert all(problem.values())


@pytest.mark.parametrize("form", ["-ojson", "--output=json"])
def test_every_spelling_of_the_flag_is_understood_in_a_failure(holdfast, form):
    assert_is("Error", holdfast("backup", "nonsense", form, code=2).document)


@pytest.mark.parametrize(
    "command", ["backup list", "backup show first", "repository show", "backup cat first /backup.json"]
)
def test_yaml_is_the_same_document(shared, command):
    words = command.split()
    assert shared(*words, "-o", "yaml").yaml == shared(*words, "-o", "json").document


def test_yaml_failures_are_yaml(holdfast):
    done = holdfast("backup", "nonsense", "-o", "yaml", code=2)
    assert_is("Error", done.yaml)


def test_progress_as_json_lines_is_documented(connected, shop):
    connected("backup", "create", "-n", shop)
    done = connected("backup", "create", "-n", shop, "--volumes", "none", "--progress", "json", "-o", "json")
    events = [json.loads(line) for line in done.err.splitlines()]
    assert {event["event"] for event in events} >= {"phase"}
    for event in events:
        assert event.keys() - {"event"} == EVENTS[event["event"]]


def test_problems_are_json_lines_where_messages_are(holdfast):
    for flags in (("--log-format", "json"), ("--progress", "json")):
        done = holdfast("backup", "list", *flags, code=2)
        (line,) = done.err.splitlines()
        event = json.loads(line)
        assert (event.pop("event"), event.pop("kind")) == ("problem", "error")
        assert_is("Problem", event)

"""What a shell offers after the Tab key."""

import shutil
import subprocess

import pytest
from tests.cli.holdfast import PROGRAM

from holdfast.cli.main import NOUNS

COMPLETE_IN_BASH = """
{script}
COMP_WORDS=({words})
COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
$(complete -p holdfast | sed 's/.*-F \\([^ ]*\\) .*/\\1/') holdfast
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def script(holdfast, shell):
    return holdfast("completion", shell).out


@pytest.fixture
def complete(holdfast):
    """`complete("holdfast back")`: what bash itself offers for the last word."""
    bash = shutil.which("bash")
    environment = {**holdfast.environment, "PATH": f"{PROGRAM.parent}:{holdfast.environment['PATH']}"}
    text = script(holdfast, "bash")

    def offered(line):
        words = " ".join(f'"{word}"' for word in line.split(" "))
        program = COMPLETE_IN_BASH.format(script=text, words=words)
        done = subprocess.run(
            [bash, "--norc", "-c", program], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return done.stdout.split()

    return offered


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("holdfast ", set(NOUNS)),
        ("holdfast re", {"repository", "restore"}),
        (
            "holdfast backup ",
            {"browse", "cat", "create", "delete", "diff", "files", "forget", "list", "show", "verify"},
        ),
        ("holdfast plan ", {"create", "delete", "list", "pause", "resume", "run", "show"}),
        ("holdfast repository key ", {"add", "list", "remove"}),
        ("holdfast location ", {"add", "list", "remove", "show", "test"}),
        ("holdfast restore r", {"run"}),
        ("holdfast completion ", {"bash", "fish", "zsh"}),
        ("holdfast backup list -o ", {"table", "json", "yaml"}),
        (
            "holdfast backup create --exclude-",
            {"--exclude-kind", "--exclude-namespace", "--exclude-path", "--exclude-selector"},
        ),
        ("holdfast restore plan latest --work", {"--workload"}),
        ("holdfast restore run latest --on-conflict ", {"skip", "update", "replace", "fail"}),
    ],
)
def test_bash_offers_what_fits(complete, line, expected):
    assert set(complete(line)) == expected


def test_the_global_options_are_offered_to_every_verb(complete):
    assert "--repository" in complete("holdfast repository key list --repo")


@pytest.mark.parametrize(
    ("shell", "sign"), [("bash", "complete -o"), ("zsh", "#compdef holdfast"), ("fish", "complete ")]
)
def test_each_shell_has_its_script(holdfast, shell, sign):
    text = script(holdfast, shell)
    assert sign in text
    assert f"_HOLDFAST_COMPLETE={shell}_complete" in text


def test_the_protocol_behind_the_scripts_offers_nouns_to_every_shell(holdfast):
    """The part that is ours, for shells that are not on this machine."""
    for shell, variables in {
        "zsh": {"COMP_WORDS": "holdfast re", "COMP_CWORD": "1"},
        "fish": {"COMP_WORDS": "holdfast re", "COMP_CWORD": "re"},
    }.items():
        done = holdfast.but(_HOLDFAST_COMPLETE=f"{shell}_complete", **variables)()
        assert "restore" in done.out
        assert "repository" in done.out

"""The installed program in child processes, as a user runs it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import yaml

PROGRAM = Path(sys.executable).with_name("holdfast")
PASSWORD = "correct-horse-battery-staple"
PATIENCE = 60.0  # seconds; only a failing test waits so long


class Done(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def document(self):
        """The one JSON document on standard output."""
        return json.loads(self.out)

    @property
    def yaml(self):
        return yaml.safe_load(self.out)

    @property
    def problem(self):
        """The last error on standard error as (what, why, next). Its three parts must be there."""
        lines = self.err.splitlines()
        start = max(index for index, line in enumerate(lines) if line.startswith(("Error: ", "Stopped: ")))
        assert [line[:8] for line in lines[start + 1 : start + 3]] == ["  Why:  ", "  Next: "], self.err
        return lines[start].partition(": ")[2], lines[start + 1][8:], lines[start + 2][8:]


class Holdfast:
    """`holdfast("backup", "list", code=0)` with an environment that holds only what is given here.

    After every command: no traceback, and none of `secrets` in what it printed.
    """

    def __init__(self, home, **environment):
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(home)}
        self.environment |= {name: str(value) for name, value in environment.items()}
        self.secrets = {PASSWORD}

    def but(self, **environment):
        """The same with other variables; None removes one."""
        merged = {**self.environment, **environment}
        other = Holdfast(self.environment["HOME"])
        other.environment = {name: str(value) for name, value in merged.items() if value is not None}
        other.secrets = self.secrets
        return other

    def __call__(self, *arguments, code=0, stdin=subprocess.DEVNULL):
        done = self.start(*arguments, stdin=stdin).end()
        assert code is None or done.code == code, f"exit code {done.code}\n{done.out}\n{done.err}"
        return done

    def start(self, *arguments, stdin=subprocess.DEVNULL, wrapper=()):
        """`wrapper` is a program with its arguments that runs the command, `nice` for example."""
        return Running(self, [*wrapper, PROGRAM, *map(str, arguments)], stdin)

    def examine(self, done):
        for text in (done.out, done.err):
            assert "Traceback" not in text, text
            assert not [secret for secret in self.secrets if secret in text], "a secret was printed"


class Running:
    """A command that is still running; it is killed if the test ends without it."""

    def __init__(self, holdfast, command, stdin):
        self._holdfast = holdfast
        self.process = subprocess.Popen(
            command,
            env=holdfast.environment,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # a Ctrl-C at the terminal of pytest is not for it
        )

    def interrupt(self, number=signal.SIGINT):
        self.process.send_signal(number)

    def wait_for(self, text):
        """Until a line on standard error has `text`; gives all that was read until then."""
        heard = ""
        for line in self.process.stderr:
            heard += line
            if text in line:
                return heard
        raise AssertionError(f"{text!r} did not come:\n{heard}")

    def end(self, heard="", seconds=PATIENCE):
        """`heard` is what `wait_for` took from standard error."""
        try:
            out, err = self.process.communicate(timeout=seconds)
        except BaseException:
            self.process.kill()
            self.process.communicate()
            raise
        done = Done(self.process.returncode, out, heard + err)
        self._holdfast.examine(done)
        return done


def wait_until(condition):
    deadline = time.monotonic() + PATIENCE
    while not (answer := condition()):
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)
    return answer

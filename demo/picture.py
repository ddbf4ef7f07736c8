"""`python -m demo.picture`: makes docs/pictures/demo.svg anew, from the real output of real commands in a terminal."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text
from testbed.cache import to_terminal
from testbed.control_plane import ControlPlane

from demo.application import Application, delete
from demo.scenario import Place

PICTURE = Path(__file__).parents[1] / "docs" / "pictures" / "demo.svg"
_COLUMNS = 118
_LINES = 9  # of a long output


def main() -> None:
    cluster = ControlPlane.start(say=to_terminal)
    try:
        cluster.wait_ready()
        with tempfile.TemporaryDirectory() as directory:
            console = _play(Place("the cluster", cluster.kubeconfig, "shop"), Path(directory))
    finally:
        cluster.stop()
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(
        _without_fonts(console.export_svg(title="holdfast", theme=MONOKAI, unique_id="demo")), encoding="utf-8"
    )
    to_terminal(f"wrote {PICTURE}")


def _play(place: Place, directory: Path) -> Console:
    console = Console(record=True, file=io.StringIO(), width=_COLUMNS, highlight=False)
    environment = {
        "KUBECONFIG": str(place.kubeconfig),
        "HOLDFAST_REPOSITORY": str(directory / "repository"),
        "HOLDFAST_PASSWORD": "correct horse battery staple",
        "HOLDFAST_CLUSTER_NAME": "harbour",
    }

    def run(*command: str) -> None:
        console.print(Text.assemble(("$ ", "green"), (" ".join(command), "bold")))
        output = _in_terminal([str(Path(sysconfig.get_path("scripts")) / command[0]), *command[1:]], environment)
        shown = output if len(output) <= _LINES + 2 else [*output[: _LINES - 2], None, *output[-2:]]
        for line in shown:
            skipped = Text(f"… {len(output) - _LINES} more lines", style="dim")
            console.print(skipped if line is None else Text.from_ansi(line))
        console.print()

    with place.connected() as cluster:
        application = Application(cluster, place.namespace)
        application.install()
        _in_terminal([str(Path(sysconfig.get_path("scripts")) / "holdfast"), "repository", "init"], environment)
        run("holdfast", "backup", "create", "-n", place.namespace, "--volumes", "none")
        run("holdfast", "backup", "list")
        run("holdfast", "backup", "cat", "latest", f"deployment/{place.namespace}/web", "-o", "yaml")
        delete(application)
        console.print(Text("# the namespace is deleted", style="dim"))
        run("holdfast", "restore", "run", "latest")
        run("holdfast", "repository", "check", "--read-data")
    return console


def _in_terminal(argv: list[str], environment: dict[str, str]) -> list[str]:
    """The lines, with their colours, that a program prints to a terminal; what a progress bar left is not among them."""
    ours, theirs = pty.openpty()
    size = {"COLUMNS": str(_COLUMNS), "LINES": "50", "TERM": "xterm-256color"}
    with subprocess.Popen(
        argv, stdin=theirs, stdout=theirs, stderr=theirs, env=os.environ | environment | size
    ) as child:
        os.close(theirs)
        output = b""
        while received := _read(ours):
            output += received
    os.close(ours)
    if child.returncode:
        sys.exit(output.decode(errors="replace"))
    return [line.rpartition("\r\033[K")[2] for line in output.decode().replace("\r\n", "\n").rstrip("\n").split("\n")]


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # how Linux says that the other side of a terminal was closed
        return b""


def _without_fonts(svg: str) -> str:
    """The reader's own monospace font instead of one from the network."""
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL).replace("Fira Code", "ui-monospace")


if __name__ == "__main__":
    main()

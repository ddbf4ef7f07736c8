"""restic in two versions, from Debian: 0.14 of Debian 12, and what Debian sid has (0.19).

Packages are fetched with apt into a state directory of our own, so that root is not needed and the machine's own lists
stay as they are. The mirror is the one that the machine's own apt sources name; signatures are checked as always.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from testbed import cache
from testbed.cache import Say, to_terminal
from testbed.errors import SetupFailed, ToolMissing

OLD, NEW = "bookworm", "sid"
"""Debian suites, the values for `binary`."""

_APT = Path("/etc/apt")
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def binary(suite: str, say: Say = to_terminal) -> Path:
    """Path of the restic of a Debian suite. Raises ToolMissing, SetupFailed."""

    def fetch(directory: Path) -> None:
        mirror = debian_mirror()
        say(f"fetching restic of Debian {suite}, about 5 s")
        _fetch("restic", suite, mirror, directory)

    return cache.provide(f"restic-{suite}", fetch, say) / "usr/bin/restic"


def debian_mirror(apt: Path = _APT, os_release: Path = Path("/etc/os-release")) -> str:
    """The URI from which this machine gets Debian's main archive. ToolMissing if it is not such a machine."""
    hint = "On another system put any restic on PATH and run its checks by hand."
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        raise ToolMissing("apt", why="no `apt-get` and `dpkg` on PATH", next=hint)
    codename = re.search(r"^VERSION_CODENAME=(\S+)", os_release.read_text(), re.MULTILINE)
    for uri, suites, components in _sources(apt):
        if codename and codename[1] in suites and "main" in components:
            return uri
    raise ToolMissing("Debian's main archive", why=f"no source in {apt} names it", next=hint)


def _sources(apt: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """(URI, suites, components) of every source of packages, in both of apt's file formats."""
    for path in [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*.list"))]:
        for line in path.read_text().splitlines() if path.exists() else ():
            if entry := re.match(r"deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+(\S+)\s+(.+)", line):
                yield entry[1], [entry[2]], entry[3].split()
    for path in sorted((apt / "sources.list.d").glob("*.sources")):
        text = re.sub(r"^#.*\n", "", path.read_text(), flags=re.MULTILINE)
        for stanza in re.split(r"\n\s*\n", text):
            field = {
                name.lower(): value.split()
                for name, value in re.findall(r"^([\w-]+):((?:.*\n?(?=[ \t]))*.*)", stanza, re.MULTILINE)
            }
            if "deb" in field.get("types", ()) and field.get("enabled") != ["no"]:
                for uri in field.get("uris", ()):
                    yield uri, field.get("suites", []), field.get("components", [])


def _fetch(package: str, suite: str, mirror: str, directory: Path) -> None:
    """Download a package and unpack it, with nothing of it installed, into `directory`."""
    scratch = directory / "apt"
    for part in ("lists/partial", "cache/archives/partial"):
        (scratch / part).mkdir(parents=True)
    (scratch / "status").touch()
    (scratch / "sources.list").write_text(f"deb [signed-by={_KEYRING}] {mirror} {suite} main\n")
    settings = {
        "Dir::State": scratch,
        "Dir::State::Lists": scratch / "lists",
        "Dir::State::Status": scratch / "status",
        "Dir::Cache": scratch / "cache",
        "Dir::Etc::SourceList": scratch / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::Etc::PreferencesParts": "/dev/null",
        "APT::Sandbox::User": "",  # as root apt would switch to a user who may not write here
        "Acquire::Languages": "none",
        "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
        "Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled": "false",
    }
    options = [f"-o{name}={value}" for name, value in settings.items()]
    _run(["apt-get", *options, "update", "--error-on=any"], scratch)
    _run(["apt-get", *options, "download", package], scratch)
    [archive] = scratch.glob("*.deb")
    _run(["dpkg", "-x", str(archive), str(directory)], scratch)
    shutil.rmtree(scratch)


def _run(command: list[str], directory: Path) -> None:
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SetupFailed(f"`{command[0]}` failed", why=(done.stdout + done.stderr)[-2000:])

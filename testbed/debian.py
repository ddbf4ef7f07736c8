"""Programs from Debian's packages, unpacked into a directory; nothing of it is installed.

Packages are fetched with apt into a state directory of our own, so that root is not needed and the machine's own lists
stay as they are. The mirror is the one that the machine's own apt sources name; signatures are checked as always.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from testbed.errors import SetupFailed, ToolMissing

BOOKWORM, SID = "bookworm", "sid"
"""Suites."""

_APT = Path("/etc/apt")
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def unpack(packages: Sequence[str], suite: str, directory: Path, *, dependencies: bool = False) -> None:
    """Download these packages of a suite, with `dependencies` also what they depend on, and unpack them in `directory`.

    Raises ToolMissing where there is no apt, SetupFailed if it fails.
    """
    scratch = directory / "apt"
    scratch.mkdir()
    for archive in download(packages, suite, scratch, dependencies=dependencies):
        _run(["dpkg", "-x", str(archive), str(directory)], scratch)
    shutil.rmtree(scratch)


def download(packages: Sequence[str], suite: str, directory: Path, *, dependencies: bool = False) -> list[Path]:
    """The same, not unpacked: the files, somewhere in `directory`."""
    options = _state_of_our_own(directory, suite, mirror())
    _run(["apt-get", *options, "update", "--error-on=any"], directory)
    if dependencies:
        _run(
            ["apt-get", *options, "install", "--yes", "--download-only", "--no-install-recommends", *packages],
            directory,
        )
    else:
        _run(["apt-get", *options, "download", *packages], directory)
    return sorted(directory.rglob("*.deb"))


def mirror(apt: Path = _APT, os_release: Path = Path("/etc/os-release")) -> str:
    """The URI from which this machine gets Debian's main archive. ToolMissing if it is not such a machine."""
    hint = "On another system what needs Debian's packages cannot run."
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


def _state_of_our_own(scratch: Path, suite: str, mirror: str) -> list[str]:
    """Options by which apt knows one suite, no installed package, and keeps everything in `scratch`."""
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
    return [f"-o{name}={value}" for name, value in settings.items()]


def _run(command: list[str], directory: Path) -> None:
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SetupFailed(f"`{command[0]}` failed", why=(done.stdout + done.stderr)[-2000:])

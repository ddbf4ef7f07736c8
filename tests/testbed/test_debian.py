"""Where packages come from."""

from __future__ import annotations

import pytest
from testbed import debian
from testbed.errors import ToolMissing

DEB822 = """\
Types: deb
URIs: http://tools.test/
Suites: nodistro
Components: main

# Debian
Types: deb deb-src
# a note
URIs: http://mirror.test/debian
Suites: bookworm bookworm-updates
Components: main
"""


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("sources.list", "# note\ndeb [arch=amd64 signed-by=/k.gpg] http://mirror.test/debian bookworm main contrib\n"),
        (
            "sources.list.d/a.list",
            "deb-src http://other.test bookworm main\ndeb http://mirror.test/debian bookworm main\n",
        ),
        (
            "sources.list.d/debian.sources",
            DEB822,
        ),
    ],
)
def test_debian_mirror_is_the_one_of_the_machines_own_sources(tmp_path, file, content):
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / file).write_text(content)
    (tmp_path / "os-release").write_text("ID=debian\nVERSION_CODENAME=bookworm\n")
    assert debian.mirror(tmp_path, tmp_path / "os-release") == "http://mirror.test/debian"


def test_a_machine_without_debian_sources_is_named_as_the_reason(tmp_path):
    (tmp_path / "sources.list").write_text("deb http://mirror.test/ubuntu noble main\n")
    (tmp_path / "os-release").write_text("VERSION_CODENAME=bookworm\n")
    with pytest.raises(ToolMissing, match="Debian's main archive is missing"):
        debian.mirror(tmp_path, tmp_path / "os-release")

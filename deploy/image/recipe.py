"""Fills the root directory of Holdfast's image. The Dockerfile runs this, and so does the testbed.

    recipe.py dependencies PACKAGES ROOT   Debian's packages (the *.deb files in PACKAGES) and the pinned libraries
    recipe.py source DEPENDENCIES ROOT     Holdfast of this checkout, compiled by the Python in the directory DEPENDENCIES

The two roots are the image's two layers. Containers have no shell, no pip and a root directory that they cannot write, so all
is compiled here, and the compiled files never ask for the age of their sources. Needed: Python 3.11, pip, dpkg and strip.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
PYTHON = "usr/bin/python3.11"
STANDARD = "usr/lib/python3.11"
LIBRARIES = "usr/local/lib/python3.11/dist-packages"
USER = 65532

# Nothing of Holdfast reads these. Paths are patterns below the root.
NOT_NEEDED = [
    "usr/share/doc/*/*[!t]",  # all but the licences, which are called copyright
    "usr/share/[!dcmz]*",  # keeps doc, ca-certificates, mime and zoneinfo
    "usr/share/man",
    "usr/share/zoneinfo/right",  # with leap seconds
    "usr/share/zoneinfo/posix",  # the same zones once more
    "usr/lib/*/gconv",  # encodings for iconv
    "usr/sbin/update-ca-certificates",
    "etc/ca-certificates",
    f"{STANDARD}/ensurepip",
    f"{STANDARD}/idlelib",
    f"{STANDARD}/lib2to3",
    f"{STANDARD}/distutils",
    f"{STANDARD}/pydoc_data",
    f"{STANDARD}/test",
    f"{STANDARD}/turtle.py",
    f"{STANDARD}/venv",
    # Modules whose libraries are left out: databases, terminals, NIS, crypt(3).
    *(f"{STANDARD}/lib-dynload/{name}.*.so" for name in ("_dbm", "_sqlite3", "_curses*", "readline", "nis", "_crypt")),
    f"{STANDARD}/lib-dynload/_*test*.so",
    f"{LIBRARIES}/bin",
    f"{LIBRARIES}/zstandard/*cffi*",  # for other interpreters than CPython
    f"{LIBRARIES}/pygments*",  # for what of rich highlights source code and Markdown
    f"{LIBRARIES}/markdown_it*",
    f"{LIBRARIES}/mdurl*",
    *(
        f"{LIBRARIES}/**/*.{ending}" for ending in ("pyi", "pyx", "pxd", "c", "h")
    ),  # for compilers and checkers of types
]
PROGRAM = f"""\
#!/{PYTHON} -I
import os
import signal

# A container's first process is not ended by a SIGTERM that it does not handle. Until Holdfast does, there is nothing to end.
signal.signal(signal.SIGTERM, lambda *_: os._exit(130))

from holdfast.cli.main import run

run()
"""
FILES = {
    "etc/passwd": f"root:x:0:0:root:/root:/sbin/nologin\nholdfast:x:{USER}:{USER}:Holdfast:/tmp:/sbin/nologin\n",
    "etc/group": f"root:x:0:\nholdfast:x:{USER}:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}


def dependencies(packages: Path, root: Path) -> None:
    for package in sorted(packages.glob("*.deb")):
        subprocess.run(["dpkg", "-x", package, root], check=True)
        _note(package, root)
    _install_libraries(root)
    _trust_authorities(root)
    for path in _matching(root, NOT_NEEDED):
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
    for library in (root / LIBRARIES).rglob("*.so"):
        subprocess.run(["strip", "--strip-unneeded", library], check=True)
    for name, content in FILES.items():
        (root / name).write_text(content)
    for name in ("run", "tmp"):
        (root / name).mkdir()
    (root / "tmp").chmod(0o1777)
    (root / "var/run").symlink_to("../run")
    _compile(root, root, STANDARD, LIBRARIES)


def source(dependencies: Path, root: Path) -> None:
    package = root / LIBRARIES / "holdfast"
    for path in sorted((CHECKOUT / "src/holdfast").rglob("*.py")):
        place = package / path.relative_to(CHECKOUT / "src/holdfast")
        if "testing" not in place.parts:  # fakes are not for the product
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
    program = root / "usr/bin/holdfast"
    program.parent.mkdir()
    program.write_text(PROGRAM)
    program.chmod(0o755)
    licence = root / "usr/share/doc/holdfast/copyright"
    licence.parent.mkdir(parents=True)
    shutil.copyfile(CHECKOUT / "LICENSE", licence)
    _compile(dependencies, root, LIBRARIES)


def _note(package: Path, root: Path) -> None:
    """Where scanners for vulnerabilities look for the packages of an image that has no dpkg."""
    fields = subprocess.check_output(["dpkg", "--field", package], text=True)
    directory = root / "var/lib/dpkg/status.d"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / package.name.partition("_")[0]).write_text(fields)


def _install_libraries(root: Path) -> None:
    # --no-compile: what is left out need not be compiled, and pip would note the age of the sources.
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--no-cache-dir", "--no-deps"),
            *("--python-version=3.11", "--implementation=cp", "--only-binary=:all:", "--root-user-action=ignore"),
            *("--require-hashes", f"--requirement={HERE / 'requirements.txt'}", f"--target={root / LIBRARIES}"),
        ],
        check=True,
    )


def _trust_authorities(root: Path) -> None:
    """What Debian's scripts do when the package is installed."""
    certificates = root / "usr/share/ca-certificates"
    bundle = root / "etc/ssl/certs/ca-certificates.crt"
    bundle.write_text("".join(path.read_text() for path in sorted(certificates.rglob("*.crt"))))
    shutil.rmtree(certificates)
    place = root / "usr/lib/ssl"  # where OpenSSL looks
    place.mkdir()
    (place / "cert.pem").symlink_to("/etc/ssl/certs/ca-certificates.crt")


def _matching(root: Path, patterns: list[str]) -> Iterator[Path]:
    for pattern in patterns:
        yield from list(root.glob(pattern))


def _compile(dependencies: Path, root: Path, *directories: str) -> None:
    """By the image's own Python, which runs here with the image's own libraries."""
    [loader] = dependencies.glob("lib*/ld-linux*.so.*")
    libraries = ":".join(str(path) for path in dependencies.glob("**/lib/*-linux-gnu"))
    python = [str(loader), "--library-path", libraries, str(dependencies / PYTHON)]
    options = ["-q", "-j0", "--invalidation-mode=unchecked-hash", "-s", str(root), "-p", "/"]
    subprocess.run(
        [*python, "-m", "compileall", *options, *(str(root / name) for name in directories)],
        env={"PYTHONHOME": str(dependencies / "usr"), "PYTHONDONTWRITEBYTECODE": "1"},
        check=True,
    )


def main(part: str, other: Path, root: Path) -> None:
    os.umask(0o022)  # everybody may read what is made here
    root.chmod(0o755)
    {"dependencies": dependencies, "source": source}[part](other, root)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))

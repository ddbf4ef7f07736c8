"""What the image holds, by what is allowed to be there."""

import importlib.util
import struct
import subprocess
import tarfile
from pathlib import Path

import pytest
from testbed.holdfast_image import HOLDFAST
from tests.conftest import needed_tools

CHECKOUT = Path(__file__).parents[2]
LIBRARIES = "usr/local/lib/python3.11/dist-packages"
UNCHECKED = 1  # a compiled file that holds for good, whatever the age of its source


class Files(dict):
    """What a layer lays where: members of a tar file by path."""

    def __init__(self, layer):
        self._layer = tarfile.TarFile(fileobj=layer)
        super().__init__({member.name.removeprefix("./"): member for member in self._layer})

    def read(self, path):
        return self._layer.extractfile(self[path]).read()


def digests(archive):
    """Those of the layers."""
    with tarfile.open(archive) as opened:
        return [name for name in opened.getnames() if name.endswith("/layer.tar")]


@pytest.fixture(scope="module")
def archive(say, tmp_path_factory):
    with needed_tools():
        return HOLDFAST.archive(tmp_path_factory.mktemp("image"), say)


@pytest.fixture(scope="module")
def layers(archive):
    """Dependencies and source."""
    with tarfile.open(archive) as opened:
        yield [Files(opened.extractfile(name)) for name in digests(archive)]


@pytest.fixture(scope="module")
def dependencies(layers):
    return layers[0]


@pytest.fixture(scope="module")
def source(layers):
    return layers[1]


@pytest.fixture(scope="module")
def everything(layers):
    """(path, member) of both layers, without symbolic links: their modes mean nothing."""
    return [(path, member) for layer in layers for path, member in layer.items() if not member.issym()]


def test_nothing_can_be_executed_but_python_and_holdfast(everything):
    """So no shell, no compiler, no pip and nothing to fetch more with."""
    executable = {path for path, member in everything if member.isfile() and member.mode & 0o111}
    programs = {path for path in executable if ".so" not in path and not path.endswith(".py")}
    assert programs == {"usr/bin/python3.11", "usr/bin/holdfast"}


def test_no_installer_is_left_in_pythons_own_files(dependencies):
    assert not [path for path in dependencies if "ensurepip" in path or f"{LIBRARIES}/pip" in path]


def test_nobody_gains_rights_by_a_file_of_it(everything):
    assert [path for path, member in everything if member.mode & 0o6000] == []
    assert {(member.uid, member.gid) for _, member in everything} == {(0, 0)}


def test_nothing_but_the_temporary_directory_can_be_written_by_all(everything):
    assert [(path, oct(member.mode)) for path, member in everything if member.mode & 0o002] == [("tmp", "0o1777")]


def test_of_the_checkout_only_the_product_is_there(source):
    tracked = subprocess.check_output(["git", "ls-files", "src/holdfast/**.py"], cwd=CHECKOUT, text=True).split()
    tracked += subprocess.check_output(
        ["git", "ls-files", "--others", "--exclude-standard", "src/holdfast/**.py"], cwd=CHECKOUT, text=True
    ).split()
    product = {path.replace("src", LIBRARIES, 1) for path in tracked if "/testing/" not in path}
    compiled = {str(Path(importlib.util.cache_from_source(path))) for path in product}
    others = {"usr/bin/holdfast", "usr/share/doc/holdfast/copyright"}
    assert {path for path, member in source.items() if member.isfile()} == product | compiled | others


def test_all_is_compiled_for_good(layers, everything):
    sources = {path for path, _ in everything if path.endswith(".py") and not path.startswith("etc/")}
    paths = {path for path, _ in everything}
    assert {path for path in sources if importlib.util.cache_from_source(path) not in paths} == set()
    for layer in layers:
        flags = {struct.unpack("<I", layer.read(path)[4:8])[0] for path in layer if path.endswith(".pyc")}
        assert flags == {UNCHECKED}


def test_compiled_code_names_the_paths_of_the_image(source):
    code = source.read(importlib.util.cache_from_source(f"{LIBRARIES}/holdfast/errors.py"))
    assert f"/{LIBRARIES}/holdfast/errors.py".encode() in code
    assert str(CHECKOUT).encode() not in code


def test_licences_and_names_of_packages_came_along(dependencies):
    for package in (CHECKOUT / "deploy/image/packages.txt").read_text().splitlines():
        if not package.startswith("#"):
            assert f"Package: {package}\n".encode() in dependencies.read(f"var/lib/dpkg/status.d/{package}")
            assert f"usr/share/doc/{package}" in dependencies


def test_it_trusts_public_authorities(dependencies):
    assert dependencies.read("etc/ssl/certs/ca-certificates.crt").count(b"BEGIN CERTIFICATE") > 100


def test_the_same_checkout_makes_the_same_layers(archive, say, tmp_path):
    """So that nodes that know them do not unpack them again, and a digest says what is in an image."""
    assert digests(HOLDFAST.archive(tmp_path, say)) == digests(archive)

"""A user's machine: a home, a shell, and a cluster with the demonstration's application in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig

import pytest
from demo.application import Application, delete
from demo.mistake import make_mistake
from demo.scenario import Place


class User:
    """Runs what a user types, in a shell, in a home of their own. Commands find their cluster in ~/.kube/config."""

    def __init__(self, home, application, programs):
        self.home = home
        self.application = application
        scripts = sysconfig.get_path("scripts")
        path = os.pathsep.join([scripts, *map(str, programs), os.defpath])
        self.environment = {"HOME": str(home), "PATH": path, "LANG": "C.UTF-8"}

    def lose_application(self):
        delete(self.application)

    def make_mistake(self):
        make_mistake(self.application.cluster, self.application.namespace)

    def type(self, command):
        """Runs a command and returns its standard output; variables that it exports stay. It must succeed."""
        script = f"{command} && env -0 >{self.home}/environment"
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.home,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == 0, f"{command}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        variables = (self.home / "environment").read_text().split("\0")
        self.environment = dict(variable.split("=", 1) for variable in variables if variable)
        return done.stdout


@pytest.fixture(scope="module")
def application(cluster):
    """In the namespace `shop`."""
    with Place("the cluster", cluster.kubeconfig, "shop").connected() as connected:
        application = Application(connected, "shop")
        application.install()
        yield application
        delete(application)


@pytest.fixture
def user(cluster, application, restic_new, tmp_path):
    """With a password for a repository that does not exist yet."""
    (tmp_path / ".kube").mkdir()
    shutil.copy(cluster.kubeconfig, tmp_path / ".kube" / "config")
    (tmp_path / ".holdfast-password").write_text("correct horse battery staple\n")
    return User(tmp_path, application, [restic_new.parent])

"""The program with somebody at a terminal."""

import fcntl
import os
import pty
import subprocess
import termios

from tests.cli.holdfast import PROGRAM, wait_until


class Terminal:
    """The program at a terminal of its own."""

    def __init__(self, holdfast, *arguments):
        self._master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [PROGRAM, *map(str, arguments)],
            env=holdfast.environment,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            # Its own terminal, so that Ctrl-C reaches it.
            preexec_fn=lambda: fcntl.ioctl(slave, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - one system call, no locks
        )
        os.close(slave)
        os.set_blocking(self._master, False)
        self.text = ""

    def wait_for(self, text):
        wait_until(lambda: text in self._read())

    def type(self, text):
        os.write(self._master, text.encode())

    def end(self):
        code = self.process.wait(timeout=30)
        self._read()
        os.close(self._master)
        return code

    def _read(self):
        try:
            while chunk := os.read(self._master, 65536):
                self.text += chunk.decode()
        except (BlockingIOError, OSError):
            pass
        return self.text

"""`python -m tests`: all tests, in two processes side by side, because most of them wait for servers and use one processor.

Each process has clusters and servers of its own. What the first one says is shown as it comes, the other's after it. Ends with
the first exit code that is not 0.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
FIRST = ("append_only", "bench", "cli", "cluster", "codec", "demo", "docs", "faults")
"""About half of the time; the other process has everything else, also what is new."""


def main():
    tests = sorted(path for path in HERE.iterdir() if path.is_dir() and any(path.rglob("test_*.py")))
    tests += sorted(HERE.glob("test_*.py"))
    first = [path for path in tests if path.name in FIRST]
    second = [path for path in tests if path.name not in FIRST]
    with tempfile.TemporaryFile() as later:
        beside = subprocess.Popen(command(second), stdout=later, stderr=subprocess.STDOUT)
        try:
            code = subprocess.run(command(first), check=False).returncode
            other = beside.wait()
        except BaseException:
            beside.terminate()
            raise
        later.seek(0)
        sys.stdout.buffer.write(later.read())
        sys.stdout.write(f"exit codes: {code} of the first process, {other} of the second\n")
    return code or other


def command(tests):
    return [sys.executable, "-m", "pytest", *map(str, tests)]


if __name__ == "__main__":
    sys.exit(main())

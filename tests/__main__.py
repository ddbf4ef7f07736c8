"""`python -m tests`: all tests, in three processes side by side, because most of them wait for servers and use one processor.

Each process has clusters and servers of its own. What the first one says is shown as it comes, what the others say after it.
Ends with the first exit code that is not 0.
"""

import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

HERE = Path(__file__).parent
COMMAND_LINE = ("append_only", "bench", "cli", "cluster", "codec", "demo", "docs", "faults")
PODS = ("controller", "image", "in_cluster", "installation", "movers")
"""Tests that mostly wait for pods and schedules. What is in neither list, also what is new, is the third part."""


def main():
    tests = sorted(path for path in HERE.iterdir() if path.is_dir() and any(path.rglob("test_*.py")))
    tests += sorted(HERE.glob("test_*.py"))
    parts = [
        [path for path in tests if path.name in COMMAND_LINE],
        [path for path in tests if path.name not in (*COMMAND_LINE, *PODS)],
        [path for path in tests if path.name in PODS],
    ]
    with ExitStack() as stack:
        outputs = [stack.enter_context(tempfile.TemporaryFile()) for _ in parts[1:]]
        others = [
            subprocess.Popen(command(part), stdout=output, stderr=subprocess.STDOUT)
            for part, output in zip(parts[1:], outputs, strict=True)
        ]
        try:
            codes = [subprocess.run(command(parts[0]), check=False).returncode, *(other.wait() for other in others)]
        except BaseException:
            for other in others:
                other.terminate()
            raise
        for output in outputs:
            output.seek(0)
            sys.stdout.buffer.write(output.read())
        sys.stdout.write(f"exit codes: {', '.join(map(str, codes))}\n")
    return next((code for code in codes if code), 0)


def command(tests):
    return [sys.executable, "-m", "pytest", *map(str, tests)]


if __name__ == "__main__":
    sys.exit(main())

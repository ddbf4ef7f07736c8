"""No file makes its reader ask for memory that the file itself does not have, or compute for ever."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

MEMORY = 192 << 20
SECONDS = 100


def test_huge_claims_are_refused_within_bounds(say):
    """In a process that may take so much memory and no more."""
    command = [sys.executable, Path(__file__).with_name("hostile_sizes.py"), str(MEMORY), str(SECONDS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-500:] + done.stderr
    lines = [line.split(" ", 1) for line in done.stdout.splitlines()]
    counts = Counter(outcome for outcome, _ in lines)
    say(f"{len(lines)} huge claims in {MEMORY >> 20} MiB: {dict(counts)}")
    assert [line for line in lines if line[0] not in ("refused", "read")] == []
    legal = [what for outcome, what in lines if outcome == "read"]
    assert {"a legal tree of a million nodes", "a legal header of 16 MiB", "a long frame in parts"} <= set(legal)
    assert counts["refused"] > 300

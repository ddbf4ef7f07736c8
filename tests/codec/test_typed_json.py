import subprocess
import sys

import msgspec
import pytest

from holdfast.codec import typed_json

# A crash cannot be caught, so it is left to a process of its own. Without the lock this one dies within a second.
FIRST_USES = """
import sys, threading
import msgspec
from holdfast.codec import typed_json

sys.setswitchinterval(1e-6)
for _ in range(150):
    blob = msgspec.defstruct("Blob", [("id", str), ("offset", int), ("length", int)])
    pack = msgspec.defstruct("Pack", [("id", str), ("blobs", list[blob])])
    file = msgspec.defstruct("File", [("packs", list[pack])])
    start = threading.Barrier(6)

    def first_use():
        start.wait()
        found = typed_json.decode(b'{"packs":[{"id":"a","blobs":[{"id":"b","offset":1,"length":2}]}]}', file)
        assert found.packs[0].blobs[0].length == 2

    threads = [threading.Thread(target=first_use) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""


def test_threads_may_all_be_the_first_to_decode_a_type():
    ended = subprocess.run([sys.executable, "-c", FIRST_USES], capture_output=True, text=True, check=False, timeout=120)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_what_does_not_fit_the_type_is_refused():
    with pytest.raises(msgspec.ValidationError):
        typed_json.decode(b'{"a": "text"}', dict[str, int])
    with pytest.raises(msgspec.DecodeError):
        typed_json.decode(b"{", dict[str, int])

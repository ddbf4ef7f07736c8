import pytest
from tests.restic_oracle import restics  # noqa: F401 - a fixture

pytest.register_assert_rewrite("tests.faults.rubbish")

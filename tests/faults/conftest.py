from tests.restic_oracle import restics  # noqa: F401 - a fixture

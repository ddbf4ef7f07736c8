import pytest
from tests.controller.stage import Stage


@pytest.fixture
def stage():
    return Stage()

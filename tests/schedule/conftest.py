import pytest
from tests.conftest import needed_tools
from tests.schedule import cron_oracle


@pytest.fixture(scope="session")
def judge(say):
    """`judge(questions) -> verdicts`, see `cron_oracle`."""

    def ask(questions):
        with needed_tools():
            return cron_oracle.judge(questions, say)

    return ask

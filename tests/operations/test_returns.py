import threading

import pytest

from holdfast.errors import Cancelled
from holdfast.model.cancel import Cancel
from holdfast.operations.returns import Returns


@pytest.fixture
def cancel():
    return Cancel()


@pytest.fixture
def entered():
    return []


@pytest.fixture
def returns(cancel, entered):
    return Returns(cancel, entered.append)


def test_what_came_back_is_entered_in_order(returns, entered):
    for number in range(3):
        returns.put(number)
    assert entered == []
    returns.take()
    assert entered == [0, 1, 2]


def test_waiting_ends_when_all_is_there_and_leaves_the_rest(returns, entered):
    putting = threading.Thread(target=lambda: [returns.put(number) for number in range(5)])
    putting.start()
    returns.wait_until(lambda: len(entered) == 3)
    putting.join()
    assert entered == [0, 1, 2]
    returns.take()
    assert entered == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("way", ["take", "wait"])
def test_an_error_elsewhere_is_raised_here(returns, entered, way):
    returns.put(1)
    returns.put(ValueError("a fault"))
    with pytest.raises(ValueError, match="a fault"):
        returns.take() if way == "take" else returns.wait_until(lambda: False)
    assert entered == [1]


def test_waiting_can_be_cancelled(returns, cancel):
    cancel.request()
    with pytest.raises(Cancelled):
        returns.wait_until(lambda: False)

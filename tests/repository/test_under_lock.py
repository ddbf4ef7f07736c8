import pytest

from holdfast.errors import LockLost, StoreUnavailable
from holdfast.ids import IndexId
from holdfast.repository.layout import file_name
from holdfast.repository.under_lock import save_under
from holdfast.store.memory import MemoryStore
from holdfast.testing.faulty_store import Fault, FaultyStore, Script

ID = IndexId.of(b"index")
NAME = file_name(ID)


def save(store):
    store.put(NAME, [b"index"])
    return ID


def proving(*answers):
    """A lock of which the n-th look gives the n-th answer."""
    left = list(answers)

    def prove():
        answer = left.pop(0)
        if answer is not None:
            raise answer

    return prove


def test_under_a_lock_that_lives_a_file_is_stored(store):
    assert save_under(proving(None, None), store, lambda: save(store)) == ID
    assert store.get(NAME) == b"index"


def test_under_a_lost_lock_nothing_is_stored(store):
    with pytest.raises(LockLost):
        save_under(proving(LockLost("lost")), store, lambda: pytest.fail("it was lost before"))


@pytest.mark.parametrize("error", [LockLost("lost"), StoreUnavailable("nobody knows")])
def test_what_was_stored_when_the_lock_was_lost_is_taken_back(store, error):
    with pytest.raises(type(error)):
        save_under(proving(None, error), store, lambda: save(store))
    assert list(store.list("index")) == []


def test_who_may_not_delete_says_it_all_the_same():
    store = FaultyStore(MemoryStore(), Script(Fault("before", "delete", times=None)))
    with pytest.raises(LockLost):
        save_under(proving(None, LockLost("lost")), store, lambda: save(store))

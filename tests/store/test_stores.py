"""Every store passes the same suite: the real thing where there is one, the emulator where there is not."""

from __future__ import annotations

import random

import pytest

from holdfast.model.cancel import Cancel
from holdfast.store.local import LocalStore
from holdfast.store.memory import MemoryStore
from holdfast.store.retrying import RetryingStore
from holdfast.store.url import open_store
from holdfast.testing.faulty_store import FaultyStore, SeededFaults
from holdfast.testing.manual_clock import ManualClock
from holdfast.testing.store_suite import StoreSuite


class TestLocalStore(StoreSuite):
    @pytest.fixture(autouse=True)
    def _directory(self, tmp_path):
        self.directory = tmp_path / "not" / "there" / "yet"

    def make_store(self):
        return LocalStore(self.directory)


class TestMemoryStore(StoreSuite):
    def make_store(self):
        return MemoryStore()


class TestFaultyStoreWithoutFaults(StoreSuite):
    def make_store(self):
        return FaultyStore(MemoryStore())


class TestRetryingStore(StoreSuite):
    def make_store(self):
        return RetryingStore(MemoryStore(), cancel=Cancel())


class TestRetryingStoreOnAFaultyOne(StoreSuite):
    """One call in five fails, before or after it was done, and nobody above notices."""

    @pytest.fixture(autouse=True, params=[1, 2, 3])
    def _seed(self, request):
        self.seed = request.param

    def make_store(self):
        clock = ManualClock()
        faulty = FaultyStore(MemoryStore(), SeededFaults(self.seed, {"before": 0.1, "after": 0.1}))
        jitter = random.Random(self.seed).random
        return RetryingStore(faulty, cancel=Cancel(), clock=clock, sleep=lambda _: None, jitter=jitter)

    # Not for this one, see RetryingStore.create: after a lost answer it cannot tell its own file from an equal one.
    test_create_refuses_a_taken_name_for_the_same_content_too = None


class _ServerSuite(StoreSuite):
    def make_store(self):
        return open_store(self.place.empty(), environ=self.place.environ)


class TestS3OnVersitygw(_ServerSuite):
    @pytest.fixture(autouse=True)
    def _server(self, s3_place):
        self.place = s3_place


class TestS3OnMinio(_ServerSuite):
    @pytest.fixture(autouse=True)
    def _server(self, minio_place):
        self.place = minio_place


class TestGcsOnAnEmulator(_ServerSuite):
    @pytest.fixture(autouse=True)
    def _server(self, gcs_place):
        self.place = gcs_place


class TestAzureOnAnEmulator(_ServerSuite):
    @pytest.fixture(autouse=True)
    def _server(self, azure_place):
        self.place = azure_place

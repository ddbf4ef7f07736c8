"""A run's movers in clusters that run no pods, where Jobs, quotas and rights are real, and in clusters that do."""

import pytest
from tests.movers.lab import Lab


@pytest.fixture
def lab(cluster, make_namespace):
    """In a new namespace of the cluster without nodes: every pod stays Pending."""
    made = Lab(cluster, make_namespace())
    yield made
    made.close()


@pytest.fixture
def live(node_cluster, make_namespace):
    """In a new namespace of a cluster with one node, with the claim `data`."""
    made = Lab(node_cluster, make_namespace(within=node_cluster))
    made.claim()
    yield made
    made.close()

"""A real Kubernetes, and real storage servers, on one machine, from package registries alone.

Nothing here is faked and nothing needs Docker or a registry of images: programs are built from pinned modules into a
per-user cache, run in temporary directories on loopback addresses, and end when the process that started them ends.
Most clusters have no node: pods are accepted and stay Pending. Those with nodes (`node_cluster.py`) run pods, and need
root. `docs/testbed.md` tells how to use it.
"""

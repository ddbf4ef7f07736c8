"""Small repositories for tests: made cheaply, filled with files, read back."""

import io

from tests.restic_oracle import PASSWORD

from holdfast.codec.crypto import ScryptCost
from holdfast.ids import BlobId
from holdfast.model.cancel import Cancel
from holdfast.model.clock import SystemClock
from holdfast.model.progress import Silent
from holdfast.repository import keys
from holdfast.repository.check import check
from holdfast.repository.pack import BlobType
from holdfast.repository.repository import init_repository, open_repository
from holdfast.repository.snapshot import Snapshot
from holdfast.repository.tree import NodeType, content_ids, subtree_id
from holdfast.repository.tree_builder import TreeBuilder, TreeFile

CHEAP = ScryptCost(n=2, r=1, p=1)
TIME = "2026-11-22T10:20:30.123456789Z"
FILES = {
    "backup.json": b'{"name":"sample"}',
    "objects/core/v1/configmaps/shop/<a&b>.json": b'{"kind":"ConfigMap"}',
    "objects/core/v1/secrets/shop/\u2028 \u00e9\\.json": b"",
    "volumes/shop/data/random": bytes(range(256)) * 40,
    "volumes/shop/data/same": bytes(range(256)) * 40,
}


def init(store, password=PASSWORD, clock=None):
    return init_repository(store, password, clock or SystemClock(), CHEAP)


def reopen(store, password=PASSWORD, clock=None):
    return open_repository(store, password, clock or SystemClock())


def add_password(repository, password, master=None):
    """Lets another password open the repository; returns the key's id."""
    return keys.add_key(
        repository.store,
        master or repository.key,
        password,
        username="somebody",
        hostname="somewhere",
        now=SystemClock().now(),
        cost=CHEAP,
    )


def write_files(repository, files=FILES, **fields):
    """Stores {path: content} as one snapshot, as a backup would; returns its id. `fields` are the Snapshot's."""
    cancel = Cancel()
    with repository.lock(cancel) as lock:
        writer = repository.writer(lock, cancel)
        try:
            tree = save_tree(repository, writer, files)
            writer.flush()
        finally:
            writer.close()
        given = {"time": TIME, "paths": ["/sample"], "hostname": "cluster", **fields}
        return repository.save_snapshot(Snapshot(tree=tree.hex(), **given), lock)


def save_tree(repository, writer, files):
    builder = TreeBuilder()
    for path, content in files.items():
        chunks = repository.chunker.split(io.BytesIO(content))
        blobs = b"".join(writer.save(BlobType.DATA, chunk) for chunk in chunks)
        builder.add(path.split("/"), TreeFile(blobs, len(content), TIME))
    return builder.save(writer)


def nodes(repository, snapshot_id):
    """All nodes of a snapshot as {path as bytes: node}."""
    found, waiting = {}, [(b"", BlobId.parse(repository.load_snapshot(snapshot_id).tree))]
    while waiting:
        parent, tree = waiting.pop()
        for node in repository.reader.load_tree(tree):
            path = parent + node.raw_name()
            found[path] = node
            if node.type is NodeType.DIRECTORY:
                waiting.append((path + b"/", subtree_id(node)))
    return found


def read_files(repository, snapshot_id):
    """{path: content} of a snapshot's files; paths as text where they are UTF-8."""
    return {
        path.decode("utf-8", "surrogateescape"): repository.reader.load_file(content_ids(node))
        for path, node in nodes(repository, snapshot_id).items()
        if node.type is NodeType.FILE
    }


def check_all(repository):
    """Everything that `check` finds, all bytes read."""
    return check(repository, read_fraction=1, cancel=Cancel(), progress=Silent())

"""Claims of a real API server whose volumes are directories of this machine, and a repository of their own."""

from tests.operations.harness import back_up, contents_of, files_of
from tests.sample_repository import init, reopen

from holdfast.model import tags
from holdfast.operations.catalog import read_catalog
from holdfast.store.memory import MemoryStore
from holdfast.testing.local_movers import LocalMovers

SPEC = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}


class Place:
    """A repository of its own, and the directories of the volumes."""

    def __init__(self, live, shop, directory):
        self.store = MemoryStore()
        init(self.store)
        self.live, self.shop = live, shop
        self.volumes = {f"{shop}/{claim}": directory / claim for claim in ("data", "logs")}
        for name, path in self.volumes.items():
            path.mkdir()
            (path / "file").write_text(f"content of {name}")
        self.movers = LocalMovers(lambda: reopen(self.store), self.volumes)

    @property
    def repository(self):
        return reopen(self.store)

    def path(self, claim):
        return self.volumes[f"{self.shop}/{claim}"]

    def back_up(self, **options):
        selected = () if "selection" in options else (self.shop,)
        return back_up(self.repository, self.live, *selected, movers=self.movers, **options)

    def record(self, run):
        return contents_of(self.repository, run).record()

    def files(self, run):
        """{path below /volumes/NAMESPACE: text}"""
        start = f"/volumes/{self.shop}/"
        return {
            path.removeprefix(start): data.decode()
            for path, data in files_of(self.repository, run).items()
            if path.startswith(start)
        }

    def parts(self):
        return [entry for entry in read_catalog(self.repository).entries if entry.kind == tags.PART]

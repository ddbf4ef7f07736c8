"""Backups and restores of files, as the command line makes them."""

import os

from holdfast.model.backup import BackupType
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Silent
from holdfast.operations.back_up_files import BackUpFilesOptions, back_up_files
from holdfast.operations.catalog import read_catalog
from holdfast.operations.restore_files import RestoreFilesOptions, restore_files, stream_files
from holdfast.volumes.selection import select

_SELECTING = "includes", "exclude_caches", "one_file_system"


def back_up(repository, *paths, excludes=(), **options):
    """A backup of `paths`; gives its run. `options` by their names in `select` and BackUpFilesOptions."""
    selecting = {name: options.pop(name) for name in _SELECTING if name in options}
    progress = options.pop("progress", None) or Silent()
    options["type"] = BackupType(options.pop("type", "incremental"))
    asked = BackUpFilesOptions(
        paths=tuple(os.fsencode(path) for path in paths), selection=select(excludes, **selecting), **options
    )
    return back_up_files(repository, asked, Cancel(), progress)


def restore(repository, run, target, *paths, cancel=None, progress=None, **options):
    """Gives the restore's run."""
    asked = RestoreFilesOptions(target=os.fsencode(target), paths=tuple(os.fsencode(path) for path in paths), **options)
    entry = read_catalog(repository).find_backup(run.id)
    return restore_files(repository, entry, asked, cancel or Cancel(), progress or Silent())


def stream(repository, run, file, *paths, **options):
    entry = read_catalog(repository).find_backup(run.id)
    asked = RestoreFilesOptions(target=b"-", paths=tuple(map(os.fsencode, paths)), **options)
    return stream_files(repository, entry, asked, file, Cancel(), Silent())


def whats(run):
    """What the run's report names."""
    return [problem.what for problem in run.errors]


def below(target, path):
    """Where a restore into `target` puts what was at `path`."""
    return target / path.relative_to("/")

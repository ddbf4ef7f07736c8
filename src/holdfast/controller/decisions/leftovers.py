"""What was made for an object that does not exist any more. Kubernetes collects most of it by its owner; this finds the rest."""

from __future__ import annotations

from holdfast.api.names import KIND_LABEL, OWNER_ANNOTATION
from holdfast.controller.actions import Delete
from holdfast.controller.views import CronJob, Job
from holdfast.controller.world import Key, World
from holdfast.manifests.jobs import CRON_JOBS, JOBS


def leftovers(world: World) -> list[Delete]:
    """CronJobs and Jobs of ours whose object is gone. A Job that still runs is stopped with them: nobody waits for it."""
    present = set(world.keys())
    found = []
    made = [(CRON_JOBS, one.metadata) for one in world.all(CronJob)] + [(JOBS, one.metadata) for one in world.all(Job)]
    for resource, metadata in made:
        if metadata.deletion_timestamp or OWNER_ANNOTATION not in metadata.annotations:
            continue
        owner = Key(metadata.labels.get(KIND_LABEL, ""), metadata.namespace, metadata.annotations[OWNER_ANNOTATION])
        if owner not in present:
            found.append(Delete(resource, metadata.namespace, metadata.name, metadata.uid))
    return found

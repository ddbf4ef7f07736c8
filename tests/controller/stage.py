"""A cluster in memory for decisions: objects are put into a World as an API server would send them."""

import copy
import datetime as dt
import json

from holdfast.controller.actions import Known
from holdfast.controller.decisions.decide import TYPES, decide
from holdfast.controller.subject import Scene
from holdfast.controller.world import World
from holdfast.manifests.jobs import CRON_JOBS, JOBS
from holdfast.manifests.run_pod import CONTAINER, Installation

NOW = dt.datetime(2026, 11, 26, 2, 0, 30, tzinfo=dt.UTC)
INSTALLATION = Installation(namespace="holdfast", image="holdfast:1", cluster="cluster-uid")


def time(moment):
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


class Stage:
    """`act` decides about one object and carries the answer out here, as the executor does in a cluster."""

    def __init__(self, now=NOW):
        self.now = now
        self.changed = []
        self.world = World(self.changed.append)
        self.known = Known()
        self.objects = {}
        self.told = []

    def put(self, body):
        body = copy.deepcopy(body)
        metadata = body["metadata"]
        kind, name = body["kind"], (metadata.get("namespace", ""), metadata["name"])
        former = self.objects.get((kind, *name), {"metadata": {}})["metadata"]
        metadata.setdefault("uid", former.get("uid", f"uid-{kind}-{'-'.join(name)}"))
        metadata.setdefault("generation", former.get("generation", 1))
        metadata.setdefault("creationTimestamp", former.get("creationTimestamp", time(self.now)))
        self.objects[(kind, *name)] = body
        self.world.put(kind, json.dumps(body).encode())
        return body

    def remove(self, kind, namespace, name):
        self.world.delete(kind, json.dumps(self.objects.pop((kind, namespace, name))).encode())

    def decide(self, kind, namespace, name):
        subject = self.world.get(TYPES[kind], namespace, name)
        return decide(subject, Scene(self.world, self.known, INSTALLATION, self.now))

    def act(self, kind, namespace, name):
        """Decides until nothing changes any more; returns the last decision that did something, and fails if that never is."""
        first = None
        for _ in range(8):
            decision = self.decide(kind, namespace, name)
            first = first or decision
            changes = [action for action in decision.actions if type(action).__name__ != "Look"]
            if not changes:
                return first
            for action in changes:
                self._carry_out((kind, namespace, name), action)
        raise AssertionError(f"the decisions never come to an end: {decision.actions}")

    def _carry_out(self, key, action):
        body = self.objects[key]
        match type(action).__name__:
            case "Apply" | "Create":
                self.put(action.body)
            case "Delete":
                kind = {CRON_JOBS: "CronJob", JOBS: "Job"}[action.resource]
                self.remove(kind, action.namespace, action.name)
            case "SetStatus":
                self.put({**body, "status": action.status})
            case "SetMetadata":
                merged = {**body["metadata"], **action.metadata}
                annotations = {**body["metadata"].get("annotations", {}), **action.metadata.get("annotations", {})}
                self.put({**body, "metadata": {**merged, "annotations": annotations}})
            case "Tell":
                self.told.append((action.type, action.reason, action.message))

    def status(self, kind, namespace, name):
        return self.objects[(kind, namespace, name)].get("status", {})

    def condition(self, kind, namespace, name, wanted):
        """(status, reason, message)"""
        conditions = self.status(kind, namespace, name).get("conditions", [])
        found = next((one for one in conditions if one["type"] == wanted), None)
        return found and (found["status"], found["reason"], found["message"])

    def made(self, kind):
        return {name: body for (found, _, name), body in self.objects.items() if found == kind}

    def edit(self, kind, namespace, name, **spec):
        body = self.objects[(kind, namespace, name)]
        metadata = {**body["metadata"], "generation": body["metadata"]["generation"] + 1}
        self.put({**body, "metadata": metadata, "spec": {**body["spec"], **spec}})

    def job(self, name, *, ended="", made_by=None, at=None, **labels):
        """A Job as the CronJob controller makes it from a CronJob here; `ended` is Complete or Failed."""
        body = self.objects.get(("Job", *name)) if isinstance(name, tuple) else None
        if body is None:
            cron_job = made_by or next(iter(self.made("CronJob").values()))
            template = cron_job["spec"]["jobTemplate"]
            metadata = {
                "name": name,
                "namespace": cron_job["metadata"]["namespace"],
                "creationTimestamp": time(at or self.now),
                **copy.deepcopy(template["metadata"]),
            }
            metadata["labels"].update(labels)
            body = {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": template["spec"]}
        return self.end_job(body, ended)

    def end_job(self, body, ended, reason="", message=""):
        status = {"startTime": body["metadata"].get("creationTimestamp", time(self.now))}
        if ended:
            condition = {
                "type": ended,
                "status": "True",
                "reason": reason,
                "message": message,
                "lastTransitionTime": time(self.now),
            }
            status["conditions"] = [condition]
            if ended == "Complete":
                status["completionTime"] = time(self.now)
        return self.put({**body, "status": status})

    def pod(self, job, *, report=None, exit_code=None, phase="Running", suffix="a", **status):
        """A pod of a Job; `report` is what it wrote to its termination message."""
        metadata = job["metadata"]
        state = {"running": {}}
        if exit_code is not None:
            message = report if isinstance(report, str) else json.dumps(report or {})
            reason = "Completed" if exit_code == 0 else "Error"
            state = {"terminated": {"exitCode": exit_code, "reason": reason, "message": message}}
            phase = "Succeeded" if exit_code == 0 else "Failed"
        return self.put(
            {
                "kind": "Pod",
                "metadata": {
                    "name": f"{metadata['name']}-{suffix}",
                    "namespace": metadata["namespace"],
                    "labels": metadata["labels"],
                    "annotations": metadata["annotations"],
                    "ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": metadata["name"]}],
                },
                "status": {"phase": phase, "containerStatuses": [{"name": CONTAINER, "state": state}], **status},
            }
        )

    def finish(self, job, outcome="done", exit_code=0, **report):
        """A run that reported and ended."""
        said = {"outcome": outcome, "exitCode": exit_code, "finishedAt": time(self.now), **report}
        self.pod(job, report=said, exit_code=exit_code)
        self.end_job(job, "Complete" if exit_code == 0 else "Failed")


def location(name="main", namespace="holdfast", ready=None, **spec):
    body = {
        "apiVersion": "holdfast.dev/v1alpha1",
        "kind": "StorageLocation",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"url": f"s3:http://store/{namespace}-{name}", "secret": "credentials", **spec},
    }
    if ready is not None:
        condition = {"type": "Ready", "status": ready, "reason": "X", "message": "m", "lastTransitionTime": time(NOW)}
        body["status"] = {"conditions": [condition]}
    return body


def plan(name="nightly", namespace="holdfast", **spec):
    return {
        "apiVersion": "holdfast.dev/v1alpha1",
        "kind": "BackupPlan",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "schedule": "0 2 * * *",
            "location": "main",
            "backup": {"namespaces": ["shop"]},
            **spec,
        },
    }


def request(kind="Backup", name="before", namespace="holdfast", **spec):
    fields = {"backup": "latest"} if kind == "Restore" else {"namespaces": ["shop"]}
    return {
        "apiVersion": "holdfast.dev/v1alpha1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"location": "main", **fields, **spec},
    }

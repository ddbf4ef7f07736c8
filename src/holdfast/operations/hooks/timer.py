"""The thaw timer of one hook, begun and called off."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.cluster.cluster import Cluster
from holdfast.errors import ClusterError
from holdfast.model.hooks import Hook
from holdfast.objects.hooks.select import PodHooks
from holdfast.objects.hooks.thaw_timer import TOO_LATE, begin_command, call_off_command

_TIMEOUT = 30.0  # seconds for either


@dataclass(frozen=True, slots=True)
class Timer:
    pod: PodHooks
    hook: Hook
    name: str
    process: int  # in the container

    @classmethod
    def begin(cls, cluster: Cluster, pod: PodHooks, hook: Hook, name: str) -> Timer:
        """Raises ClusterError if there will be no timer: then nothing may be frozen."""
        command = begin_command(name, hook.thaw_after, hook.thaw)
        done = cluster.execute(pod.namespace, pod.pod, command, container=hook.container, timeout=_TIMEOUT)
        process = done.output.strip()
        if done.exit_code or not process.isdigit():
            said = " ".join(done.errors.decode(errors="replace").split())[-200:]
            raise ClusterError(
                f"no thaw timer in {pod.name}",
                why=f"the timer that would thaw it cannot be started: exit code {done.exit_code} {said}".strip(),
                next="The container needs sh and sleep for it.",
            )
        return cls(pod, hook, name, int(process))

    def call_off(self, cluster: Cluster) -> bool:
        """False if it has thawed already, or went down with its container. Raises ClusterError."""
        command = call_off_command(self.name, self.process)
        pod = self.pod
        done = cluster.execute(pod.namespace, pod.pod, command, container=self.hook.container, timeout=_TIMEOUT)
        if done.exit_code not in (0, TOO_LATE):
            why = f"the call-off ended with exit code {done.exit_code}"
            raise ClusterError(f"a thaw timer in {pod.name} goes on", why=why, next="It thaws what is thawed; no harm.")
        return done.exit_code == 0

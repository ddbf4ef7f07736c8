"""Options of `holdfast restore` about what surrounds the objects: quarantine, pauses, status."""

from tests.restore_lab import unique


def test_clone_in_quarantine_as_people_see_it(connected, cluster, shop):
    connected("backup", "create", "-n", shop, "--name", "shop")
    clone = unique("clone")
    flags = ("shop", "--map-namespace", f"{shop}={clone}", "--quarantine")

    plan = connected("restore", "plan", *flags)
    done = connected("restore", "run", *flags, "--restore-status", "services,deployments")
    cluster.api.request("DELETE", f"/api/v1/namespaces/{clone}")

    assert "Note: Quarantine: " in plan.out + plan.err
    assert "changed by quarantine-namespace" in plan.out
    assert ["created", "networkpolicies.networking.k8s.io", clone, "holdfast-quarantine"] in [
        line.split()[:4] for line in done.out.splitlines()
    ]


def test_quarantine_in_a_namespace_that_is_in_use_is_refused(connected, shop):
    connected("backup", "create", "-n", shop, "--name", "shop")

    assert "exists already" in connected("restore", "run", "shop", "--quarantine", code=1).problem[0]
    assert (
        "not possible"
        in connected("restore", "run", "shop", "--quarantine", "--on-conflict", "update", "-y", code=2).problem[0]
    )


def test_workload_that_cannot_be_scaled_down_is_an_error(connected, shop):
    connected("backup", "create", "-n", shop, "--name", "shop")

    absent = connected("restore", "run", "shop", "--scale-down-first", f"deploy/{shop}/operator", code=1)
    assert "not in the cluster" in absent.problem[1]
    other = connected("restore", "run", "shop", "--pause-gitops", "--scale-down-first", f"secret/{shop}/login", code=2)
    assert "not possible" in other.problem[0]

"""The server did what was asked, and its answer got lost: the object is ours all the same."""

from tests.restore_lab import Lab, Vault, outcomes, service

from holdfast.errors import ClusterUnreachable


def test_service_with_a_port_of_its_own_is_created_once(cluster, namespace, monkeypatch):
    lab, vault = Lab(cluster, namespace), Vault()
    spare = lab.make(service("spare", type="NodePort"))
    lab.delete(spare)
    ports = [{"port": 80, "nodePort": spare["spec"]["ports"][0]["nodePort"]}]
    lab.make(service(type="NodePort", ports=ports))
    vault.back_up(lab)
    lab.delete(service())
    create, lost = lab.cluster.create, []

    def lose_the_answer(resource, *arguments, **options):
        made = create(resource, *arguments, **options)
        if resource.plural == "services" and not lost:
            lost.append(made)
            raise ClusterUnreachable("the connection was reset")
        return made

    monkeypatch.setattr(lab.cluster, "create", lose_the_answer)
    report = vault.restore(lab)
    lab.close()

    assert lost
    assert report.outcome == "done"
    assert outcomes(report)["services", "web"] in ("unchanged", "updated")  # or just its owners of fields

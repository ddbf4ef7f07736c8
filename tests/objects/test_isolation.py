from holdfast.objects.isolation import LABEL, POLICY, is_quarantine, network_policy


def test_policy_lets_nothing_in_and_only_dns_out():
    policy = network_policy("shop")

    assert policy["metadata"] == {"name": POLICY, "namespace": "shop", "labels": {LABEL: "true"}}
    assert policy["spec"]["podSelector"] == {}
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in policy["spec"]
    (rule,) = policy["spec"]["egress"]
    assert rule == {"ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]}


def test_quarantine_is_known_by_its_label():
    assert is_quarantine({"metadata": {"labels": {LABEL: "true"}}})
    assert not is_quarantine({"metadata": {"labels": {LABEL: "false"}}})
    assert not is_quarantine({"metadata": {}})

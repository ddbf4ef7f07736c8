from holdfast.objects.isolation import LABEL, POLICY, is_quarantine, network_policy


def test_policy_lets_nothing_in_and_only_dns_out():
    policy = network_policy("shop")

    assert policy["metadata"] == {"name": POLICY, "namespace": "shop", "labels": {LABEL: "true"}}
    assert policy["spec"]["podSelector"] == {}
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in policy["spec"]
    (rule,) = policy["spec"]["egress"]
    assert rule == {"ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]}


def test_policy_may_be_open_inside_and_stays_closed_outside():
    spec = network_policy("shop", open_inside=True)["spec"]

    inside = [{"podSelector": {}}]  # of the same namespace, as no other is selected
    assert spec["ingress"] == [{"from": inside}]
    assert spec["egress"][1:] == [{"to": inside}]


def test_quarantine_is_known_by_its_label():
    assert is_quarantine({"metadata": {"labels": {LABEL: "true"}}})
    assert not is_quarantine({"metadata": {"labels": {LABEL: "false"}}})
    assert not is_quarantine({"metadata": {}})

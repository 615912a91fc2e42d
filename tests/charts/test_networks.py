"""Who may reach whom: the policies of the chart, read as a cluster reads them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.charts.rendering import Rendered, over, render, values_of

Labels = dict[str, str]


def _selects(selector: dict[str, Any], labels: Labels) -> bool:
    assert selector.keys() <= {"matchLabels"}, "only labels are understood here"
    return bool(selector.get("matchLabels", {}).items() <= labels.items())


def _policies_for(rendered: Rendered, labels: Labels) -> list[dict[str, Any]]:
    return [p["spec"] for p in rendered.of("NetworkPolicy") if _selects(p["spec"]["podSelector"], labels)]


def _ways_out(rendered: Rendered, labels: Labels) -> list[dict[str, Any]]:
    return [rule for policy in _policies_for(rendered, labels) for rule in policy["egress"]]


def reaches(rendered: Rendered, source: str, target: str, port: int) -> bool:
    "Whether one component's pods may open a connection to another's: out there, and in here."
    here, there = rendered.labels_of(source), rendered.labels_of(target)

    def names(peers: list[dict[str, Any]] | None, labels: Labels) -> bool:
        return peers is None or any("podSelector" in p and _selects(p["podSelector"], labels) for p in peers)

    def has(rule: dict[str, Any]) -> bool:
        return any(p["port"] == port for p in rule["ports"])

    out = any(names(rule.get("to"), there) and has(rule) for rule in _ways_out(rendered, here))
    into = any(
        names(rule.get("from"), here) and has(rule)
        for policy in _policies_for(rendered, there)
        for rule in policy["ingress"]
    )
    return out and into


def networks(rendered: Rendered, source: str) -> set[tuple[str, int]]:
    "Return the networks outside of the cluster that a component's pods may reach, with the ports."
    return {
        (peer["ipBlock"]["cidr"], port["port"])
        for rule in _ways_out(rendered, rendered.labels_of(source))
        for peer in rule.get("to", [])
        if "ipBlock" in peer
        for port in rule["ports"]
    }


def _components(rendered: Rendered, role: str) -> list[str]:
    return [
        template["metadata"]["labels"]["app.kubernetes.io/component"]
        for _, template in rendered.pods()
        if template["metadata"]["labels"].get("taxonomy-bot/role") == role
    ]


def test_every_pod_has_a_policy_in_both_directions(rendered: Rendered) -> None:
    "A pod that no policy names would be reached by all and reach all."
    for name, template in rendered.pods():
        policies = _policies_for(rendered, template["metadata"]["labels"])
        assert {way for policy in policies for way in policy["policyTypes"]} == {"Ingress", "Egress"}, name


def test_no_way_out_is_without_an_end(rendered: Rendered) -> None:
    "A rule without `to` or ports opens everything."
    for policy in rendered.of("NetworkPolicy"):
        for rule in policy["spec"]["egress"]:
            assert rule["to"], policy["metadata"]["name"]
            assert rule["ports"], policy["metadata"]["name"]


def test_workers_reach_broker_artifacts_and_models_only(production: Rendered) -> None:
    "Neither GitHub's API nor the database is in any network that they reach."
    workers = _components(production, "worker")
    assert len(workers) == 4
    for worker in workers:
        assert networks(production, worker) == {("10.20.0.10/32", 6379), ("10.20.0.30/32", 443)}
        assert reaches(production, worker, "model-teacher", 8000)
        assert not reaches(production, worker, "bot", 8080)


def test_the_bot_reaches_what_it_works_with(production: Rendered) -> None:
    "GitHub and documents anywhere but in private networks; database, broker, artifacts and models where they are."
    assert networks(production, "bot") == {
        ("0.0.0.0/0", 443),
        ("::/0", 443),
        ("10.20.0.10/32", 6379),
        ("10.20.0.20/32", 5432),
        ("10.20.0.30/32", 443),
    }
    assert reaches(production, "bot", "model-student", 8000)
    (rule,) = [
        peer["ipBlock"]
        for rule in _ways_out(production, production.labels_of("bot"))
        for peer in rule["to"]
        if peer.get("ipBlock", {}).get("cidr") == "0.0.0.0/0"
    ]
    assert {"169.254.0.0/16", "10.0.0.0/8"} <= set(rule["except"])


def test_the_migrations_reach_the_database_and_are_let_there_in_time(production: Rendered) -> None:
    "Their policy is made before them, and they reach nothing else."
    assert networks(production, "migrations") == {("10.20.0.20/32", 5432)}
    policy = production.one("NetworkPolicy", "-migrations")["metadata"]["annotations"]
    job = production.one("Job", "-migrations")["metadata"]["annotations"]
    assert int(policy["helm.sh/hook-weight"]) < int(job["helm.sh/hook-weight"])


def test_models_ask_nobody(production: Rendered) -> None:
    "What contributors wrote goes into them; nothing goes out of them but answers."
    for model in _components(production, "model"):
        assert _ways_out(production, production.labels_of(model)) == []
        assert not reaches(production, "migrations", model, 8000)


def test_of_a_trials_servers_workers_reach_redis_and_not_postgresql() -> None:
    "The same holds where both are part of the release."
    rendered = render(values_of("single-gpu"))
    assert reaches(rendered, "worker-gpu", "redis", 6379)
    assert not reaches(rendered, "worker-gpu", "postgresql", 5432)
    assert reaches(rendered, "bot", "redis", 6379)
    assert reaches(rendered, "bot", "postgresql", 5432)
    assert reaches(rendered, "migrations", "postgresql", 5432)
    assert not reaches(rendered, "migrations", "redis", 6379)
    assert networks(rendered, "worker-gpu") == set()


def test_an_air_gapped_bot_reaches_its_own_network_only() -> None:
    "GitHub Enterprise Server is in there; the internet is not."
    rendered = render(values_of("air-gapped"))
    assert {network for network, _ in networks(rendered, "bot") if network.endswith("/0")} == set()


def test_metrics_are_read_by_whom_they_are_for(production: Rendered) -> None:
    "Not through the public Service, and not from anywhere."
    (rule,) = [
        rule
        for policy in _policies_for(production, production.labels_of("bot"))
        for rule in policy["ingress"]
        if rule["ports"][0]["port"] == 9090
    ]
    assert rule["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]
    assert [port["name"] for port in production.one("Service", "")["spec"]["ports"]] == ["http"]


def test_traces_reach_their_collector() -> None:
    "From the bot and from every worker, and from nobody else; without an address there is no way out to it."
    peers = {"networkPolicy": {"traces": {"port": 4319, "peers": [{"ipBlock": {"cidr": "10.20.0.40/32"}}]}}}
    url = {"traces": {"url": "http://collector.observability:4318/v1/traces"}}
    rendered = render(over(over(values_of("production"), peers), url))
    collector = ("10.20.0.40/32", 4319)
    for sender in ("bot", *_components(rendered, "worker")):
        assert collector in networks(rendered, sender)
    for other in ("migrations", *_components(rendered, "model")):
        assert collector not in networks(rendered, other)
    without = render(over(values_of("production"), peers))
    assert collector not in networks(without, "bot") | networks(without, "worker-cpu")


@pytest.mark.parametrize("part", ["broker", "artifacts", "models", "traces"])
def test_the_world_is_no_network_of_a_broker(part: str) -> None:
    "Whoever opens everything to the workers is told what that would mean."
    changes = {"networkPolicy": {part: {"peers": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}}}
    with pytest.raises(Exception, match=rf"networkPolicy\.{part}\.peers has 0\.0\.0\.0/0: that opens GitHub's API"):
        render(over(values_of("production"), changes))

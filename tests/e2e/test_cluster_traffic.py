"""What flows between machines and through all their gateways: updates, the tunnel, a machine's boot."""
import json

from lab import run, web

IMAGE = "ployz-samples/web:1"


def test_updates_under_load_through_all_three_gateways(cluster):
    """≥ 100,000 requests on kept-alive connections while a service of six is updated."""
    def manifest(version):
        return web("wide", f"ployz-samples/web:{version}", replicas=6, rollout="blue_green",
                   start_period="60s")

    machines = cluster.all()
    assert cluster.deploy(manifest(1)).outcome == "committed"
    assert {i["machine_name"] for i in cluster.instances("wide")} == {m.name for m in machines}
    updates = (2, 1) * 6  # version 3 is the one that is never ready
    with cluster.load("wide.example.com", connections=12, rate=8000, requests=100_000,
                      through=machines) as load:
        for version in updates:
            done = cluster.deploy(manifest(version))
            assert done.outcome == "committed" and not done.json["unconfirmed"], done.error
        assert load.process.poll() is None, "the load ended before the updates"
    report = load.report
    assert report["failed"] == 0 and report["violations"] == 0, report
    assert report["requests"] >= 100_000, report
    assert {v.split()[-1] for v in report["versions"]} == {"1", "2"}, report
    print(f"{report['requests']} requests through 3 gateways, {len(updates)} updates: 0 failed")


def count_around_the_tunnel(machine, others):
    """Counts what goes between the machines' own addresses and is not WireGuard."""
    addresses = ", ".join(m.address for m in others)
    rules = "\n".join(f"""  chain {name} {{
    type filter hook {hook} priority {priority};
    ip {way} {{ {addresses} }} udp dport 51820 counter name tunnel accept
    ip {way} {{ {addresses} }} counter name around
    ip {net} 10.101.0.0/16 {face} "eth0" counter name bare
  }}""" for name, hook, priority, way, net, face in
                     (("in", "prerouting", -400, "saddr", "saddr", "iifname"),
                      ("out", "postrouting", 400, "daddr", "daddr", "oifname")))
    machine.sh(f"""nft -f - <<'END'
table ip ployz_count {{
  counter tunnel {{ }}
  counter around {{ }}
  counter bare {{ }}
{rules}
}}
END""")


def counted(machine):
    listed = json.loads(machine.sh("nft -j list counters table ip ployz_count").stdout)
    return {c["counter"]["name"]: c["counter"]["packets"]
            for c in listed["nftables"] if "counter" in c}


def test_between_machines_there_is_only_the_tunnel(cluster):
    first, *others = cluster.all()
    count_around_the_tunnel(first, others)
    try:
        assert cluster.deploy(web("far", IMAGE, replicas=6)).outcome == "committed"
        there = [i for i in cluster.instances("far") if i["machine_name"] != first.name]
        here = [i for i in cluster.instances("far") if i["machine_name"] == first.name]
        # From container to container: an instance of the sample has no curl, its network has.
        for one in there:
            pid = first.docker("inspect", "-f", "{{.State.Pid}}",
                               first.docker("ps", "-q", "--filter", "label=ployz.instance="
                                            f"{here[0]['id']}").stdout.strip()).stdout.strip()
            first.sh(f"nsenter -t {pid} -n curl -fsS -m 5 http://{one['address']}:8080/healthz")
            # Its address is the one it has at home, or every policy about addresses were void.
            machine = next(m for m in others if m.name == one["machine_name"])
            machine.sh("nft add table ip ployz_seen; nft 'add chain ip ployz_seen c { type filter hook "
                       "forward priority 300; }'; nft 'add rule ip ployz_seen c ip saddr "
                       f"{here[0]['address']} ip daddr {one['address']} counter'")
            first.sh(f"nsenter -t {pid} -n curl -fsS -m 5 http://{one['address']}:8080/healthz")
            seen = machine.sh("nft list table ip ployz_seen; nft delete table ip ployz_seen").stdout
            assert "packets 0" not in seen and "packets" in seen, seen
        cluster.must("image", "distribute", IMAGE, "--to", "all")
        packets = counted(first)
    finally:
        first.sh("nft delete table ip ployz_count")
    assert packets["tunnel"] > 100, packets
    assert (packets["around"], packets["bare"]) == (0, 0), packets


def test_machines_that_boot_come_back_by_themselves(cluster):
    """The one with the store and another one at the same time: with tunnel, leaf node, gateway, names
    and instances, which keep their addresses."""
    assert cluster.deploy(web("boot", IMAGE, replicas=6)).outcome == "committed"
    before = cluster.instances("boot")
    run("docker", "restart", cluster.container, cluster.machine(2).container)
    cluster.wait(lambda: all(m["reachable"] for m in cluster.must("machine", "ls").json["machines"])
                 and all(m.ctl("mesh", "ready").code == 0 for m in cluster.all()),
                 "every machine to be ready", limit_s=60)
    addresses = {i["address"] for i in before}
    for each in cluster.all():
        cluster.wait(lambda each=each: addresses == set(each.sh(
            "kdig +short @$(ip -4 -o addr show ployz0 | awk '{print $4}' | cut -d/ -f1) "
            "web.boot.cluster.local").stdout.split()), f"names on {each.name}")
        for one in before:
            cluster.wait(lambda each=each, one=one: each.sh(
                f"curl -fsS -m 5 http://{one['address']}:8080/healthz", check=False).returncode == 0,
                         f"{one['address']} from {each.name}", limit_s=60)
        cluster.wait(lambda each=each: each.get("boot.example.com")[0] == 200,
                     f"the gateway of {each.name}")
    assert {i["id"] for i in cluster.instances("boot")} == {i["id"] for i in before}
    assert cluster.deploy(web("boot", IMAGE, replicas=6, env={"A": "1"})).outcome == "committed"


def test_a_lossy_underlay_slows_and_fails_nothing(cluster):
    """Two packets in a hundred are lost between the machines, both ways."""
    machines = cluster.all()
    assert cluster.deploy(web("lossy", IMAGE, replicas=3)).outcome == "committed"
    for machine in machines:
        machine.lose(2, *[other for other in machines if other.name != machine.name])
    try:
        with cluster.load("lossy.example.com", connections=6, rate=300, through=machines) as load:
            done = cluster.deploy(web("lossy", "ployz-samples/web:2", replicas=3))
            assert (done.code, done.outcome) == (0, "committed"), done
        assert load.report["failed"] == 0 and load.report["violations"] == 0, load.report
        assert all(m["reachable"] for m in cluster.must("machine", "ls").json["machines"])
    finally:
        for machine in machines:
            machine.heal()

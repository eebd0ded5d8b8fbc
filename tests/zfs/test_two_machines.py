"""What containers of the host's kernel cannot show: WireGuard in the kernel, a slow and lossy line,
the loss of power."""
import pytest

WEB = """namespace = "{namespace}"
[[service]]
name = "web"
image = "ployz-samples/web:{version}"
replicas = 2
[[service.port]]
name = "http"
container = 8080
[[service.route]]
hostnames = ["{namespace}.example.com"]
port = "http"
[service.readiness]
http = "/healthz"
port = "http"
start_period = "60s"
"""


@pytest.fixture
def shop(machines):
    """A service with an instance on each machine."""
    first, _ = machines
    deployed = first.ctl("deploy -f -", stdin=WEB.format(namespace="shop", version=1))
    assert deployed["outcome"] in ("committed", "unchanged"), deployed
    yield machines
    first.sh("ployzctl namespace rm shop --yes")


def test_the_overlay_is_the_kernels(machines):
    for machine, other in (machines, machines[::-1]):
        assert "wireguard" in machine.sh("ip -d link show ployz-wg").stdout
        assert machine.sh("pgrep wireguard-go", check=False).returncode != 0
        # The network that only leads outside is no way to the other, whatever its rank.
        assert other.address in machine.sh("wg show ployz-wg endpoints").stdout


def test_every_gateway_reaches_every_instance(shop):
    for machine in shop:
        answers = [machine.curl("http://127.0.0.1/")["instance"] for _ in range(8)]
        assert len(set(answers)) == 2, answers


def test_a_slow_and_lossy_line_is_no_reason_to_fail(shop):
    first, _ = shop
    try:
        for machine in shop:
            machine.netem("delay", "250ms", "50ms", "loss", "2%")
        # An answer that is lost takes its connection seconds to repeat: more than `ls` waits for one.
        first.wait("! ployzctl --json machine ls | grep -q '\"reachable\": false'",
                   "an answer from both")
        deployed = first.ctl("deploy -f -", stdin=WEB.format(namespace="shop", version=2))
        assert deployed["outcome"] == "committed", deployed
        assert first.curl("http://127.0.0.1/")["version"] == "2"
    finally:
        for machine in shop:
            machine.netem("off")


def test_a_machine_whose_power_fails_comes_back_as_it_was(shop):
    first, second = shop
    second.sh("zfs create -o mountpoint=/var/lib/proof -o canmount=on tank/proof && "
              "echo kept >/var/lib/proof/file && sync")
    try:
        second.reset()
        # Mounted before containers could write into the folder below.
        assert second.sh("cat /var/lib/proof/file").stdout.strip() == "kept"
        assert "zfs-mount.service" in second.sh(
            "systemctl show -p After --value docker.service local-fs.target").stdout
        second.wait("ployzctl mesh ready", "the daemon's answer")
        second.wait("wg show ployz-wg latest-handshakes | grep -qv '\\s0$'", "a handshake")
        second.wait("curl -sS --fail --max-time 20 -H 'Host: shop.example.com' http://127.0.0.1/",
                    "an answer through its gateway")
        answers = {first.curl("http://127.0.0.1/")["instance"] for _ in range(8)}
        assert len(answers) == 2, answers
    finally:
        second.sh("zfs destroy tank/proof", check=False)

"""`daemon install --runtime host`: Ployz on a Debian 13 machine itself, and gone from it again.

The machine is a container of plain Debian with systemd; everything in it is done by the operator's
own commands, run inside. The install downloads what the package depends on.
"""
import json
import os
import subprocess
import types

import pytest

from lab import PLOYZCTL, ROOT, run, web

NAME = f"ployz-{ROOT.name}-host"  # one of each checkout
IMAGE = "ployz/e2e-host:latest"
UNITS = ["ployzd", "ployz-router", "ployz-nats", "ployz-haproxy", "ployz-knot"]
QUIET = ["haproxy", "knot", "nats-server"]
INSTALL = ("daemon install --runtime host --service-mode system --package ./ployz.deb")
WITHOUT_HINDRANCE = 600  # seconds: a slow mirror is no failure of ours


@pytest.fixture
def clean():
    """Not the shared machine's: nothing here touches it."""


def start_host():
    run("docker", "build", "-q", "-t", IMAGE, "-f", ROOT / "tests/e2e/host/Dockerfile",
        ROOT / "images/machine", limit_s=WITHOUT_HINDRANCE, env=dict(os.environ, DOCKER_BUILDKIT="0"))
    lines = run(ROOT / "tools/lab/machine-args").stdout.splitlines()
    split = lines.index("--")
    run("docker", "run", "-d", "--name", NAME, "--hostname", "metal",
        "--label", "ployz.machine=metal", *lines[:split], IMAGE,
        *lines[split + 1:])


@pytest.fixture(scope="module")
def host():
    """A machine with the operator's files in /opt and nothing of Ployz."""
    def sh(script, check=True, limit_s=WITHOUT_HINDRANCE, stdin=None):
        return run("docker", "exec", "-i", "-w", "/opt", NAME, "bash", "-c", script, check=check,
                   limit_s=limit_s, stdin=stdin)

    def ctl(arguments, check=True, stdin=None):
        done = sh(f"./ployzctl --json {arguments}", check=check, stdin=stdin)
        return types.SimpleNamespace(code=done.returncode, stderr=done.stderr, stdout=done.stdout,
                                     json=json.loads(done.stdout) if done.stdout.strip() else None)

    package = ROOT / "build" / os.environ.get("PLOYZ_PRESET", "dev") / "package/ployz.deb"
    run("docker", "rm", "-fv", NAME, check=False)  # what a run that was killed left
    try:
        start_host()
        sh("for i in $(seq 300); do [ -S /run/dbus/system_bus_socket ] && break; sleep 0.1; done; "
           "systemctl is-system-running --wait || true")
        for file, name in ((PLOYZCTL, "ployzctl"), (package, "ployz.deb")):
            run("docker", "cp", "-L", file, f"{NAME}:/opt/{name}")
        yield types.SimpleNamespace(sh=sh, ctl=ctl)
    finally:
        run("docker", "rm", "-fv", NAME, check=False)


def active(host, units):
    return {unit: host.sh(f"systemctl is-active {unit}", check=False).stdout.strip()
            for unit in units}


def load_image(reference):
    """From this computer's engine into the machine's: nothing inside can pull it."""
    with subprocess.Popen(["docker", "save", reference], stdout=subprocess.PIPE) as save:
        subprocess.run(["docker", "exec", "-i", NAME, "curl", "-sS", "--fail", "-X", "POST",
                        "--unix-socket", "/run/docker.sock", "-H",
                        "Content-Type: application/x-tar", "--data-binary", "@-", "-o", "/dev/null",
                        "http://engine/images/load?quiet=1"], stdin=save.stdout, check=True)


def test_a_host_that_runs_another_gateway_is_refused(host):
    host.sh("printf '[Service]\\nExecStart=/bin/sleep infinity\\n[Install]\\n"
            "WantedBy=multi-user.target\\n' >/etc/systemd/system/haproxy.service && "
            "systemctl daemon-reload && systemctl enable -q --now haproxy")
    try:
        refused = host.ctl(INSTALL, check=False)
        assert refused.code == 3 and "haproxy.service" in refused.json["error"]["message"], refused
        assert "systemctl disable --now haproxy" in refused.json["error"]["hint"]
        assert host.sh("dpkg-query -W ployz", check=False).returncode != 0
    finally:
        host.sh("systemctl disable -q --now haproxy; rm /etc/systemd/system/haproxy.service; "
                "systemctl daemon-reload")


def test_install_deploy_and_uninstall(host):
    host.sh("apt-get update -q")
    assert host.ctl(INSTALL).json["outcome"] == "created"
    assert active(host, ["ployzd", "docker"]) == {"ployzd": "active", "docker": "active"}
    # Debian starts what it installs; on this machine nobody asked for these.
    assert set(active(host, QUIET).values()) == {"inactive"}
    # Again, without the package: nothing to do.
    again = host.ctl("daemon install --runtime host --service-mode system")
    assert again.json["outcome"] == "unchanged", again

    host.ctl("mesh init prod")
    assert set(active(host, UNITS).values()) == {"active"}
    load_image("ployz-samples/web:1")
    deployed = host.ctl("deploy -f -", stdin=web("shop", publish=8000))
    assert deployed.json["outcome"] == "committed", deployed
    for url in ("-H 'Host: shop.example.com' http://127.0.0.1/", "http://127.0.0.1:8000/"):
        assert json.loads(host.sh(f"curl -sS --fail {url}").stdout)["service"] == "web"

    removed = host.ctl("daemon uninstall --runtime host --yes")
    assert removed.json["outcome"] == "removed", removed
    check_nothing_is_left(host)


def check_nothing_is_left(host):
    assert set(active(host, UNITS).values()) == {"inactive"}
    assert host.sh("curl -sS --unix-socket /run/docker.sock "
                   "http://engine/containers/json?all=1").stdout.strip() == "[]"
    assert host.sh("ip -br link show ployz0", check=False).returncode != 0
    assert "ployz" not in host.sh("nft list tables").stdout
    assert host.sh("ls -d /var/lib/ployz /run/ployz /etc/ployz /var/lib/ployz-add 2>/dev/null",
                   check=False).stdout == ""
    assert host.sh("ss -Hltn '( sport = :80 or sport = :8000 or sport = :4222 )'").stdout == ""
    # Neither masked for ever, nor waiting for the next boot.
    for unit in QUIET:
        state = host.sh(f"systemctl is-enabled {unit}", check=False).stdout.strip()
        assert state == "disabled", (unit, state)
    assert host.ctl("status", check=False).code != 0

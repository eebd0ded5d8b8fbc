"""Machines get another version of Ployz, one after the other, and nobody who uses what runs notices."""
import json
import signal

import pytest

from conftest import IMAGES, running
from lab import PREFIX, Lab, web
from packages import VERSION, package

UNITS = ("ployz-haproxy", "ployz-knot", "ployz-nats", "ployz-wireguard", "docker")
# As a build that does not run on this system: it ends at once.
BROKEN = {"usr/bin/ployzd": "#!/bin/sh\necho 'ployzd: this build is broken' >&2\nexit 1\n"}


@pytest.fixture(scope="module")
def cluster():
    """Two machines of its own: their packages change. The first holds the store and coordinates."""
    yield from running(Lab(f"{PREFIX}update", machines=2), IMAGES)


def update(cluster, *words):
    return cluster.ctl("machine", "update", *map(str, words))


def versions(cluster):
    """Of the daemons, of the packages, and as the records say: all the same for each machine."""
    listed = cluster.must("machine", "ls").json["machines"]
    found = {}
    for machine in cluster.all():
        report = next(m for m in listed if m["machine"]["name"] == machine.name)
        installed = machine.sh("dpkg-query -W -f '${Version}' ployz").stdout
        assert report["facts"]["version"] == installed == report["machine"]["version"], report
        found[machine.name] = installed
    return list(found.values())


def fates(answer):
    return [machine["outcome"] for machine in answer.json["machines"]]


def data_plane(cluster):
    """Whatever carries traffic: it must be the same processes and containers afterwards."""
    return [[machine.pid_of(unit) for unit in UNITS] + [machine.docker("ps", "-q").stdout]
            for machine in cluster.all()]


def well(cluster):
    for machine in cluster.all():
        answer = machine.ctl("doctor")
        assert answer.code == 0, answer


def test_a_package_that_cannot_be_for_these_machines_is_refused_before_anything(cluster, tmp_path):
    second = cluster.machine(2)
    garbage = tmp_path / "garbage.deb"
    garbage.write_text("no package at all")
    for words, code, said in (
            (("--deb", garbage), 2, "no Debian package"),
            (("--deb", package(tmp_path, "0.9.0")), 3, "more than one minor"),
            (("--deb", package(tmp_path, "0.1.7", architecture="m68k")), 3, "m68k"),
            (("--version", "0.1.8"), 3, "no machine keeps a package"),
            (("--version", "../0.1.8"), 3, "no machine keeps a package"),
            ((), 2, "--deb"),
            (("--version", "0.1.8", "nobody"), 3, "")):
        answer = update(cluster, *words)
        assert answer.code == code and said in json.dumps(answer.json), (words, answer)
    second.pause()
    try:
        answer = update(cluster, "--deb", package(tmp_path, "0.1.1"))
        assert answer.code != 0 and second.name in answer.error["message"], answer
    finally:
        second.unpause()
        cluster.wait(lambda: not any(machine["error"] for machine in cluster.must(
            "machine", "ls").json["machines"]), "all machines answer again")
    assert versions(cluster) == [VERSION, VERSION]
    assert not [op for op in cluster.must("op", "ls").json["operations"]
                if op["kind"] == "machine_update"]


def test_all_machines_are_updated_under_load_and_the_two_versions_work_together(cluster, tmp_path):
    first, second = cluster.all()
    assert cluster.deploy(web("served", IMAGES[0], replicas=2)).code == 0
    deb = package(tmp_path, "0.2.0")
    with cluster.load("served.example.com", connections=4, rate=200,
                      through=cluster.all()) as load:
        preview = update(cluster, "--deb", deb, "--dry-run")
        assert preview.outcome == "preview" and fates(preview) == ["planned", "planned"], preview
        assert versions(cluster) == [VERSION, VERSION]
        before = data_plane(cluster)
        done = update(cluster, "--deb", deb, second.name)
        assert (done.code, done.outcome, fates(done)) == (0, "committed", ["updated"]), done
        assert versions(cluster) == [VERSION, "0.2.0"]
        for number, machine in enumerate(cluster.all()):
            name = f"mixed-{number}"
            answer = machine.ctl("deploy", "-f", "-", stdin=web(name, IMAGES[1], replicas=2))
            assert answer.code == 0 and answer.json["unconfirmed"] == [], answer
            for gateway in cluster.all():
                assert gateway.get(f"{name}.example.com")[0] == 200
            cluster.remove(name)
        done = update(cluster, "--deb", deb)
        assert (done.code, done.outcome, fates(done)) == (0, "committed", ["unchanged", "updated"]), done
        assert versions(cluster) == ["0.2.0", "0.2.0"]
        assert data_plane(cluster) == before
    assert load.report["requests"] > 0 and load.report["failed"] == 0, load.report
    assert update(cluster, "--deb", deb).outcome == "unchanged"
    shown = cluster.must("op", "show", done.json["operation"])
    assert shown.outcome == "committed", shown
    well(cluster)


def test_a_version_that_does_not_come_up_goes_back_and_stops_the_others(cluster, tmp_path):
    first, second = cluster.all()
    former = versions(cluster)[0]
    assert cluster.deploy(web("served", IMAGES[0], replicas=2)).code == 0
    with cluster.load("served.example.com", connections=4, rate=200,
                      through=cluster.all()) as load:
        before = data_plane(cluster)
        failed = update(cluster, "--deb", package(tmp_path, "0.2.1", programs=BROKEN))
        assert (failed.code, failed.outcome) == (1, "failed"), failed
        assert fates(failed) == ["back", "waiting"], failed
        assert second.name in failed.error["message"] and former in failed.error["message"], failed
        assert versions(cluster) == [former, former]
        assert data_plane(cluster) == before
    assert load.report["requests"] > 0 and load.report["failed"] == 0, load.report
    well(cluster)
    # A good one goes on from there, and the former one is kept to go back to.
    done = update(cluster, "--deb", package(tmp_path, "0.2.2"))
    assert done.outcome == "committed" and versions(cluster) == ["0.2.2", "0.2.2"], done
    done = update(cluster, "--version", former)
    assert done.outcome == "committed" and versions(cluster) == [former, former], done
    well(cluster)


def test_the_asked_machine_itself_goes_back_also_without_a_kept_package(cluster, tmp_path):
    first = cluster.machine(1)
    former = versions(cluster)[0]
    # What is installed is all there is of that version: the way back is made of it.
    first.sh(f"rm -f /usr/share/ployz/ployz.deb /var/lib/ployz/packages/{former}.deb")
    listed = first.sh("dpkg-query -L ployz | sort; dpkg-query -s ployz; systemctl is-enabled ployzd; "
                      "sha256sum /usr/bin/ployz* /usr/lib/ployz/*").stdout
    failed = update(cluster, "--deb", package(tmp_path, "0.2.4", programs=BROKEN), first.name)
    assert (failed.code, failed.outcome, fates(failed)) == (1, "failed", ["back"]), failed
    assert "this build is broken" in failed.error["message"], failed
    assert first.sh(f"ls /var/lib/ployz/packages/{former}.deb").stdout
    assert first.sh("dpkg-query -L ployz | sort; dpkg-query -s ployz; systemctl is-enabled ployzd; "
                    "sha256sum /usr/bin/ployz* /usr/lib/ployz/*").stdout == listed
    assert versions(cluster) == [former, former]
    well(cluster)


def test_an_updater_that_is_killed_is_begun_again(cluster, tmp_path):
    second = cluster.machine(2)
    process = cluster.start("machine", "update", "--deb", str(package(tmp_path, "0.2.5")))
    second.wait(lambda: second.sh("grep -q '^to=0.2.5' /var/lib/ployz/update/result && systemctl "
                                  "kill -s KILL ployz-update", check=False).returncode == 0,
                "the second machine to begin")
    out, err = process.communicate(timeout=180)
    assert process.returncode == 0, (out, err)
    assert json.loads(out)["outcome"] == "committed", out
    assert versions(cluster) == ["0.2.5", "0.2.5"]
    well(cluster)


def test_an_updater_that_dies_at_its_start_is_begun_again(cluster, tmp_path):
    second = cluster.machine(2)
    second.sh("""mkdir -p /run/systemd/system/ployz-update.service.d
        cat >/run/systemd/system/ployz-update.service.d/dies.conf <<'end'
[Service]
ExecStartPre=/bin/sh -c 'test -e /run/died || { touch /run/died; kill -KILL $$$$; }'
end
        systemctl daemon-reload""")
    try:
        done = update(cluster, "--deb", package(tmp_path, "0.2.6"), second.name)
        assert second.sh("test -e /run/died", check=False).returncode == 0
    finally:
        second.sh("rm -r /run/died /run/systemd/system/ployz-update.service.d; systemctl daemon-reload")
    assert (done.outcome, fates(done)) == ("committed", ["updated"]), done
    assert versions(cluster)[1] == "0.2.6"
    well(cluster)


def test_the_coordinator_is_killed_in_the_middle_and_the_same_command_ends_it(cluster, tmp_path):
    first, second = cluster.all()
    deb = package(tmp_path, "0.2.3")
    process = cluster.start("machine", "update", "--deb", str(deb))
    noted = "grep -q '^to=0.2.3' /var/lib/ployz/update/result"
    second.wait(lambda: second.sh(noted, check=False).returncode == 0, "the second machine to begin")
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    first.kill("ployzd")
    cluster.wait(lambda: cluster.ctl("mesh", "ready").code == 0, "the first machine's daemon")
    unfinished = [op for op in cluster.must("op", "ls").json["operations"]
                  if op["kind"] == "machine_update" and op["outcome"] in ("running", "interrupted")]
    assert len(unfinished) == 1, unfinished
    done = update(cluster, "--deb", deb)
    assert (done.code, done.outcome) == (0, "committed"), done
    assert done.json["operation"] == unfinished[0]["id"], done
    assert versions(cluster) == ["0.2.3", "0.2.3"]
    well(cluster)

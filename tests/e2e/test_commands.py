"""Every command of ployzctl does what its help says on a real machine; and none is without a scenario."""
import pathlib
import re
import subprocess

from lab import PLOYZCTL, web

IMAGE = "ployz-samples/web:1"


def children(*path):
    text = subprocess.run([PLOYZCTL, *path, "--help"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"^commands:\n((?:  .*\n)+)", text, re.MULTILINE)
    return [line.split()[0] for line in found[1].splitlines()] if found else []


def leaves(*path):
    below = children(*path)
    return [leaf for name in below for leaf in leaves(*path, name)] if below else [path]


def test_every_command_has_a_scenario_and_an_example():
    folder = pathlib.Path(__file__).parent
    scenarios = "".join(path.read_text() for path in folder.glob("*.py"))
    commands = leaves()
    assert len(commands) > 40
    for words in commands:
        quoted = r'",\s*"'.join(map(re.escape, words))
        assert re.search(rf'"{quoted}"|{" ".join(words)} --', scenarios), " ".join(words)
        page = subprocess.run([PLOYZCTL, *words, "--help"], capture_output=True, text=True, check=True)
        assert "examples:" in page.stdout, " ".join(words)


def test_the_network(lab):
    assert lab.ctl("mesh", "init", lab.name).outcome == "unchanged"
    other = lab.ctl("mesh", "init", "other")
    assert (other.code, other.error["code"]) == (3, "exists"), other
    assert lab.must("mesh", "status").json["name"] == lab.name
    assert [n["network"] for n in lab.must("mesh", "list").json["networks"]] == [lab.name]
    record = lab.must("mesh", "self-record").json
    assert record["name"] == lab.name and len(record["wireguard_public_key"]) == 44
    garbage = lab.ctl("mesh", "join", "--bundle-stdin", stdin='{"format": 1}')
    assert (garbage.code, garbage.error["code"]) == (2, "invalid"), garbage


def test_a_machine_is_not_thrown_away_by_accident(lab):
    assert lab.deploy(web()).code == 0
    unasked = lab.ctl("mesh", "destroy")
    assert unasked.code == 2 and "--yes" in unasked.error["hint"], unasked
    refused = lab.ctl("mesh", "destroy", "--yes")
    assert (refused.code, refused.error["code"]) == (3, "precondition"), refused
    assert lab.version("shop.example.com") == 1
    assert lab.ctl("machine", "init", "root@192.0.2.1.invalid").code != 0


def peer_port(machine):
    """Who listens where machines ask each other without the store."""
    return machine.sh("ss -Hltn 'sport = :4320'").stdout.split()


def test_stop_and_start(lab):
    assert lab.deploy(web()).code == 0
    refused = lab.ctl("mesh", "stop")
    assert refused.code == 3 and "--force" in refused.error["hint"], refused
    assert peer_port(lab)
    assert lab.ctl("mesh", "stop", "--force").outcome == "stopped"
    try:
        assert not peer_port(lab)
        assert lab.ctl("mesh", "stop", "--force").outcome == "unchanged"
        lab.kill("ployzd")  # it stays stopped over a restart of the daemon
        lab.wait(lambda: lab.ctl("status").code == 0, "the daemon to answer")
        stopped = lab.ctl("ps")
        assert stopped.code == 3 and "mesh start" in stopped.error["hint"], stopped
        assert not peer_port(lab)
    finally:
        assert lab.ctl("mesh", "start").outcome == "started"
    assert peer_port(lab)
    assert lab.must("mesh", "ready").json["ready"]
    lab.wait(lambda: lab.version("shop.example.com") == 1, "the gateway to serve again")


def test_the_machine(lab):
    report = lab.must("machine", "inspect", lab.name).json
    assert report["machine"]["name"] == lab.name and report["reachable"]
    unknown = lab.ctl("machine", "inspect", "nobody")
    assert unknown.error["code"] == "not_found" and "machine ls" in unknown.error["hint"]
    assert lab.must("daemon", "status").json["network"] == lab.name
    assert lab.must("dev", "status", "--name", lab.name).json["up"]
    shell = lab.human("dev", "shell", "--name", lab.name, "--", "hostname")
    assert shell.stdout.strip() == lab.name
    assert "complete" in lab.human("completion", "bash").stdout


def test_contexts(lab):
    contexts = lab.must("context", "ls").json
    assert contexts["current"] == lab.name
    unknown = lab.ctl("context", "use", lab.name + "x")
    assert unknown.code == 2 and lab.name in unknown.error["hint"], unknown
    assert lab.ctl("context", "use", lab.name).code == 0
    assert lab.ctl("context", "rm", "nobody").error, "there is none to remove"


def test_images(lab):
    found = lab.must("image", "inspect", IMAGE).json
    assert IMAGE in found["references"]
    status = lab.must("image", "status", IMAGE).json["machines"]
    assert [m["image_id"] for m in status] == [found["id"]]
    alone = lab.ctl("image", "distribute", IMAGE, "--from", lab.name, "--to", "all")
    assert alone.code in (0, 3), alone


def test_what_an_instance_prints_and_what_an_operation_did(lab):
    previewed = lab.must("deploy", "preview", "-f", "-", stdin=web()).json
    assert previewed["changes"] and lab.instances("shop") == []
    assert lab.deploy(web()).code == 0
    chunks = lab.must("logs", "shop/web", "--lines", "5").json["logs"]
    assert "version 1" in "".join(chunk["text"] for chunk in chunks)
    newest = lab.must("op", "ls").json["operations"][0]["id"]
    assert lab.ctl("op", "watch", newest).code == 0
    ended = lab.ctl("op", "abort", newest)
    assert ended.outcome == "committed", ended


def test_daemon_install_names_what_it_needs(lab):
    mixed = lab.ctl("daemon", "install", "--runtime", "host", "--service-mode", "user")
    assert mixed.code == 2, mixed
    unasked = lab.ctl("daemon", "uninstall", "--name", lab.name)
    assert unasked.code == 2 and "--yes" in unasked.error["hint"], unasked

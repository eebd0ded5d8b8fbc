"""Moves of the control plane's store, and what was acknowledged while they went on."""
import threading

from lab import web

IMAGE = "ployz-samples/web:1"


class Writer:
    """Commits as fast as it can, through one machine, and knows what was acknowledged."""

    def __init__(self, cluster, machine, namespace, begins_s=60):
        self.cluster, self.machine, self.namespace = cluster, machine, namespace
        self.begins_s = begins_s
        self.acknowledged, self.refused = [], []
        self.more = threading.Condition()
        self.ended = self.given_up = False
        self.thread = threading.Thread(target=self.write, daemon=True)

    def write(self):
        number, answer = 0, None
        # Who was refused gives the command again, which ends what that had begun.
        while not self.ended or (answer.code != 0 and not self.given_up):
            number += 1
            manifest = web(self.namespace, IMAGE, env={"N": str(number)}, replicas=0)
            answer = self.machine.ctl("deploy", "-f", "-", stdin=manifest)
            with self.more:
                if answer.code == 0:
                    self.acknowledged.append(answer.json["committed_sequence"])
                else:
                    self.refused.append(answer)
                self.more.notify_all()

    def go_on(self, count=2, limit_s=60):
        with self.more:
            wanted = len(self.acknowledged) + count
            assert self.more.wait_for(lambda: len(self.acknowledged) >= wanted,
                                      limit_s), self.refused[-5:]

    def __enter__(self):
        self.thread.start()
        self.go_on(limit_s=self.begins_s)
        return self

    def __exit__(self, *_):
        self.ended = True
        self.thread.join(60)
        self.given_up = True

    def check(self):
        """Every acknowledged commit is there, in order, exactly once."""
        listed = [entry["sequence"] for entry in self.cluster.must(
            "log", self.namespace, "--limit", "10000").json["commits"]]
        kept = [commit for commit in reversed(listed) if commit in set(self.acknowledged)]
        assert kept == self.acknowledged, (kept, self.acknowledged)


def promote(lab, replicas, *machines):
    return lab.must("machine", "storage", "promote", "--replicas", str(replicas),
                    *(machine.name for machine in machines))


def holders(lab):
    listed = lab.must("machine", "ls").json["machines"]
    return sorted(m["machine"]["name"] for m in listed if m["machine"]["stores"])


def names(*machines):
    return sorted(machine.name for machine in machines)


def writes(machine, namespace):
    return machine.ctl("deploy", "-f", "-", stdin=web(namespace, IMAGE, replicas=0))


def whole_again(lab, limit_s):
    """Well, and all write: who comes back makes the others elect anew, a moment after all was well."""
    def well():
        assert all(machine.ctl("doctor").code == 0 for machine in lab.all())
        return all(writes(machine, machine.name).code == 0 for machine in lab.all())
    lab.wait(well, "every machine to be well and to write again", limit_s)


def refuses(machine, missed):
    """What it says to a write, which names one of those it misses."""
    refused = writes(machine, machine.name)
    assert refused.code in (1, 3) and refused.error["effect"] != "committed", refused
    assert any(other.name in str(refused.json) for other in missed), refused


def all_serve(lab, host, limit_s=30):
    for machine in lab.all():
        lab.wait(lambda machine=machine: machine.get(host)[0] == 200, f"{machine.name} to serve",
                 limit_s)

"""Data in the lab: the commands that move it, a ledger that notices whatever is lost, and what no
commit owns. Used by the scenarios and by the demo, through lab.py."""
import hashlib
import json
import threading

POOL = "/var/lib/ployz/pool"
POSTGRES = "ployz-samples/postgres"
# Every commit of every namespace that a run of the scenarios makes.
ALL = ("--limit", "10000")
# The first payment of a branch that went its own way: no bank of ours gets there by itself.
FAR = 1_000_000
UNFINISHED = ("running", "interrupted", "committed_cleanup_pending")


class DataWords:
    """What a Lab can do with data. Commands that may be refused answer; questions assert."""

    def branch(self, source, target, *args):
        return self.ctl("branch", "apply", source, target, *args)

    def promote(self, branch, target, *args):
        return self.ctl("promote", "apply", branch, target, *args)

    def rollback(self, namespace, *args):
        return self.ctl("rollback", "apply", namespace, *args)

    def migrate(self, service, to, *args):
        return self.ctl("migrate", "apply", service, "--to", to, *args)

    def remove(self, namespace):
        """The namespace and its data."""
        return self.must("namespace", "rm", namespace, "--volumes", "--yes")

    def volumes(self, *args):
        return self.must("volume", "ls", *args).json["volumes"]

    def volume(self, path):
        return self.must("volume", "inspect", path).json

    def commits(self, namespace):
        """Newest first."""
        return self.must("log", namespace, *ALL).json["commits"]

    def newest(self, namespace):
        return self.must("show", self.commits(namespace)[0]["id"]).json["commit"]

    # -- inside ------------------------------------------------------------------------------
    def inside(self, namespace, *command, service=None, check=True):
        """A command in an instance; its output."""
        found = [i for i in self.instances(namespace) if service in (None, i["service"])]
        assert found, f"no instance of {namespace}"
        done = self.ctl("exec", found[0]["id"], "--", *command)
        assert done.code == 0 or not check, done
        return (done.json or {}).get("output", "").strip()

    def pg(self, namespace, sql):
        """What the database answers, without decoration."""
        return self.inside(namespace, "psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-d", "postgres",
                           "-c", sql, service="db")

    def amcheck(self, namespace):
        """Every index agrees with its table, every page with its checksum."""
        self.inside(namespace, "pg_amcheck", "--install-missing", "--heapallindexed",
                    "-d", "postgres", service="db")

    def where(self, namespace, service="db"):
        """The machine that an instance of it runs on."""
        name = next(i["machine_name"] for i in self.instances(namespace)
                    if i["service"] == service)
        return next(m for m in self.all() if m.name == name)

    def home_of(self, volume):
        """(machine, dataset) of NAMESPACE/VOLUME."""
        found = self.volume(volume)
        return (next(m for m in self.all() if m.name == found["machine_name"]),
                found["spec"]["id"])

    def tree_hash(self, volume, snapshot=None):
        """Of every file, mode, owner and time of a volume, or of a snapshot of it."""
        machine, dataset = self.home_of(volume)
        part = f"snapshots/{snapshot}/data" if snapshot else "live"
        return machine.sh(f"tar --sort=name --numeric-owner -cf - -C {POOL}/datasets/{dataset}/"
                          f"{part} . | sha256sum").stdout.split()[0]

    # -- what nobody owns --------------------------------------------------------------------
    def strays(self):
        """Datasets, snapshots, containers and operations that no commit explains; as lines."""
        operations = {op["id"]: op for op in self.must("op", "ls", *ALL).json["operations"]}
        lines = [f"operation {op['id']} is {op['outcome']}" for op in operations.values()
                 if op["outcome"] in UNFINISHED]
        names = {op["namespace"] for op in operations.values() if op.get("namespace")}
        commits = {c["id"] for name in names for c in self.log_if_any(name)}
        listed = {m.name: set() for m in self.all()}
        for volume in self.volumes("--all"):
            spec, machine = volume["spec"], volume["machine_name"]
            listed[machine].add(spec["id"])
            made_by = operations.get(spec["operation"], {}).get("outcome")
            if made_by != "committed":
                lines.append(f"dataset {spec['id']} of {spec['namespace']} on {machine} was made by "
                             f"an operation that is {made_by}")
            lines += [f"snapshot {s['name']} of {spec['id']} on {machine} is of no commit"
                      for s in volume["snapshots"] if s["name"] not in commits]
        for machine in self.all():
            lines += [f"{machine.name} has {path}" for path in machine.datasets_on_disk()
                      if path not in {f"datasets/{one}" for one in listed[machine.name]}]
            lines += containers_of(machine, self.must("ps").json["instances"])
        return lines

    def log_if_any(self, namespace):
        answer = self.ctl("log", namespace, *ALL)
        return answer.json["commits"] if answer.code == 0 else []


def containers_of(machine, instances):
    wanted = {i["id"] for i in instances if i["committed"] and i["machine_name"] == machine.name}
    found = machine.docker("ps", "-a", "--format", '{{.Label "ployz.instance"}}', "--filter",
                           "label=ployz.instance").stdout.split()
    for instance in set(found) ^ wanted:
        yield f"instance {instance} on {machine.name} is " + (
            "not there" if instance in wanted else "of no commit")


class Ledger:
    """Payments without end into a namespace's database (images/samples/postgres/ledger), from a
    container on `machine` that finds the database by name. What was acknowledged is kept here, so
    that whatever a database shows can be compared with what it has promised."""

    def __init__(self, lab, namespace, machine):
        self.lab, self.namespace, self.machine = lab, namespace, machine
        self.acked = {}  # id → chain, in the order of acknowledgement
        self.again = []  # ids that were acknowledged twice: the first one was lost
        self.grown = threading.Condition()
        self.process = self.reader = None

    @property
    def name(self):
        return f"ledger-{self.namespace}"

    def start(self):
        overlay = self.machine.sh("ip -4 -o addr show ployz0 | awk '{print $4}'").stdout
        self.machine.sh(f"printf 'nameserver {overlay.split('/')[0]}\\noptions timeout:1 attempts:1\\n'"
                        " > /run/ledger-resolv.conf")
        self.machine.docker("rm", "-f", self.name, check=False)
        self.process = self.machine.start_process(
            "docker", "run", "--rm", "--name", self.name,
            "--network", "host", "-v", "/run/ledger-resolv.conf:/etc/resolv.conf:ro",
            "--entrypoint", "ledger", f"{POSTGRES}:1", f"db.{self.namespace}.cluster.local")
        self.reader = threading.Thread(target=self.read, args=[self.process], daemon=True)
        self.reader.start()
        return self

    def read(self, process):
        for line in process.stdout:
            words = line.split()
            if len(words) != 2:
                continue
            with self.grown:
                if int(words[0]) in self.acked:
                    self.again.append(int(words[0]))
                self.acked[int(words[0])] = words[1]
                self.grown.notify_all()

    def stop(self):
        """Returns when all that was acknowledged is known here."""
        if self.process:
            self.machine.docker("rm", "-f", self.name, check=False)
            self.process.wait(timeout=60)
            self.reader.join()
            self.process = None
        return self

    def last(self):
        with self.grown:
            return next(reversed(self.acked), 0)

    def more(self, count=20, limit_s=60):
        """Waits until so many more payments were acknowledged; the id of the last."""
        with self.grown:
            wanted = len(self.acked) + count
            assert self.grown.wait_for(lambda: len(self.acked) >= wanted, limit_s), (
                f"{len(self.acked)} payments in {limit_s} s, not {wanted}: "
                f"{self.process and self.process.poll()}")
        return self.last()

    def forget_after(self, horizon):
        """The database was taken back on purpose: payments after this id never were."""
        with self.grown:
            self.acked = {i: chain for i, chain in self.acked.items() if i <= horizon}

    def horizon(self, namespace=None):
        """The last payment a database shows; asserts that it is whole in itself."""
        wrong, count, last = self.lab.pg(
            namespace or self.namespace,
            "select count(*) filter (where chain <> digest_of(before, id, amount)), count(*), "
            "coalesce(max(id), 0) from (select *, lag(chain) over (order by id) as before "
            "from ledger) all_of_it").split("|")
        assert wrong == "0" and count == last, f"{wrong} of {count} payments are wrong; last {last}"
        return int(last)

    def check(self, namespace=None, until=None):
        """No acknowledged payment (up to this id) is missing or another; the horizon."""
        with self.grown:
            acked = {i: chain for i, chain in self.acked.items() if until is None or i <= until}
            assert not self.again, f"lost and made again: {self.again[:10]}"
        horizon = self.horizon(namespace)
        last = max(acked, default=0)
        assert horizon >= last, f"payment {last} was acknowledged, and the database ends at {horizon}"
        first = min(acked, default=1)
        unknown = sorted(set(range(first, last + 1)) - set(acked))
        # Each connection that ended may have had one payment made and not yet answered.
        assert len(unknown) <= 50, f"{len(unknown)} payments nobody asked for: {unknown[:50]}"
        but = f"and id not in ({','.join(map(str, unknown))})" if unknown else ""
        found = self.lab.pg(namespace or self.namespace,
                            "select coalesce(md5(string_agg(chain, '' order by id)), md5('')) "
                            f"from ledger where id between {first} and {last} {but}")
        expected = hashlib.md5("".join(acked[i] for i in sorted(acked)).encode()).hexdigest()
        assert found == expected, "the database has other payments than it acknowledged"
        return horizon

    def far_away(self, namespace):
        """A payment that no other history has; later ones count on from it."""
        self.lab.pg(namespace, f"insert into ledger values ({FAR}, 0, 'far away')")

    def went_back(self):
        """After a rollback: the database ends exactly where it had ended when the other history took
        over, and payments into that are forgotten. Stops the client; returns the horizon."""
        self.stop().forget_after(FAR - 1)
        horizon = self.check()
        # At most the one payment whose answer was on its way.
        assert horizon - self.last() in (0, 1), (horizon, self.last())
        return horizon

    def afresh(self):
        """Whatever an earlier test left: the client runs, and what the database shows is the truth."""
        if self.process and self.process.poll() is None:
            return self
        self.stop()
        with self.grown:
            self.acked, self.again = {}, []
        self.lab.pg(self.namespace, f"delete from ledger where id >= {FAR}")
        self.start().more(1)
        return self

    def prefix(self, branch):
        """The branch shows the ledger as it was at one moment; up to which payment."""
        horizon = self.horizon(branch)
        chain = f"select chain from ledger where id = {horizon}"
        assert self.lab.pg(branch, chain) == self.lab.pg(self.namespace, chain), (
            f"payment {horizon} of {branch} is another than that of {self.namespace}")
        return horizon


def follow_until(process, words):
    """Reads progress from stderr until a line has the words (or the command ends)."""
    for line in process.stderr:
        if words in line:
            return True
    return False


def again(lab, *words, **limit):
    """The same command until it has done it, or says that it is done; its answer."""
    answers = []

    def done():
        answers.append(lab.ctl(*words))
        return answers[-1].code == 0

    try:
        lab.wait(done, f"{words} to succeed", **limit)
    except AssertionError as error:
        raise AssertionError(f"{error}; the last answer: {answers[-1:]}") from None
    return answers[-1]


def committed(answer):
    assert (answer.code, answer.outcome) == (0, "committed"), answer
    return answer


def five_branches_of_branches(bank):
    """Of the bank, each made of the one before; two in the middle go."""
    names = ["bank", *(f"pr{n}" for n in range(1, 6))]
    for parent, child in zip(names, names[1:]):
        committed(bank.branch(parent, child, "--volume-mode", "branch"))
        bank.pg(child, f"create table mark_{child} ()")
    horizons = [bank.ledger.prefix(name) for name in names[1:]]
    assert len(set(horizons)) == 1, "each is of the moment the first was made"
    tables = bank.pg("pr5", "select count(*) from pg_class where relname like 'mark_pr%'")
    assert tables == "5"
    assert bank.pg("pr1", "select count(*) from pg_class where relname like 'mark_pr%'") == "1"
    bank.amcheck("pr5")
    # Those that came of one that goes stay whole.
    for gone in ("pr2", "pr1"):
        bank.remove(gone)
    assert bank.pg("pr3", "select 1") == "1"
    assert bank.ledger.prefix("pr5") == horizons[0]


def shared_bank(lab, manifest):
    """Namespace bank with its ledger, whose client runs on machine 1; for a fixture to yield from."""
    committed(lab.deploy(manifest))
    ledger = Ledger(lab, "bank", lab.machine(1)).start()
    ledger.more(1)
    yield lab, ledger
    ledger.stop()
    lab.remove("bank")
    assert lab.strays() == []


def database(namespace="bank", image=f"{POSTGRES}:1", machine=None, command=(), env=None,
             quota="1G", more=""):
    """A manifest of PostgreSQL on a volume, as text."""
    lines = [f'namespace = "{namespace}"', "[[volume]]", 'name = "pgdata"', f'quota = "{quota}"',
             'mode = "0700"', 'owner = "999:999"', "[[service]]", 'name = "db"', f'image = "{image}"']
    if machine:
        lines.append(f'machines = ["{machine}"]')
    if command:
        lines.append(f"command = {json.dumps(list(command))}")
    if env:
        lines.append("env = { " + ", ".join(f'{k} = "{v}"' for k, v in env.items()) + " }")
    lines += ["[[service.mount]]", 'volume = "pgdata"', 'target = "/var/lib/postgresql"',
              "[[service.port]]", 'name = "sql"', "container = 5432",
              "[service.readiness]", 'exec = ["pg_isready", "-q"]', 'interval = "100ms"',
              'start_period = "60s"', more]
    return "\n".join(lines)


def stored(namespace="files", image="ployz-samples/web:1", volumes=("data",), quota="64M",
           entrypoint=None, machine=None, name="web", start_period="15s", env=None):
    """A manifest of one web server with volumes at /<name>, which it leaves alone."""
    lines = [f'namespace = "{namespace}"']
    for volume in volumes:
        lines += ["[[volume]]", f'name = "{volume}"', f'quota = "{quota}"', 'mode = "0750"',
                  'owner = "1000:1001"']
    lines += ["[[service]]", f'name = "{name}"', f'image = "{image}"']
    if machine:
        lines.append(f'machines = ["{machine}"]')
    if entrypoint:
        # Nobody listens there, and a shell does not end because it is asked to.
        lines += [f"entrypoint = {json.dumps(list(entrypoint))}", 'stop_grace_period = "1s"']
    if env:
        lines.append("env = { " + ", ".join(f'{k} = "{v}"' for k, v in env.items()) + " }")
    for volume in volumes:
        lines += ["[[service.mount]]", f'volume = "{volume}"', f'target = "/{volume}"']
    if not entrypoint:
        lines += ["[[service.port]]", 'name = "http"', "container = 8080", "[[service.route]]", f'hostnames = ["{namespace}.example.com"]', 'port = "http"',
                  "[service.readiness]", 'http = "/healthz"', 'port = "http"',
                  'interval = "50ms"', f'start_period = "{start_period}"']
    return "\n".join(lines)

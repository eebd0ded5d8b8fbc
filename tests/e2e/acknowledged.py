"""What commands have said to be committed, and the store must still have after every scenario."""
import threading


class Acknowledged:
    def __init__(self):
        self.lock = threading.Lock()
        self.sequences = {}  # of a namespace

    def note(self, answer):
        said = answer.json if isinstance(answer.json, dict) else {}
        sequence, namespace = said.get("committed_sequence"), said.get("namespace")
        if answer.code not in (0, 4) or not sequence or not isinstance(namespace, str):
            return
        with self.lock:
            self.sequences.setdefault(namespace, set()).add(sequence)

    def forget(self):
        with self.lock:
            self.sequences = {}

    def check(self, lab):
        """Every one of them is in its namespace's history."""
        with self.lock:
            wanted, self.sequences = self.sequences, {}
        for namespace, sequences in wanted.items():
            listed = lab.must("log", namespace, "--limit", "10000").json["commits"]
            lost = sequences - {entry["sequence"] for entry in listed}
            assert not lost, f"commits of {namespace} were acknowledged and are lost: {sorted(lost)}"

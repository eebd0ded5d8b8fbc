"""From samples to a table, a verdict and docs/BENCHMARKS.md. Ratios are what counts: they are taken
in one run on one machine, so they say something even where milliseconds do not."""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs/BENCHMARKS.md"
BEGIN, END = "<!-- figures: written by bench/run -->", "<!-- end of figures -->"
BEGIN_DATA, END_DATA = "<!-- data: written by bench/data -->", "<!-- end of data -->"
PLUS_MS = 300  # what a deploy may take beyond 1.5 times a bare container


class Verdict:
    def __init__(self, what, bound, seen, held):
        self.what, self.bound, self.seen, self.held = what, bound, seen, held


def spread(samples, name, unit="ms"):
    values = sorted(samples[name])
    figure = f"{samples.median(name):,.0f} {unit}".strip()
    return f"{figure} ({values[0]:,.0f}–{values[-1]:,.0f})"


def ratio(samples, name, base):
    return f"{samples.median(name) / samples.median(base):.2f}"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def creation_table(samples):
    named = [("`docker run -d`", "raw"), ("`ployzctl deploy`", "ployz"),
             ("`docker service create`", "swarm"),
             ("`docker service create --update-monitor 1ms`", "swarm-tuned")]
    return table(["one new service", "command returns", "it answers", "answers / docker run"],
                 [[title, spread(samples, f"{key} returned"), spread(samples, f"{key} answered"),
                   ratio(samples, f"{key} answered", "raw answered")] for title, key in named])


def update_table(samples):
    named = [("`ployzctl deploy`, `blue_green`", "ployz"),
             ("`docker service update`, start-first", "swarm"),
             ("the same with `--update-monitor 1ms`", "swarm-tuned")]
    return table(["version 2 over version 1", "command returns", "ratio to Ployz"],
                 [[title, spread(samples, f"{key} returned"),
                   ratio(samples, f"{key} returned", "ployz returned")] for title, key in named])


def throughput_table(samples):
    return table(["through", "requests/s", "p50", "p99", "requests/s / static"],
                 [[title, spread(samples, f"{key} rps", ""), spread(samples, f"{key} p50_us", "µs"),
                   spread(samples, f"{key} p99_us", "µs"),
                   ratio(samples, f"{key} rps", "static rps")]
                  for title, key in (("the gateway", "gateway"), ("HAProxy, static", "static"))])


def process_table(found):
    return table(["unit", "PSS", "CPU while idle"],
                 [[f"`{unit}`", f"{pss / 1024:.1f} MB", f"{cpu:.2f} % of a core"]
                  for unit, (pss, cpu) in found.items()])


def phase_line(samples):
    order = ["plan", "lock", "probe", "apply", "commit", "flip", "cleanup"]
    return " · ".join(f"{name} {samples.median(name):.0f} ms" for name in order if name in samples)


def verdicts(samples):
    raw, ployz = samples.median("raw answered"), samples.median("ployz returned")
    swarm = samples.median("swarm returned")
    bound = 1.5 * raw + PLUS_MS
    return [
        Verdict("deploy of one ready service", f"≤ 1.5 × docker run + {PLUS_MS} ms = {bound:.0f} ms",
                f"{ployz:.0f} ms", ployz <= bound),
        Verdict("faster than `docker service create`", "≥ 5 times",
                f"{swarm / ployz:.1f} times", swarm >= 5 * ployz),
    ]


def verdict_table(found):
    return table(["threshold", "bound", "measured", ""],
                 [[v.what, v.bound, v.seen, "held" if v.held else "**missed**"] for v in found])


def figures(run):
    """The text between the markers. `run` has what bench/run collected."""
    facts = run["facts"]
    machine = (f"{facts['cores']} cores ({facts['cpu']}), {facts['memory']}, Linux "
               f"{facts['kernel']}; Docker Engine {facts['engine']}, HAProxy {facts['haproxy']}. "
               f"{run['date']}, commit {run['commit']}, {run['rounds']} rounds, load of the "
               f"computer before the run {facts['load']}. Medians, with least and most.")
    ipvs = "" if facts["virtual_servers"] == "yes" else (
        "\nThis kernel has no IPVS, so Swarm's virtual addresses and its routing mesh do not work "
        "here: services publish their port on the machine (`mode=host`, `dnsrr`), which is less "
        "work for Swarm.\n")
    parts = [machine, verdict_table(run["verdicts"]), creation_table(run["creation"]),
             "Where a deploy's time goes (median of each phase, both kinds of deploy): " +
             phase_line(run["phases"]), update_table(run["update"]),
             throughput_table(run["throughput"]),
             f"{run['requests']:,} requests a round on {run['connections']} kept-alive "
             "connections, one container behind both.", process_table(run["processes"])]
    return "\n\n".join(parts) + "\n" + ipvs


def write(text, begin=BEGIN, end=END):
    document = DOCUMENT.read_text()
    if begin not in document or end not in document:
        raise SystemExit(f"{DOCUMENT}: the markers are gone")
    DOCUMENT.write_text(re.sub(re.escape(begin) + ".*" + re.escape(end),
                               lambda _: f"{begin}\n\n{text}\n{end}", document, flags=re.S))

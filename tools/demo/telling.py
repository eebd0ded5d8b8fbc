"""How the demo tells its story: chapters, commands as typed, and what was found to be true."""
import sys
import time

BOLD, DIM, GREEN, OFF = ("\033[1m", "\033[2m", "\033[32m", "\033[0m") if sys.stdout.isatty() \
    else ("", "", "", "")
started = time.monotonic()


def chapter(text):
    print(f"\n{BOLD}[{time.monotonic() - started:5.1f} s] {text}{OFF}", flush=True)


def true(text):
    print(f"  {GREEN}✓{OFF} {text}", flush=True)


def check(condition, text, seen=None):
    if not condition:
        print(f"  ✗ {text}\n{seen}", flush=True)
        sys.exit(1)
    true(text)


def show(lab, *args, stdin=None, expect=0):
    """A command as a person types it, with what it prints."""
    print(f"  {DIM}$ ployzctl {' '.join(args)}{OFF}", flush=True)
    done = lab.typed(*args, stdin=stdin)
    for line in (done.stdout + done.stderr).rstrip().splitlines():
        print(f"    {line}", flush=True)
    check(done.returncode == expect, f"exit code {expect}", done.returncode)
    return done

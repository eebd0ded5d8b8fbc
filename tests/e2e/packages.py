"""Packages of other versions of Ployz, made of the one under test: the programs say another version,
and nothing else of them differs. Each takes a second or two, and no compiler."""
import contextlib
import os
import pathlib
import tempfile

from lab import ROOT, run

PROGRAMS = ("usr/bin/ployzctl", "usr/bin/ployzd", "usr/lib/ployz/ployz-router")
VERSION = (ROOT / "VERSION").read_text().strip()
MARK = "ployz-version "  # src/base/version.cc


def current():
    return ROOT / "build" / os.environ.get("PLOYZ_PRESET", "dev") / "package/ployz.deb"


def say_version(program, version):
    old, new = (f"{MARK}{text}\0".encode() for text in (VERSION, version))
    assert len(old) == len(new), f"{version} is not as long as {VERSION}"
    content = program.read_bytes()
    assert content.count(old) == 1, program
    program.write_bytes(content.replace(old, new))


def package(folder, version, architecture=None, programs=None):
    """A package of that version. `programs`: what stands in place of a program, by its path."""
    target = pathlib.Path(folder) / f"ployz_{version}.deb"
    with tempfile.TemporaryDirectory() as name:
        tree = pathlib.Path(name) / "tree"
        run("dpkg-deb", "--raw-extract", current(), tree)
        for path in PROGRAMS:
            say_version(tree / path, version)
        for path, text in (programs or {}).items():
            (tree / path).write_text(text)
            (tree / path).chmod(0o755)
        control = tree / "DEBIAN/control"
        lines = []
        for line in control.read_text().splitlines():
            word = line.split(":")[0]
            with contextlib.suppress(KeyError):
                value = {"Version": version, "Architecture": architecture}[word]
                line = f"{word}: {value}" if value else line
            lines.append(line)
        control.write_text("\n".join(lines) + "\n")
        run("dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", tree, target)
    return target

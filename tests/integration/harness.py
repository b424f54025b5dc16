"""What the integration cases are made of: machines, checks, and the list of cases."""

import os
import re
import select
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EXO_RUN = os.path.join(ROOT, "tools", "qemu_runner", "exo-run")
DEBUG = os.environ.get("DEBUG") == "1"
BUILD = os.path.join("build", "x86_64-debug" if DEBUG else "x86_64")
SCRATCH = os.path.join("build", "tests", "integration")
CASES = []
LINUX = False  # the cases themselves are checked against Linux with `run --linux`


class Failed(Exception):
    """A check did not hold."""


class Skipped(Exception):
    """The case cannot say anything here."""


def case(limit_s, exo_only=False):
    """Declare a case: the function's docstring is its title, its name the way to choose it."""
    def add(function):
        CASES.append((function.__name__, function, limit_s, exo_only))
        return function
    return add


def check(condition, text):
    if not condition:
        raise Failed(text)


def check_equal(found, wanted, what):
    check(found == wanted, f"{what}: found {found!r}, wanted {wanted!r}")


class Result:
    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err

    def succeeded(self):
        check(self.status == 0, f"exit status {self.status}, wanted 0")
        return self


def exo(*words, timeout=60, binary=False, stdin=None, environment=None):
    """Run exo-run; the last run's output goes to the log of the case."""
    kind = ["--linux"] if LINUX else ["--debug"] if DEBUG else []
    command = [EXO_RUN, *kind, "--timeout", str(timeout), *words]
    done = subprocess.run(command, capture_output=True, timeout=timeout + 30, check=False, input=stdin,
                          env={**os.environ, **(environment or {})})
    log(f"$ {' '.join(command)}\n", done.stdout, done.stderr, f"[exit status {done.returncode}]\n")
    if binary:
        return Result(done.returncode, done.stdout, done.stderr)
    return Result(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


def program(name):
    """A static program of tests/integration/programs, built. -> its path"""
    path = os.path.join(SCRATCH, name)
    subprocess.run(["gcc", "-std=gnu17", "-O2", "-Wall", "-Wextra", "-static", "-o", path,
                    os.path.join("tests", "integration", "programs", name + ".c")], check=True)
    return path


def kernel():
    """Options of QEMU for the kernel under test."""
    if LINUX:
        return os.path.join(os.environ.get("EXO_CACHE") or "build/cache", "vmlinuz")
    return os.path.join(BUILD, "exo-kernel.elf")


QEMU = ["qemu-system-x86_64", "-accel", "tcg,thread=multi", "-machine", "q35", "-cpu", "max", "-smp", "2",
        "-m", "512M", "-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio",
        "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"]


class Console:
    """A machine with its serial console in our hands."""

    def __init__(self, *options):
        command = [*QEMU, *options]
        log(f"$ {' '.join(command)}\n")
        self.seen = b""
        self.at = 0
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        log(self.seen)

    def expect(self, pattern, limit_s):
        """Wait for the pattern after what was matched before; -> the match."""
        deadline = time.monotonic() + limit_s
        while True:
            match = re.compile(pattern, re.MULTILINE).search(self.seen, self.at)
            if match:
                self.at = match.end()
                return match
            left = deadline - time.monotonic()
            check(left > 0, f"no {pattern!r} on the console within {limit_s} s")
            ready, _, _ = select.select([self.process.stdout], [], [], left)
            if ready:
                data = os.read(self.process.stdout.fileno(), 65536)
                check(data, f"the machine stopped before {pattern!r} appeared")
                self.seen += data

    def send(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def wait(self, limit_s):
        try:
            rest, _ = self.process.communicate(timeout=limit_s)
            self.seen += rest
        except subprocess.TimeoutExpired:
            raise Failed(f"the machine still runs after {limit_s} s") from None
        return self.process.returncode


_log = None


def log(*parts):
    for part in parts:
        _log.write(part.encode() if isinstance(part, str) else part)
    _log.flush()


def run_case(name, function):
    """-> (verdict, text)"""
    global _log
    with open(os.path.join(SCRATCH, name + ".log"), "wb") as _log:
        try:
            function()
            return "ok", ""
        except Skipped as reason:
            return "skip", str(reason)
        except Failed as failure:
            return "not ok", str(failure)
        except (OSError, subprocess.SubprocessError) as error:
            return "not ok", f"{type(error).__name__}: {error}"


def show_tail(name, lines=15):
    with open(os.path.join(SCRATCH, name + ".log"), "rb") as f:
        text = f.read().decode(errors="replace").replace("\r", "")
    for line in text.splitlines()[-lines:]:
        print(f"#   {line[:200]}", file=sys.stdout)

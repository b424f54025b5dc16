"""What the integration cases are made of: machines, checks, and the list of cases."""

import json
import os
import re
import select
import socket
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
    subprocess.run(["gcc", "-std=gnu17", "-O2", "-Wall", "-Wextra", "-Ilibs", "-static", "-pthread", "-o", path,
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

    def log_in(self, limit_s=40):
        """Wait for the shell."""
        self.expect(rb"Exo-OS: welcome", limit_s)
        self.expect(rb"[#$] ", 20)

    def wait(self, limit_s):
        try:
            rest, _ = self.process.communicate(timeout=limit_s)
            self.seen += rest
        except subprocess.TimeoutExpired:
            raise Failed(f"the machine still runs after {limit_s} s") from None
        return self.process.returncode


class Monitor:
    """QEMU's monitor (QMP) of a machine: its keyboard, its screen, its memory."""

    KEYS = {" ": "spc", "\n": "ret", "\b": "backspace", "-": "minus", "=": "equal", "/": "slash", ".": "dot", ",": "comma",
            ";": "semicolon", "'": "apostrophe", "\\": "backslash", "[": "bracket_left", "]": "bracket_right",
            "`": "grave_accent", "\t": "tab"}
    SHIFTED = dict(zip('!@#$%^&*()_+{}|:"<>?~', "1234567890-=[]\\;',./`"))

    def __init__(self, name):
        self.path = os.path.join(SCRATCH, name + ".qmp")
        self.options = ["-qmp", f"unix:{self.path},server=on,wait=off"]
        self.stream = None

    def __call__(self, command, **arguments):
        if self.stream is None:
            self.stream = socket.socket(socket.AF_UNIX)
            self.stream.settimeout(20)
            self.stream.connect(self.path)
            self.stream = self.stream.makefile("rw")
            self.stream.readline()  # the greeting
            self("qmp_capabilities")
        self.stream.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.stream.flush()
        while True:
            answer = json.loads(self.stream.readline())
            if "event" not in answer:
                check("error" not in answer, f"{command}: {answer}")
                return answer["return"]

    def press(self, *keys):
        self("send-key", keys=[{"type": "qcode", "data": key} for key in keys], **{"hold-time": 10})
        time.sleep(0.03)

    def type(self, text):
        for letter in text:
            plain = self.SHIFTED.get(letter, letter.lower())
            keys = ["shift"] if plain != letter else []
            self.press(*keys, self.KEYS.get(plain, plain))

    def text_screen(self):
        """-> the lines of the VGA's text memory"""
        path = os.path.abspath(os.path.join(SCRATCH, "text-memory"))
        self("pmemsave", val=0xb8000, size=80 * 25 * 2, filename=path)
        with open(path, "rb") as f:
            cells = f.read()[::2].decode("cp437")
        return [cells[at:at + 80].rstrip() for at in range(0, len(cells), 80)]

    def pixels(self):
        """-> (width, height, three bytes a pixel)"""
        path = os.path.abspath(os.path.join(SCRATCH, "screen.ppm"))
        self("screendump", filename=path)
        with open(path, "rb") as f:
            head = [f.readline() for _ in range(3)]
            width, height = map(int, head[1].split())
            return width, height, f.read()


def wait_for(look, limit_s, what):
    """Until look() gives something. -> that"""
    deadline = time.monotonic() + limit_s
    while not (found := look()):
        check(time.monotonic() < deadline, f"no {what} within {limit_s} s")
        time.sleep(0.1)
    return found


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

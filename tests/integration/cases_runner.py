"""exo-run itself: what it passes on, byte for byte, and what it exits with."""

import hashlib
import os
import subprocess
import time

import harness
from harness import SCRATCH, case, check, check_equal, exo


@case(120)
def exit_statuses():
    """exit statuses come through; those of the runner come with a message"""
    for command, wanted in (("exit 0", 0), ("exit 1", 1), ("exit 77", 77), ("kill -9 $$", 137), ("kill -TERM $$", 143)):
        check_equal(exo("--profile", "minimal", "--", "sh", "-c", command).status, wanted, command)
    for number in (123, 124, 125):
        result = exo("--profile", "minimal", "--", "sh", "-c", f"exit {number}")
        check_equal(result.status, number, f"exit {number}")
        check("exo-run:" not in result.err, f"a message of the runner for the command's own {number}")


@case(60)
def command_not_found():
    """127 for a command that is not there, 126 for one that cannot run"""
    check_equal(exo("--profile", "minimal", "--", "no-such-command").status, 127, "no such command")
    check_equal(exo("--profile", "minimal", "--", "/etc/passwd").status, 126, "a file that is no program")


@case(60)
def time_out():
    """a hang is ended at the limit with 124"""
    begin = time.monotonic()
    result = exo("--profile", "minimal", "--", "sleep", "1000", timeout=6)
    check_equal(result.status, 124, "exit status")
    check("exo-run: time-out" in result.err, "no message")
    check(time.monotonic() - begin < 15, "killed too late")


@case(30)
def qemu_failure():
    """QEMU that cannot start, is missing, or dies is 125 with a message"""
    for emulator, text in (("/bin/false", "QEMU exited with 1"), ("/no/such/qemu", "No such file"), ("/bin/true", "QEMU exited with 0")):
        result = exo("--profile", "minimal", "--", "true", environment={"EXO_QEMU": emulator})
        check_equal(result.status, 125, emulator)
        check(text in result.err and "exo-run: " in result.err, f"{emulator}: another message")
    result = exo("--profile", "minimal", "--cpu", "no-such-model", "--", "true")
    check_equal(result.status, 125, "a processor model that QEMU does not know")


@case(20)
def wrong_usage():
    """wrong usage is 125 with a message"""
    for words in (("--no-such-option", "--", "true"), ("--add", "x", "--", "true"),
                  ("--add", "/no/such/file:/x", "--", "true"), ("--initrd", "/no/such/file", "--", "true")):
        result = exo(*words)
        check_equal(result.status, 125, " ".join(words))
        check(result.err.startswith("exo-run: "), f"{words}: no message")


@case(90)
def output_exact():
    """every byte value comes through; output and error apart; no newline is added"""
    every = bytes(range(256)) * 40
    path = os.path.join(SCRATCH, "every-byte")
    with open(path, "wb") as f:
        f.write(every)
    result = exo("--add", f"{path}:/every", "--", "sh", "-c", "cat /every; printf end; printf err >&2", binary=True)
    check_equal(result.status, 0, "exit status")
    check(result.out == every + b"end", f"output differs ({len(result.out)} bytes, wanted {len(every) + 3})")
    check_equal(result.err, b"err", "error output")


@case(90)
def output_large():
    """a megabyte of output arrives whole"""
    result = exo("--", "sh", "-c", "seq 1 150000 | tee /tmp/x; sha256sum < /tmp/x >&2", binary=True)
    check_equal(result.status, 0, "exit status")
    check_equal(hashlib.sha256(result.out).hexdigest(), result.err.split()[0].decode(), "sha256 of the output")


@case(60)
def input_passed():
    """--stdin passes standard input on; without it, it is empty"""
    check_equal(exo("--profile", "minimal", "--stdin", "--", "cat", stdin=b"a\0b\nc", binary=True).out, b"a\0b\nc", "output")
    check_equal(exo("--profile", "minimal", "--", "cat", stdin=b"not me", binary=True).out, b"", "output")


@case(60)
def files_added():
    """--add takes files with their modes and directories with their links"""
    folder = os.path.join(SCRATCH, "added")
    os.makedirs(os.path.join(folder, "sub"), exist_ok=True)
    with open(os.path.join(folder, "sub", "tool"), "w", encoding="ascii") as f:
        f.write("#!/bin/sh\necho tool $1\n")
    os.chmod(os.path.join(folder, "sub", "tool"), 0o755)
    if not os.path.islink(os.path.join(folder, "link")):
        os.symlink("sub/tool", os.path.join(folder, "link"))
    result = exo("--profile", "minimal", "--add", f"{folder}:/opt/added", "--", "/opt/added/link", "7").succeeded()
    check_equal(result.out, "tool 7\n", "output")


@case(60)
def words_exact():
    """the command's words arrive as they were"""
    words = ["a b", "", "$HOME", "'", '"', "\\", "ü", "-x", "*"]
    result = exo("--profile", "minimal", "--", "printf", "<%s>", *words).succeeded()
    check_equal(result.out, "".join(f"<{word}>" for word in words), "output")


@case(60)
def terminal_mode():
    """--tty: the command has the console as its terminal, with job control"""
    result = exo("--tty", "--", "bash", "-c", "tty; set -m; sleep 1 & fg >/dev/null 2>&1; printf end; exit 9")
    check_equal(result.status, 9, "exit status")
    check_equal(result.out, "/dev/console\nend", "output")


@case(60)
def background_processes():
    """the machine ends with the command, whatever it leaves behind"""
    result = exo("--", "sh", "-c", "sleep 300 & sleep 300 & echo done").succeeded()
    check_equal(result.out, "done\n", "output")
    check("did not power off" not in result.err, "the machine did not power off")


@case(60)
def orphans_reaped():
    """process 1 reaps orphans"""
    script = "for i in 1 2 3 4 5; do sh -c 'sleep 0.1 & exit 0'; done; sleep 1; " \
             "grep -l '^State:.Z' /proc/[0-9]*/status 2>/dev/null | wc -l"
    check_equal(exo("--", "sh", "-c", script).succeeded().out.strip(), "0", "zombies")


@case(90)
def interactive():
    """without a command: bash with job control on the terminal, exit powers off"""
    kind = ["--linux"] if harness.LINUX else ["--debug"] if harness.DEBUG else []
    process = subprocess.Popen([harness.EXO_RUN, *kind, "--timeout", "60"], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    out = b""
    while b"# " not in out.partition(b"welcome")[2]:
        data = os.read(process.stdout.fileno(), 4096)
        check(data, f"ended before the prompt: {out[-300:]!r}")
        out += data
    process.stdin.write(b"sleep 60 &\njobs; kill %1; echo $((6 * 7)) in $PWD\nexit 5\n")
    process.stdin.flush()
    rest, _ = process.communicate(timeout=60)
    harness.log(out, rest)
    check(b"no job control" not in out + rest, "bash has no job control")
    check(b"Running" in rest, "no line of `jobs`")
    check(b"42 in /root" in rest, "no output")
    check(b"status 5; powering off" in rest, "no power-off after exit")
    check_equal(process.returncode, 0, "exit status")


@case(90)
def instruction_counting():
    """--icount runs on one processor"""
    check_equal(exo("--icount", "--profile", "minimal", "--", "echo", "ok").succeeded().out, "ok\n", "output")

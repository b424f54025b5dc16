"""What is built: incremental builds, other compilers, images, the benchmark's output."""

import os
import re
import subprocess

import harness
from harness import BUILD, SCRATCH, case, check, check_equal, exo


def make(*words, wanted=0):
    """-> what make printed"""
    # The variables of the make above us must not reach this one.
    clean = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "DEBUG", "EXO_JOBS")}
    done = subprocess.run(["make", *words], capture_output=True, text=True, check=False, env=clean)
    harness.log(f"$ make {' '.join(words)}\n", done.stdout, done.stderr)
    check_equal(done.returncode, wanted, f"exit status of make {' '.join(words)}")
    return done.stdout if not wanted else done.stderr


def nothing_done(*words):
    check(re.fullmatch(r"(make: .*(Nothing to be done|up to date).*\n)?", make(*words)), f"make {' '.join(words)} has done something")


@case(120, exo_only=True)
def incremental_build():
    """a second `make` builds nothing; a touched source is compiled alone, a header with what includes it"""
    make("all")
    nothing_done("all")
    for path, least, most in (("kernel/panic.c", 1, 1), ("kernel/include/exo/acpi.h", 3, 20)):
        os.utime(path)
        compiled = re.findall(r"^  (?:CC|AS) +(\S+)", make("kernel"), re.MULTILINE)
        check(least <= len(compiled) <= most, f"after a touch of {path} make compiled {' '.join(compiled) or 'nothing'}")
    nothing_done("kernel")


@case(30, exo_only=True)
def make_refuses():
    """make says what it lacks: an architecture, a profile, a target"""
    for word, text in (("ARCH=vax", "no kernel for ARCH=vax"), ("PROFILE=vast", "initramfs-vast.cpio"), ("kernle", "kernle")):
        answer = make(*(("kernel", "image") if "=" in word else ()), word, wanted=2)
        check(text in answer, f"make {word}: {answer!r}")


@case(300, exo_only=True)
def compilers_and_checks():
    """the kernel that clang builds and the one with DEBUG=1 run programs"""
    script = "seq 3000 | while read n; do [ $n = 2999 ] && (echo $n | tee /tmp/x); done; sort -n /tmp/x; nproc"
    for words, folder in ((("CC=clang",), "x86_64-clang"), (("DEBUG=1",), "x86_64-debug")):
        make("kernel", *words)
        kernel = os.path.join("build", folder, "exo-kernel.elf")
        result = exo("--kernel", kernel, "--smp", "4", "--", "bash", "-c", script).succeeded()
        check_equal(result.out, "2999\n2999\n4\n", f"output on {kernel}")


@case(60, exo_only=True)
def image_sizes():
    """the default image is under 24 MB, and names every program it should hold"""
    size = os.path.getsize(os.path.join(BUILD, "initramfs.cpio"))
    check(size < 24_000_000, f"initramfs.cpio has {size} bytes")
    programs = "busybox bash cat ls find grep sed gawk ps top"  # one or two of each package
    result = exo("--", "bash", "-c", f"for p in {programs}; do type -P $p >/dev/null || echo no $p; done").succeeded()
    check_equal(result.out, "", "programs that lack")


@case(300)
def python_image():
    """PROFILE=python: python3 with threads, processes, sockets, its C modules"""
    make("image", "PROFILE=python", f"DEBUG={int(harness.DEBUG)}")
    script = os.path.join(SCRATCH, "python_image.py")
    with open(script, "w", encoding="ascii") as f:
        f.write("""
import ctypes, hashlib, json, os, re, socket, subprocess, sys, tempfile, threading, time, zlib
assert sys.version_info[:2] == (3, 11)
done = []
threads = [threading.Thread(target=lambda n=n: done.append(n * n)) for n in range(20)]
[t.start() for t in threads], [t.join() for t in threads]
print(sorted(done)[-1], subprocess.run(["sha1sum"], input=b"x", capture_output=True).stdout.decode().split()[0])
a, b = socket.socketpair()
a.sendall(zlib.compress(json.dumps({"k": [1, 2.5, None]}).encode()))
print(json.loads(zlib.decompress(b.recv(4096))), hashlib.sha256(b"").hexdigest()[:8])
with tempfile.TemporaryDirectory() as d:
    open(os.path.join(d, "x"), "w").write("y" * 100000)
    print(os.listdir(d), os.stat(os.path.join(d, "x")).st_size)
print(ctypes.CDLL(None).getpid() == os.getpid(), round(time.monotonic() - time.monotonic()))
""")
    result = exo("--profile", "python", "--add", f"{script}:/root/check.py", "--", "python3", "/root/check.py").succeeded()
    check_equal(result.out, "361 11f6ad8ec52a2984abaafd7c3b516503785c2072\n{'k': [1, 2.5, None]} e3b0c442\n"
                            "['x'] 100000\nTrue 0\n", "output")


@case(300, exo_only=True)
def benchmark_output():
    """`make benchmark` prints BENCH lines of each system, then a RATIO a figure, last the GEOMEANs"""
    make("benchmark-program")
    done = subprocess.run(["tests/benchmarks/run", "--quick", "--only", "getppid,stat"], capture_output=True, text=True,
                          check=False)
    harness.log(done.stdout, done.stderr)
    check_equal(done.returncode, 0, "exit status")
    lines = done.stdout.splitlines()
    for timing in ("icount", "tcg"):
        for system in ("exo", "linux", "linux-unmitigated"):
            at = next((n for n, line in enumerate(lines) if line.startswith(f"# {system}, {timing},")), None)
            check(at is not None and lines[at + 1].startswith("BENCH,"), f"no BENCH lines of {system}, {timing}")
        for name in ("getppid", "stat"):
            check_equal(len([n for n in lines if re.fullmatch(rf"RATIO,{name},{timing},\d+\.\d\d", n)]), 1, f"RATIO lines of {name}, {timing}")
    for line, timing in zip(lines[-2:], ("icount", "tcg")):
        check(re.fullmatch(rf"GEOMEAN,{timing},\d+\.\d\d", line), f"the last lines are {lines[-2:]}")


UNKNOWN_CALL = """
#include <errno.h>
#include <stdio.h>
#include <unistd.h>
int main(void)
{
	int wrong = 0;
	for (int i = 0; i < 100000; i++)
		wrong += syscall(177) != -1 || errno != ENOSYS;
	return printf("%d\\n", wrong) < 0;
}
"""


@case(60, exo_only=True)
def absent_call():
    """an absent system call is ENOSYS and leaves one line in the log, however often it is called"""
    program = os.path.join(SCRATCH, "absent-call")
    subprocess.run(["gcc", "-static", "-o", program, "-x", "c", "-"], input=UNKNOWN_CALL.encode(), check=True)
    result = exo("--profile", "minimal", "--add", f"{program}:/absent-call", "--",
                 "sh", "-c", "/absent-call; dmesg | grep -c 'syscall: absent-call.* called number 177'").succeeded()
    wrong, lines = map(int, result.out.split())
    check_equal(wrong, 0, "other answers than ENOSYS")
    check(1 <= lines <= 3, f"{lines} lines in the log")

"""Storms that the system must survive, and leaks."""

import re
import subprocess

import harness
from harness import case, check, check_equal, exo, program

LEAK_MAX_LINUX = 8 << 20    # Linux keeps more at hand; here not a byte may be lost


@case(120)
def fork_bomb():
    """a fork bomb under RLIMIT_NPROC is contained"""
    script = """
        timeout -s KILL 8 setpriv --reuid 1000 --regid 1000 --clear-groups \
            bash -c 'ulimit -u 50; b() { b | b & }; b; sleep 3' 2>/tmp/errors
        kill -STOP $(pgrep -u 1000) 2>/dev/null
        for i in 1 2 3 4 5 6 7 8 9 10; do pkill -KILL -u 1000 || break; sleep 0.2; done
        grep -qi 'resource temporarily unavailable' /tmp/errors || echo 'nothing was refused'
        pgrep -u 1000 | wc -l
        echo alive"""
    check_equal(exo("--", "sh", "-c", script, timeout=100).succeeded().out, "0\nalive\n", "output")


@case(180)
def out_of_memory():
    """out-of-memory storms end the storming process only"""
    script = """
        for i in 1 2 3; do
            tail /dev/zero; status=$?
            case $status in 137) killed=1 ;; 1) ;; *) echo "tail ended with $status" ;; esac
        done 2>/dev/null
        [ -z "$killed" ] || dmesg | grep -qE 'oom: killed pid [0-9]+ \\(tail\\), [0-9]+ KB|Out of memory: Killed process [0-9]+ \\(tail\\)' || echo 'no line in the log'
        echo alive; head -c 1000000 /dev/zero | wc -c"""
    result = exo("--mem", "160M", "--debug-log", "--", "sh", "-c", script, timeout=150).succeeded()
    check_equal(result.out, "alive\n1000000\n", "output")


@case(240)
def memory_runs_out():
    """each way to take all memory ends in a kill or an error of its own process; the shell and all others live"""
    ends = {"anon": {"killed"}, "tables": {"killed"}, "calls": {"killed"}, "shared": {"killed"}, "file": {"ENOMEM"},
            "pipes": {"ENOMEM"}, "sockets": {"ENOMEM"}, "datagrams": {"ENOMEM", "ENOBUFS"}, "children": {"ENOMEM", "ENOSPC"}}
    script = f"""
        mkdir /tmp/huge && mount -t tmpfs -o size=4g none /tmp/huge
        free() {{ echo 3 >/proc/sys/vm/drop_caches; awk '/^MemFree/ {{ print $2 }}' /proc/meminfo; }}
        /root/hungry anon 20
        before=$(free)
        [ $(dmesg | grep -c 'oom: killed .*hungry') = 20 ] || dmesg | grep oom
        for kind in {" ".join(ends)}; do /root/hungry $kind 2 || echo "$kind: status $?"; done
        dmesg | grep 'oom: killed' | grep -v '(hungry)'
        after=$(free); [ $((before - after)) -lt 512 ] || echo "$before kB free, then $after kB" """
    lines = exo("--mem", "96M", "--add", f"{program('hungry')}:/root/hungry", "--", "sh", "-c", script, timeout=200).succeeded().out.splitlines()
    check_equal(lines[:1], ["anon killed 20"], "a hog of twenty rounds")
    seen = {kind: [] for kind in ends}
    for line in lines[1:]:
        kind, _, end = line.partition(" ")
        check(kind in ends, line)
        word, _, count = end.partition(" ")
        check(word in ends.get(kind, ()), line)
        seen[kind].append(int(count))
    check(all(sum(counts) == 2 for counts in seen.values()), f"rounds: {seen}")


@case(240, exo_only=True)
def syscall_fuzz():
    """a minute of system calls with structured arguments: no panic, no hang, no leak (longer in make test-system)"""
    subprocess.run(["make", "-s", "build/x86_64/tests/syscall_fuzz"], check=True, stdout=subprocess.DEVNULL)
    result = exo("--smp", "2", "--add", "build/x86_64/tests/syscall_fuzz:/root/fuzz", "--", "sh", "-c",
                 "EXO_FUZZ=1 /root/fuzz 60", timeout=220).succeeded()
    check_equal(result.out.splitlines()[-1:], ["ok"], "the verdict")


@case(120)
def full_tmpfs():
    """a full tmpfs is ENOSPC or ENOMEM, and its memory comes back"""
    script = """
        mkdir /tmp/small && mount -t tmpfs -o size=8m none /tmp/small || exit 1
        cat /dev/zero > /tmp/small/x 2>/tmp/errors && echo 'no error'
        grep -qiE 'no space|cannot allocate' /tmp/errors || cat /tmp/errors
        rm /tmp/small/x && head -c 4000000 /dev/zero > /tmp/small/y && wc -c < /tmp/small/y"""
    check_equal(exo("--", "sh", "-c", script, timeout=90).succeeded().out, "4000000\n", "output")


def leak(kinds, count):
    """{kind: bytes more that are held after it was done count times}, by leak.c."""
    result = exo("--add", f"{program('leak')}:/root/leak", "--", "sh", "-c",
                 f"for kind in {kinds}; do /root/leak $kind {count} || exit; done", timeout=280).succeeded()
    return {name: int(cost) for name, cost in (line.split() for line in result.out.splitlines())}


def leak_free(kinds, count):
    limit = LEAK_MAX_LINUX if harness.LINUX else 0
    cost = leak(kinds, count)
    check_equal(" ".join(cost), kinds, "kinds")
    check(all(bytes <= limit for bytes in cost.values()), f"bytes lost in {count} times: {cost}")


@case(300)
def leak_processes():
    """1000 forks, execs and threads leave no page behind"""
    leak_free("fork exec vfork_exec thread signal", 1000)


@case(300)
def leak_memory():
    """1000 mappings, private and shared, leave no page behind"""
    check(harness.LINUX or leak("kept", 50)["kept"] >= 50 * 4096, "the measure does not see 50 kept pages")
    leak_free("mmap shared cow mapped_file", 1000)


@case(300)
def leak_files():
    """1000 files, pipes, sockets, terminals and timers leave no page behind"""
    leak_free("file pipe socket missing timer epoll pty proc", 1000)


@case(60, exo_only=True)
def meminfo_true():
    """/proc/meminfo moves by exactly the pages that a program takes and gives back"""
    out = exo("--add", f"{program('meminfo')}:/root/meminfo", "--", "/root/meminfo").succeeded().out
    moved = {line.split()[0]: {name.rstrip(":"): int(pages) for name, pages in re.findall(r"(\w+:?)([+-]\d+)", line)}
             for line in out.splitlines()[1:]}
    pages = 2560
    for step, wanted in (("mapped", {"MemFree": 0}), ("touched", {"AnonPages": pages}), ("unmapped", {"AnonPages": -pages}),
                         ("written", {"Cached": pages, "Shmem": pages}), ("unlinked", {"Cached": -pages, "Shmem": -pages}),
                         ("shared", {"Cached": pages, "Shmem": pages}), ("unshared", {"Cached": -pages, "Shmem": -pages})):
        for name, by in {"AnonPages": 0, "Cached": 0, "Shmem": 0, "KernelStack": 0, "rest": 0, **wanted}.items():
            check_equal(moved[step][name], by, f"{step}: {name}")
    check_equal(moved["touched"]["PageTables"], 5, "a page table a 2 MB")
    check_equal(moved["forked"]["KernelStack"], (8 if harness.DEBUG else 4) * 40, "stacks of 40 children")
    for one, other in (("touched", "unmapped"), ("written", "unlinked"), ("shared", "unshared")):
        check_equal(moved[one]["MemFree"], -moved[other]["MemFree"], f"MemFree, {one} and {other}")

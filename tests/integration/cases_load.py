"""Storms that the system must survive, and leaks."""

import harness
from harness import case, check, check_equal, exo

LEAK_KB_MAX = 256          # caches of processors and slabs; Linux keeps more
LEAK_KB_MAX_LINUX = 8192


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
            case $status in 137|1) ;; *) echo "tail ended with $status" ;; esac
        done 2>/dev/null
        echo alive; head -c 1000000 /dev/zero | wc -c"""
    result = exo("--mem", "160M", "--debug-log", "--", "sh", "-c", script, timeout=150).succeeded()
    check_equal(result.out, "alive\n1000000\n", "output")


@case(120)
def full_tmpfs():
    """a full tmpfs is ENOSPC or ENOMEM, and its memory comes back"""
    script = """
        mkdir /tmp/small && mount -t tmpfs -o size=8m none /tmp/small || exit 1
        cat /dev/zero > /tmp/small/x 2>/tmp/errors && echo 'no error'
        grep -qiE 'no space|cannot allocate' /tmp/errors || cat /tmp/errors
        rm /tmp/small/x && head -c 4000000 /dev/zero > /tmp/small/y && wc -c < /tmp/small/y"""
    check_equal(exo("--", "sh", "-c", script, timeout=90).succeeded().out, "4000000\n", "output")


LEAK_SCRIPT = """
    free_kb() { while read -r name value unit; do
        [ "$name" = MemFree: ] && echo "$value" && return; done < /proc/meminfo; }
    work() { n=0; while [ $n -lt $1 ]; do %s; n=$((n + 1)); done; }
    work 150; sleep 0.5; free_kb; work %d; sleep 0.5; free_kb"""


def leak(body, count):
    result = exo("--", "sh", "-c", LEAK_SCRIPT % (body, count), timeout=150).succeeded()
    before, after = (int(word) for word in result.out.split())
    limit = LEAK_KB_MAX_LINUX if harness.LINUX else LEAK_KB_MAX
    check(before - after <= limit, f"MemFree fell from {before} to {after} kB in {count} times `{body}`")


@case(180)
def leak_fork():
    """1000 forks leave no page behind"""
    leak("( : )", 1000)


@case(180)
def leak_exec():
    """300 programs leave no page behind"""
    leak("/bin/true", 300)


@case(180)
def leak_pipe():
    """300 pipelines leave no page behind"""
    leak("echo x | cat >/dev/null", 300)


@case(180)
def leak_file():
    """300 files made and removed leave no page behind"""
    leak("echo hello > /tmp/file; : < /tmp/file; rm /tmp/file", 300)

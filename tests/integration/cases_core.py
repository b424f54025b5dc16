"""What is left of processes: core files, in gdb and where core_pattern sends them; records of acct."""

import gzip
import os
import re
import subprocess

from harness import ROOT, SCRATCH, case, check, check_equal, exo, program


def crasher():
    """-> path of the program, with what a debugger wants to know"""
    path = os.path.join(SCRATCH, "crasher")
    subprocess.run(["gcc", "-std=gnu17", "-O1", "-g", "-fno-optimize-sibling-calls", "-Wall", "-static", "-pthread", "-o", path,
                    os.path.join(ROOT, "tests", "integration", "programs", "crasher.c")], check=True)
    return path


@case(120)
def core_in_gdb():
    """gdb opens the core file of a program with four threads and shows where each of them was"""
    crashing, core = crasher(), os.path.join(SCRATCH, "crasher.core")
    script = "cd /tmp; ulimit -c unlimited; /root/crasher >/dev/null 2>&1; echo $? >&2; gzip -c core"
    result = exo("--add", f"{crashing}:/root/crasher", "--", "bash", "-c", script, binary=True).succeeded()
    check(b"139" in result.err, f"status of the program: {result.err!r}")
    with open(core, "wb") as f:
        f.write(gzip.decompress(result.out))
    done = subprocess.run(["gdb", "-nx", "-batch", "-ex", "info threads", "-ex", "thread apply all backtrace", "-ex", "print $_siginfo._sifields._sigfault.si_addr",
                           "-ex", "print main::levels", crashing, core], capture_output=True, text=True, timeout=60, check=True)
    text = done.stdout
    check("Program terminated with signal SIGSEGV" in text, text + done.stderr)
    check(re.search(r"crashes \(where=(where@entry=)?0x10, value=(value@entry=)?4711\)", text), text)
    check(re.search(r"^\$1 = \(void \*\) 0x10", text, re.MULTILINE), text)
    check(len(re.findall(r"^Thread \d+ ", text, re.MULTILINE)) == 4, text)
    check_equal(len(re.findall(r"waits_deep \(", text)), 4 + 6 + 2, "frames of waits_deep")
    check_equal(len(re.findall(r"waiter \(arg=", text)), 2, "frames of waiter")
    check("{3, 5}" in text, text)


@case(120)
def core_pattern_names():
    """core_pattern's letters, core_uses_pid, a pattern with folders, one that is too long"""
    script = r"""
        cd /tmp; mkdir d; chmod 777 d; ulimit -c unlimited; hostname box
        set_pattern() { echo "$1" >/proc/sys/kernel/core_pattern; cat /proc/sys/kernel/core_pattern; }
        crash() { bash -c 'echo $$ >/tmp/pid; kill -SEGV $$' 2>/dev/null; echo $?; pid=$(cat /tmp/pid); }
        show() { find /tmp/d -type f | sed "s/$pid/PID/g" | sort; rm -f /tmp/d/*; }
        set_pattern '/tmp/d/a.%p.%e.%s.%u.%g.%h.%%.%E.%d.%i.%x-'; crash; show
        set_pattern 'd/relative'; crash; show
        echo 1 >/proc/sys/kernel/core_uses_pid; cat /proc/sys/kernel/core_uses_pid; crash; show
        set_pattern '/tmp/d/own.%p'; crash; show
        echo 0 >/proc/sys/kernel/core_uses_pid
        set_pattern '/tmp/d/trailing%'; crash; show
        set_pattern '/tmp/d/none/x'; crash; show
        set_pattern '/tmp/d/t.%t'; before=$(date +%s); crash; after=$(date +%s)
        t=$(ls /tmp/d | cut -c3-); [ "$t" -ge "$before" ] && [ "$t" -le "$after" ] && echo in time; rm /tmp/d/*
        set_pattern '/tmp/d/other'
        setpriv --reuid 1000 --regid 1000 --clear-groups bash -c 'kill -SEGV $$' 2>/dev/null; stat -c '%u %g %a' /tmp/d/other
    """
    wanted = """/tmp/d/a.%p.%e.%s.%u.%g.%h.%%.%E.%d.%i.%x-
139
/tmp/d/a.PID.bash.11.0.0.box.%.!usr!bin!bash.1.PID.-
d/relative
139
/tmp/d/relative
1
139
/tmp/d/relative.PID
/tmp/d/own.%p
139
/tmp/d/own.PID
/tmp/d/trailing%
139
/tmp/d/trailing
/tmp/d/none/x
139
/tmp/d/t.%t
139
in time
/tmp/d/other
1000 1000 600
"""
    check_equal(exo("--", "bash", "-c", script).succeeded().out, wanted, "output")


@case(120)
def core_pattern_helper():
    """a helper program gets the core on its input, its words filled in, root's rights, none of the crasher's confinement"""
    helper = """#!/bin/bash
        cat >/tmp/core.from-helper
        { echo "args: $*"; id -u; pwd; awk '/core file/ { print $5, $6 }' /proc/self/limits; } >/tmp/helper.tmp
        mv /tmp/helper.tmp /tmp/helper
    """
    script = rf"""
        cat >/tmp/helper.sh <<'END'
{helper}
END
        sed -i 's/^        //' /tmp/helper.sh; chmod 755 /tmp/helper.sh; chmod 777 /tmp
        echo '|/tmp/helper.sh %s  %e x%u %%' >/proc/sys/kernel/core_pattern
        cd /; ulimit -c 0
        setpriv --reuid 1000 --regid 1000 --clear-groups --no-new-privs bash -c 'cd /tmp; kill -QUIT $$; kill -SEGV $$' 2>/dev/null; echo $?
        for i in $(seq 100); do [ -e /tmp/helper ] && break; sleep 0.1; done
        cat /tmp/helper
        head -c 4 /tmp/core.from-helper | od -An -c | tr -d ' '
        [ $(stat -c %s /tmp/core.from-helper) -gt 100000 ] && echo large
        echo '|/tmp/nothing' >/proc/sys/kernel/core_pattern; bash -c 'kill -SEGV $$' 2>/dev/null; echo $?
    """
    wanted = "139\nargs: 11 bash x1000 %\n0\n/\n1 1\n177ELF\nlarge\n139\n"
    check_equal(exo("--", "bash", "-c", script).succeeded().out, wanted, "output")


@case(120)
def accounting():
    """acct writes a record of each process that ends, as long as it is on"""
    switch = program("acct_switch")
    script = """
        cd /tmp; : >records; /root/acct_switch none; echo $?
        true; /root/acct_switch records; echo $?
        /bin/sleep 0.3; (exit 3); sh -c 'kill -KILL $$' 2>/dev/null; ulimit -c unlimited; sh -c 'kill -SEGV $$' 2>/dev/null
        setpriv --reuid 1000 --regid 1000 --clear-groups /bin/false
        setpriv --reuid 1000 --regid 1000 --clear-groups /root/acct_switch records; echo $?
        /root/acct_switch; echo $?
        /bin/true; /root/accounts records
        mkdir d; /root/acct_switch d; echo $?
    """
    wanted = """2
0
1
0
acct_switch v3 flag 0 exit 0 uid 0 gid 0 numbers begun lived
sleep v3 flag 0 exit 0 uid 0 gid 0 numbers begun lived
bash v3 flag 1 exit 300 uid 0 gid 0 numbers begun lived
sh v3 flag 10 exit 9 uid 0 gid 0 numbers begun lived
sh v3 flag 18 exit 8b uid 0 gid 0 numbers begun lived
false v3 flag 0 exit 100 uid 1000 gid 1000 numbers begun lived
acct_switch v3 flag 0 exit 100 uid 1000 gid 1000 numbers begun lived
acct_switch v3 flag 0 exit 0 uid 0 gid 0 numbers begun lived
21
"""
    result = exo("--add", f"{switch}:/root/acct_switch", "--add", f"{program('accounts')}:/root/accounts", "--", "bash", "-c", script)
    check_equal(result.succeeded().out, wanted, "output")


@case(120)
def numbers_used_again():
    """a timer of an ended thread, and a terminal whose foreground group has ended, signal nobody who has its number later"""
    script = "echo 400 >/proc/sys/kernel/pid_max && /root/reused timer && /root/reused terminal"
    out = exo("--add", f"{program('reused')}:/root/reused", "--", "sh", "-c", script).succeeded().out
    check_equal(out, "timer: 0 signals to another process\nterminal: 0 signals to another process\n", "output")

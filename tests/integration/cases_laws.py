"""The scheduler's laws, kept by programs that run under it (programs/laws.c; the same in a simulator: tests/unit/scheduler).

Guest time counts instructions (8 ns each) wherever a wait is judged: the host's load does not matter then. It can have one
processor only: QEMU turns to the next at each `pause` and comes back a slice later, so a spin lock's wait lasts for seconds."""

import re

from harness import DEBUG, case, check, exo, program

OFF_PERCENT_MAX = 10.0
WAIT_MS_A_THREAD_MAX = 100
WAKE_P99_US_MAX = 2000
FLAT_RATIO_MAX = 1.25
COUNT_OFF_US_MAX = 100


def laws(*words, options=("--icount", "--shift", "3"), timeout=100):
    """{name: number} of one run of laws.c."""
    result = exo(*options, "--timeout", str(timeout), "--add", f"{program('laws')}:/root/laws", "--", "/root/laws",
                 *map(str, words), timeout=timeout).succeeded()
    print(f"# {' '.join(map(str, words))}: {result.out.strip()}")
    return {name: float(number) for name, number in re.findall(r"(\w+) ([\d.]+)", result.out)}


@case(240, exo_only=True)
def laws_weights():
    """nice values get their shares within 10%, on one processor and on each of two"""
    # Two run in the host's time: who is light and runs seldom would be charged more for its stops than its share is.
    for options, words in ((("--icount", "--shift", "3"), (1, 8, 2000, 2000)), (("--smp", "2"), (2, 3, 4000, 40000))):
        off = laws("weights", *words, options=options)["off_percent"]
        check(off < OFF_PERCENT_MAX, f"{words[0]} processors: {off}% off")


@case(240, exo_only=True)
def laws_starvation():
    """none of 50 computing threads of all nice values waits beyond 100 ms a thread"""
    for options, threads in ((("--icount", "--shift", "3"), 50), (("--smp", "2"), 50)):
        got = laws("crowd", threads, 7000, options=options)
        check(got["gap_ms"] < WAIT_MS_A_THREAD_MAX * threads, f"{options}: one waited for {got['gap_ms']} ms")
        check(got["least_us"] > 0, f"{options}: one did not run")


@case(120, exo_only=True)
def laws_wake():
    """among 50 hogs a thread that keeps within its share runs 2 ms after its time, 99 times of 100"""
    for work_us in (20, 100, 150):
        got = laws("wake", 50, work_us, 500)
        check(got["p99_us"] < WAKE_P99_US_MAX, f"work of {work_us} us: {got}")


@case(180, exo_only=True)
def laws_flat_pick():
    """a turn costs the same among 2 and among 10,000 runnable threads"""
    memory = "4G" if DEBUG else "2G"
    cost = {n: laws("turn", n, 200 + n // 10, options=("--icount", "--shift", "3", "--mem", memory))["turn_ns"]
            for n in (1, 2, 10, 100, 1000, 10000)}
    few = cost[2]
    check(all(cost[n] < few * FLAT_RATIO_MAX for n in cost), f"{cost}")


@case(120, exo_only=True)
def laws_near():
    """a thread whose processor is taken wakes in the same NUMA node, though a nearer number is idle in another"""
    for cpu in (0, 3):
        got = laws("near", cpu, 100, options=("--smp", "4", "--nodes", "2"))
        near, far = (sum(got[f"cpu{i}"] for i in node) for node in (((0, 1), (2, 3)) if cpu < 2 else ((2, 3), (0, 1))))
        check(near >= 9 * far, f"left processor {cpu}: {got}")
    got = laws("near", 3, 100, options=("--smp", "4"))  # all are alike, so the first idle one it is
    check(got["cpu0"] + got["cpu1"] > 50, f"without nodes: {got}")


def counters(text):
    """[{name: number} of each processor] of a /proc/schedstat."""
    rows = [line.split()[1:] for line in text.splitlines() if line.startswith("cpu")]
    return [dict(zip(row[::2], map(int, row[1::2]))) for row in rows]


@case(180, exo_only=True)
def schedstat_true():
    """what /proc/schedstat and a thread's schedstat count is what happened"""
    for options, threads in ((("--icount", "--shift", "3"), 8), (("--smp", "2"), 6)):
        got = laws("stat", threads, 1000, options=options)
        check(got["run_off_us"] < COUNT_OFF_US_MAX, f"CPU time by schedstat and by the clock: {got}")
        check(got["clock_off_us"] < COUNT_OFF_US_MAX, f"neither run nor waited: {got}")
        if "--icount" in options:  # else the host may stop the guest until the time to sleep is over
            check(got["slices"] >= 20, f"twenty sleeps: {got}")
    look = "cat /proc/uptime /proc/schedstat"
    script = f"""{look}; /root/laws turn 2 100; {look}; grep ctxt /proc/stat
                grep -cE '^(band: (HOT|NORMAL|COLD)|predicted_ns: [1-9][0-9]*)$' /proc/self/sched
                chrt -r 5 grep band /proc/self/sched"""
    out = exo("--icount", "--shift", "3", "--add", f"{program('laws')}:/root/laws", "--", "sh", "-c", script).succeeded().out
    first, rest = out.split("turn_ns ")
    turns = int(re.search(r"turns (\d+)", rest).group(1))
    up_ns = [float(re.search(r"^([\d.]+) [\d.]+$", text, re.M).group(1)) * 1e9 for text in (first, rest)]
    before, after = counters(first)[0], counters(rest)[0]
    grown = {name: after[name] - before[name] for name in after}
    print(f"# {turns} turns: {grown}")
    check(turns <= grown["yields"] <= turns + 32, "yields")
    check(grown["switches"] >= turns and grown["picks"] >= grown["switches"], "picks and switches")
    check(0 < grown["predicted"] <= grown["bursts"] and 0 < grown["wakes"], "bursts and wake-ups")
    check(abs(grown["run_ns"] + grown["idle_ns"] - up_ns[1] + up_ns[0]) < 3e7, f"run and idle: {grown}, up {up_ns}")
    switches = int(re.search(r"^ctxt (\d+)$", rest, re.M).group(1))
    check(after["switches"] <= switches <= after["switches"] + 64, f"switches: {switches} by /proc/stat")
    check(rest.splitlines()[-2:] == ["2", "band: REALTIME"], "/proc/self/sched")

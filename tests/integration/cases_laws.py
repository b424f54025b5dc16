"""The scheduler's laws, kept by programs that run under it (programs/laws.c; the same in a simulator: tests/unit/scheduler).

Guest time counts instructions (8 ns each) wherever a wait is judged: the host's load does not matter then. It can have one
processor only: QEMU turns to the next at each `pause` and comes back a slice later, so a spin lock's wait lasts for seconds."""

import re

from harness import case, check, exo, program

OFF_PERCENT_MAX = 10.0
WAIT_MS_A_THREAD_MAX = 100
WAKE_P99_US_MAX = 2000
FLAT_RATIO_MAX = 1.25


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
    cost = {n: laws("turn", n, 200 + n // 10, options=("--icount", "--shift", "3", "--mem", "2G"))["turn_ns"]
            for n in (1, 2, 10, 100, 1000, 10000)}
    few = cost[2]
    check(all(cost[n] < few * FLAT_RATIO_MAX for n in cost), f"{cost}")

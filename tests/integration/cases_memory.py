"""The kernel's heap under load."""

import re

from harness import case, check, check_equal, exo, program

ROUNDS = 30                # socket buffers outlive messages: the heap works when processes and sockets come and go
HIT_PERCENT_MIN = 95.0
GROWTH_KB_MAX = 768        # of all slabs, by what the two processors keep at hand when all has ended


def magazines(text):
    """{cache: (alloc hits, alloc misses, free hits, free misses)} of a /proc/slabinfo."""
    lines = re.findall(r"^([\w-]+) .* : cpustat +(\d+) +(\d+) +(\d+) +(\d+)$", text, re.M)
    return {name: tuple(int(number) for number in numbers) for name, *numbers in lines}


@case(180, exo_only=True)
def heap_magazines():
    """under hackbench the magazines serve 95% of the heap's calls, and keep little when it is over"""
    result = exo("--smp", "2", "--add", f"{program('hackbench')}:/root/hackbench", "--", "sh", "-c",
                 f"""cat /proc/slabinfo; echo ====
                 n=0; while [ $n -lt {ROUNDS} ]; do /root/hackbench 4 5 20 || exit; n=$((n + 1)); done
                 echo ====; cat /proc/slabinfo""", timeout=150).succeeded()
    before, said, after = result.out.split("====\n")
    check_equal(said, "2000 messages\n" * ROUNDS, "hackbench")
    first, last = magazines(before), magazines(after)
    check(len(last) > 20, f"only {len(last)} caches tell of their magazines")
    delta = [sum(last[name][i] - first.get(name, (0, 0, 0, 0))[i] for name in last) for i in range(4)]
    for what, hits, misses in (("allocations", *delta[:2]), ("frees", *delta[2:])):
        percent = 100.0 * hits / (hits + misses)
        print(f"# {percent:.1f}% of {hits + misses} {what} in magazines")
        check(hits + misses > 20000, f"hackbench made only {hits + misses} {what}")
        check(percent >= HIT_PERCENT_MIN, f"{percent:.1f}% of {what} in magazines")
    slabs_kb, idle = re.search(r"slabs: (\d+) kB, ([\d.]+)% of them not live", after).groups()
    slabs_before_kb = re.search(r"slabs: (\d+) kB", before).group(1)
    print(f"# slabs grew from {slabs_before_kb} to {slabs_kb} kB, {idle}% of them free objects and gaps")
    check(int(slabs_kb) - int(slabs_before_kb) <= GROWTH_KB_MAX, f"slabs: {slabs_before_kb} kB, then {slabs_kb} kB")

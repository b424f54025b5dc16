"""`exo top`, judged by a process whose threads, rings and capabilities are known (programs/bands.c)."""

import os
import re

from harness import BUILD, Console, case, check, check_equal, exo, kernel, program

HEAD = r"up ([\d.]+) s, (\d+) CPUs ([\d.]+)% busy, (\d+) threads: (\d+) hot, (\d+) normal, (\d+) cold, (\d+) urgent"
SUMS = r"(\d+) switches, (\d+) steals, (\d+) of (\d+) bursts predicted, (\d+) capabilities, (\d+) of rings"
ROW = re.compile(r"(\d+) +(\d+) ([A-Z]) +(\d+) ([A-Z]+) +(\d+) +([\d.]+) +(\d+) +(\d+) +(\d+|-) +(\d+|-) (.+)")
COLUMNS = ("pid", "tid", "state", "cpu", "band", "predicted_us", "percent", "run_ms", "wait_ms", "caps", "rings", "command")


def frames(text):
    """[(numbers of the head, numbers of the sums, {command: row})] of what `exo top -b` printed."""
    found = []
    for part in re.split(r"^(?=up )", text, flags=re.M)[1:]:
        head, sums, blank, titles, *lines = part.rstrip("\n").split("\n")
        matches = [re.fullmatch(HEAD, head), re.fullmatch(SUMS, sums)]
        check(all(matches) and not blank and titles.split()[0] == "PID", f"the head of {part!r}")
        rows = [ROW.fullmatch(line.strip()) for line in lines if line]
        check(rows and all(rows), f"a row of {part!r}")
        rows = [dict(zip(COLUMNS, row.groups())) for row in rows]
        found.append((*([float(n) for n in m.groups()] for m in matches), rows))
    return found


def bands(*words, options=("--icount", "--shift", "3")):
    """bands.c with such a command, in guest time that counts instructions: else what the host stops for is a burst too.
    -> (pid, capabilities, what was printed after)"""
    out = exo(*options, "--add", f"{program('bands')}:/root/bands", "--", "/root/bands", *words).succeeded().out
    print(out)
    pid, caps, rest = re.match(r"pid (\d+) caps (\d+)\n(.*)", out, re.S).groups()
    return pid, caps, rest


@case(120, exo_only=True)
def top_batch():
    """exo top -b: bands, predictions, times, capabilities and ends of rings are what a process has"""
    pid, caps, out = bands("exo", "top", "-b", "-n", "2", "-d", "1")
    seen = frames(out)
    check_equal(len(seen), 2, "frames")
    for head, sums, rows in seen:
        named = {row["command"]: row for row in rows if row["pid"] == pid}
        check_equal(set(named), {"bands", "hog", "light", "middle", "urgent"}, "threads")
        check_equal((named["hog"]["band"], named["hog"]["state"]), ("COLD", "R"), "who computes")
        check_equal(named["light"]["band"], "HOT", "who sleeps")
        check(int(named["light"]["predicted_us"]) < 250, f"prediction of {named['light']}")
        check_equal(named["middle"]["band"], "NORMAL", "who works for a millisecond")
        check_equal(named["urgent"]["band"], "REALTIME", "SCHED_FIFO")
        check_equal({(row["caps"], row["rings"]) for row in named.values()}, {(caps, "8")}, "capabilities and ends of rings")
        check_equal(head[3:], [len(rows)] + [sum(row["band"] == band for row in rows) for band in ("HOT", "NORMAL", "COLD")] +
                    [sum(row["band"] in ("REALTIME", "DEADLINE") for row in rows)], "threads and bands in the head")
        check_equal(sums[4:], [sum(int(caps) for caps in {r["pid"]: r["caps"] for r in rows}.values()), 8], "sums of the head")
        check(0 < sums[2] <= sums[3] and sums[0] > 0, f"bursts and switches: {sums}")
        check_equal([r["percent"] for r in rows], sorted((r["percent"] for r in rows), key=float, reverse=True), "order")
    (first, _, old), (second, _, new) = seen
    (old,), (new,) = [[r for r in rows if r["command"] == "hog"] for rows in (old, new)]
    ran, passed = int(new["run_ms"]) - int(old["run_ms"]), (second[0] - first[0]) * 1000
    check(abs(ran / passed * 100 - float(new["percent"])) < 5, f"ran {ran} of {passed} ms: {new}")
    (head, _, rows), = frames(bands("sh", "-c", "exo top -b -n 1 -p $PPID", options=("--smp", "2"))[2])
    check_equal((head[1], len(rows)), (2, 5), "processors, threads of one process alone")


@case(120, exo_only=True)
def top_keys():
    """exo top on a terminal: keeps to the window, sorts by keys, ends with q, and leaves the terminal as it was"""
    with Console("-kernel", kernel(), "-initrd", os.path.join(BUILD, "initramfs.cpio"), "-append", "console=ttyS0 rdinit=/init") as machine:
        machine.log_in()
        machine.send("sleep 99 & stty rows 7 cols 80; stty -g; exo top -d 600\n")
        before = machine.expect(rb"([0-9a-f]+(:[0-9a-f]+){10,})\r", 20).group(1)
        rows = {}
        for key in ("", "p", "w"):
            machine.send(key)
            frame = machine.expect(rb"(?s)\033\[\?7l\033\[H(.*?)\033\[\?7h", 20).group(1).decode()
            check("\033[Jq ends" in frame and frame.count("\r\n") <= 6, f"more lines than the window has: {frame!r}")
            found = [ROW.search(line.replace("\033[K", "")) for line in frame.split("\r\n")[4:-1]]
            check(found and all(found), f"rows of {frame!r}")
            rows[key] = [dict(zip(COLUMNS, row.groups())) for row in found]
        for key, column in (("", "percent"), ("p", "predicted_us"), ("w", "wait_ms")):
            order = [float(row[column]) for row in rows[key]]
            check_equal(order, sorted(order, reverse=True), f"order by {column}")
        machine.send("q")
        machine.expect(rb"[#$] ", 20)
        machine.send("stty -g; exo top -n x; echo status $?\n")
        after = machine.expect(rb"([0-9a-f]+(:[0-9a-f]+){10,})\r", 20).group(1)
        check_equal(after, before, "settings of the terminal")
        machine.expect(rb"^usage: exo top", 20)
        machine.expect(rb"^status 2", 20)

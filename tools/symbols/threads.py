# SPDX-License-Identifier: MIT OR Apache-2.0
"""threads.py - for gdb on a running kernel: `source tools/symbols/threads.py` shows every processor, then the tree of
processes with each thread's state, signals, tracer, and the functions that it sleeps in."""

import gdb

STATES = ("running", "interruptible", "uninterruptible", "killable", "stopped", "dead", "new")
FRAMES_MAX = 25
STACK_BYTES = 1 << 16  # not less than the kernel's
RBP_AT, RETURN_AT = 32, 48  # what a switch leaves on the stack: struct start_frame


def word(address):
    return int(gdb.parse_and_eval(f"*(unsigned long *){address}"))


def symbol(address):
    return gdb.execute(f"info symbol {address}", to_string=True).split(" in section")[0].strip()


def members(head, struct, field):
    """The structures of a `struct list`."""
    kind = gdb.lookup_type(f"struct {struct}")
    offset = next(f.bitpos // 8 for f in kind.fields() if f.name == field)
    node = head["next"]
    while int(node) != int(head.address):
        yield gdb.Value(int(node) - offset).cast(kind.pointer()).dereference()
        node = node.dereference()["next"]


def stack(thread):
    low, sp = int(thread["kstack"]), int(thread["arch"]["sp"])
    frame, at = word(sp + RBP_AT), word(sp + RETURN_AT)
    for _ in range(FRAMES_MAX):
        yield symbol(at)
        if not low <= frame < low + STACK_BYTES:
            return
        frame, at = word(frame), word(frame + 8)


def show_task(task, indent):
    thread, trace = task["thread"], task["trace"]
    params = thread["params"]
    line = f"thread {int(thread['tid'])} {thread['name'].string(errors='replace')}: {STATES[int(thread['state']) & 0xff]}"
    line += f", cpu {int(thread['cpu'])} policy {int(params['policy'])}/{int(params['rt_priority'])}"
    for name in ("job", "blocked"):
        line += f" {name} {int(task[name]):#x}"
    line += f" pending {int(task['pending']['set']):#x} work {int(thread['work']):#x} flags {int(thread['flags']):#x}"
    if int(trace):
        line += f" traced by {int(trace['tracer']['nr'])}"
    print(indent + line)
    if int(thread["on_cpu"]):
        print(indent + "    on its processor")
        return
    for name in stack(thread):
        print(indent + "    " + name)


def show_process(process, indent=""):
    line = f"process {int(process['nr'])}: {process['state']}"
    for name in ("flags", "exit_code", "stop_left", "standing"):
        line += f" {name} {int(process[name]):#x}"
    print(f"{indent}{line} pending {int(process['shared']['set']):#x}")
    for task in members(process["threads"], "task", "thread_node"):
        show_task(task, indent + "  ")
    for child in members(process["children"], "process", "sibling"):
        show_process(child, indent + "  ")


gdb.execute(f"thread apply all backtrace {FRAMES_MAX}")
show_process(gdb.parse_and_eval("init_process").dereference())

"""Machines: much memory, processor models, chipsets, power, screen, keyboard."""

import os
import re
import subprocess
import threading
import time

import harness
from cases_boot import MINIMAL, boot_with_memory, iso_machine
from harness import SCRATCH, Console, Monitor, case, check, check_equal, exo, program, wait_for


def machine(*options, words="console=ttyS0"):
    """The kernel with the minimal image."""
    return Console("-kernel", harness.kernel(), "-initrd", MINIMAL, "-append", words, *options)


@case(120)
def memory_8g():
    """boots in 8 GB"""
    boot_with_memory("8G", 7_800_000, 8_388_608)


TWO_NODES = ("-m", "256M", "-object", "memory-backend-ram,id=a,size=128M", "-object", "memory-backend-ram,id=b,size=128M",
             "-numa", "node,nodeid=0,cpus=0-1,memdev=a", "-numa", "node,nodeid=1,cpus=2-3,memdev=b")


@case(240)
def memory_nodes():
    """two memory nodes of the SRAT are both used"""
    with machine("-smp", "4", *TWO_NODES) as console:
        if not harness.LINUX:
            console.expect(rb"acpi: 4 processors, 2 nodes", 30)
        console.log_in()
        # More than one node has, held at once.
        console.send("for d in tmp run; do dd if=/dev/zero of=/$d/x bs=1M count=80; done; cat /tmp/x /run/x | dd bs=1M of=/dev/null;"
                     "ls -l /tmp/x /run/x\n")
        for folder in (b"run", b"tmp"):
            console.expect(rb"83886080 .*/" + folder + rb"/x\r?$", 180)


NODES = """
    grep -H . possible online has_cpu has_memory node[0-9]/cpulist node[0-9]/cpumap node[0-9]/distance
    readlink node1/cpu2 /sys/devices/system/cpu/cpu2/node1
    cd /sys/devices/system/cpu/cpu2/cache
    grep . index3/shared_cpu_list index2/shared_cpu_list
    lscpu | sed -n 's/^NUMA *//p;s/^\\(L[123][di ]*\\) cache: */\\1 /p' | tr -s ' '"""
NODES_SHOWN = """possible:0-1
online:0-1
has_cpu:0-1
has_memory:0
node0/cpulist:0-1
node1/cpulist:2-3
node0/cpumap:3
node1/cpumap:c
node0/distance:10 17
node1/distance:17 10
../../cpu/cpu2
../../node/node1
index3/shared_cpu_list:2-3
index2/shared_cpu_list:2
L1d 256 KiB (4 instances)
L1i 256 KiB (4 instances)
L2 2 MiB (4 instances)
L3 64 MiB (4 instances)
node(s): 2
node0 CPU(s): 0,1
node1 CPU(s): 2,3
"""


@case(180)
def nodes_told():
    """/sys, lscpu and getcpu tell of two nodes, of which one has memory, and of who shares caches"""
    qemu = os.path.abspath(os.path.join(SCRATCH, "qemu-nodes"))
    with open(qemu, "w", encoding="ascii") as f:
        f.write('#!/bin/sh\nexec qemu-system-x86_64 "$@" -object memory-backend-ram,id=a,size=512M -numa node,nodeid=0,cpus=0-1,memdev=a'
                " -numa node,nodeid=1,cpus=2-3 -numa dist,src=0,dst=1,val=17\n")
    os.chmod(qemu, 0o755)
    result = exo("--smp", "4", "--cwd", "/sys/devices/system/node", "--", "bash", "-c", NODES, environment={"EXO_QEMU": qemu}).succeeded()
    check_equal(result.out, NODES_SHOWN, "what is told")
    suite = os.path.join("build", "x86_64", "tests", "compat", "static", "sysfs")
    subprocess.run(["make", suite], check=True, stdout=subprocess.DEVNULL)
    for machine_of in (("--smp", "4"), ("--smp", "4", "--nodes", "4")):
        exo(*machine_of, "--add", suite + ":/root/sysfs", "--", "/root/sysfs",
            environment={} if "--nodes" in machine_of else {"EXO_QEMU": qemu}).succeeded()


@case(180)
def processor_models():
    """runs on processors old and new, with and without what the kernel uses where it is"""
    for model in ("qemu64", "Nehalem", "Haswell", "EPYC", "max,-x2apic,-pcid,-xsave", "max,-smap,-smep,-umip,-fsgsbase"):
        result = exo("--profile", "minimal", "--cpu", model, "--add", f"{program('zero_fault')}:/zero_fault", "--", "sh", "-c",
                     "seq 1000 | sha1sum; /zero_fault").succeeded()
        check_equal(result.out, "234e7e9c9c8490946d3e8c2a01bff41e9acce269  -\nEFAULT\n", model)


CR0_BITS = {"WP": 16}
CR4_BITS = {"PGE": 7, "UMIP": 11, "FSGSBASE": 16, "OSXSAVE": 18, "SMEP": 20, "SMAP": 21}
EFER_BITS = {"SCE": 0, "NXE": 11}


@case(60)
def processor_protections():
    """every processor runs with WP, NX, SMEP, SMAP, UMIP, FSGSBASE and XSAVE on"""
    monitor = Monitor("registers")
    with machine("-smp", "4", *monitor.options) as console:
        console.log_in()
        text = monitor("human-monitor-command", **{"command-line": "info registers -a"})
    for register, bits in (("CR0", CR0_BITS), ("CR4", CR4_BITS), ("EFER", EFER_BITS)):
        values = [int(v, 16) for v in re.findall(rf"\b{register}=([0-9a-f]+)", text)]
        check_equal(len(values), 4, f"values of {register}")
        for name, bit in bits.items():
            check(all(value >> bit & 1 for value in values), f"{name} is off: {register} is {', '.join(map(hex, values))}")


@case(60)
def addresses_at_random():
    """program, heap, libraries, stack and vDSO stand elsewhere in each run"""
    script = """
        for n in 1 2 3 4 5 6; do cat /proc/self/maps; done | while read -r range rights offset device inode name; do
            case "$name" in [[]heap]|[[]stack]|[[]vdso]|*/cat|*/libc.so.6) [ "$offset" = 00000000 ] && echo "$name ${range%-*}";; esac
        done | sort -u | cut -d' ' -f1 | sort | uniq -c"""
    result = exo("--", "bash", "-c", script).succeeded()
    found = {line.split()[1]: int(line.split()[0]) for line in result.out.splitlines()}
    for name in ("/usr/bin/cat", "[heap]", "/usr/lib/x86_64-linux-gnu/libc.so.6", "[stack]", "[vdso]"):
        check(found.get(name, 0) >= 5, f"{name} stands at {found.get(name, 0)} addresses in 6 runs")


@case(180)
def chipsets():
    """boots on a PC of 1996, without HPET, without ACPI, and switches off where ACPI can"""
    for board in ("q35", "q35,hpet=off", "pc", "pc,hpet=off", "pc,acpi=off"):
        with machine("-machine", board) as console:
            console.log_in()
            if board != "pc,acpi=off":
                check(harness.LINUX or b"smp: 2 CPUs online" in console.seen, f"one processor alone on {board}")
                console.send("poweroff -f\n")
                check_equal(console.wait(20), 0, f"QEMU's exit status after power-off on {board}")


@case(90, exo_only=True)
def reboot_again():
    """reboot resets the machine by its reset register, and the system boots again"""
    trace = os.path.join(SCRATCH, "reboot_again.trace")
    with machine("-action", "reboot=reset", "-d", "cpu_reset", "-D", trace) as console:
        console.log_in()
        console.send("reboot -f\n")
        console.log_in()
        console.send("poweroff -f\n")
        check_equal(console.wait(20), 0, "QEMU's exit status after power-off")
    with open(trace, encoding="ascii", errors="replace") as f:  # SeaBIOS itself has its reasons for one
        check(not re.search(r"Triple fault\nCPU Reset.*\n(?:R.*\n){1,6}RIP=f", f.read()), "the kernel's reset was a triple fault")


@case(60, exo_only=True)
def panic_stops_all():
    """a panic tells of all four processors, of two nodes, and leaves QEMU with status 99 by isa-debug-exit"""
    with machine("-smp", "4", *TWO_NODES, words="console=ttyS0 exo.panic=1") as console:
        console.expect(rb"PANIC: asked for by exo.panic=1", 40)
        check_equal(console.wait(20), 99, "QEMU's exit status")
        me = int(re.search(rb"CPU ([0-3]), thread", console.seen)[1])
        others = sorted(int(n) for n in re.findall(rb"CPU ([0-9]) stopped at \w+", console.seen))
        check_equal(others, [n for n in range(4) if n != me], "processors that were stopped")


def expect_shown(monitor, pattern):
    """Wait for the pattern on the VGA's text screen."""
    try:
        wait_for(lambda: re.search(pattern, "\n".join(monitor.text_screen()), re.MULTILINE), 20, f"{pattern!r} on the screen")
    finally:
        harness.log("\n".join(monitor.text_screen()), "\n")


@case(120, exo_only=True)
def screen_and_keyboard():
    """a shell on the VGA's text screen, typed on the PS/2 keyboard"""
    monitor = Monitor("vga")
    with machine("-vga", "std", *monitor.options, words="console=ttyS0 console=tty1") as console:
        console.expect(rb"boot: userspace", 40)
        expect_shown(monitor, r"^\[ .*boot: phase normal took(.*\n)*~ #$")
        monitor.type("echo it's\n")
        monitor.press("ctrl", "c")  # the quote that was left open
        monitor.type('echo "$((6*7))": {A,b} \\\\ x\b~+ | tr A-Z[] a-z@_; echo <&- $?\n')
        expect_shown(monitor, r"^42: \{a,b\} \\ ~\+\n0$")
        monitor.type("clear; sleep 1000\n")
        expect_shown(monitor, r"\A\n\n")
        monitor.press("ctrl", "c")
        expect_shown(monitor, r"^~ #$")
        monitor.press("up")
        expect_shown(monitor, r"^~ # clear; sleep 1000$")
        width, height, dump = monitor.pixels()
        row = height // 25 * width * 3
        check(any(dump[:row]) and not any(dump[3 * row:4 * row]), "the screen's picture is not what its memory holds")


def with_screen(*options):
    """A QEMU for exo-run that has a VGA. -> its path"""
    path = os.path.abspath(os.path.join(SCRATCH, "qemu-vga"))
    with open(path, "w", encoding="ascii") as f:
        f.write(f"#!/bin/sh\nexec qemu-system-x86_64 \"$@\" -vga std {' '.join(options)}\n")
    os.chmod(path, 0o755)
    return {"EXO_QEMU": path}


@case(60)
def console_modes():
    """VT_* and KD_* of the screen's terminal, as Linux answers them (programs/console.c)"""
    result = exo("--add", harness.program("console") + ":/root/console", "--", "/root/console", environment=with_screen()).succeeded()
    with open("tests/integration/programs/console.txt", encoding="ascii") as f:
        check_equal(result.out, f.read(), "what the calls gave")


@case(120, exo_only=True)
def console_graphics():
    """while a program draws by itself (KD_GRAPHICS) nothing is painted; afterwards all that was written is"""
    monitor = Monitor("graphics")
    run = threading.Thread(target=exo, args=("--add", harness.program("console") + ":/root/console", "--", "/root/console", "draw"),
                           kwargs={"environment": with_screen(*monitor.options)})
    run.start()
    wait_for(lambda: os.path.exists(monitor.path), 20, "the monitor of QEMU")
    expect_shown(monitor, r"^first words")
    until = time.monotonic() + 4
    while time.monotonic() < until:
        check("hidden" not in "\n".join(monitor.text_screen()), "painted over what a program draws")
    expect_shown(monitor, r"^first words, hidden words$")
    run.join()


GLYPH = re.compile(r"\b0x([0-9a-f]{10})\b")


def read_framebuffer(monitor):
    """-> the lines on a screen drawn with our font, 8 by 16 a letter; others are `?`"""
    with open("kernel/drivers/video/font.c", encoding="ascii") as f:
        glyphs = [int(digits, 16) for digits in GLYPH.findall(f.read())]
    letters = {tuple((glyph >> 5 * (7 - row // 2) & 31) << 2 for row in range(16)): chr(32 + number)
               for number, glyph in enumerate(glyphs)}
    width, height, dump = monitor.pixels()
    lit = bytes(any(dump[at:at + 3]) for at in range(0, len(dump), 3))
    lines = []
    for top in range(0, height - 15, 16):
        line = ""
        for left in range(0, width - 7, 8):
            rows = (lit[(top + y) * width + left:(top + y) * width + left + 8] for y in range(16))
            line += letters.get(tuple(int("".join("01"[p] for p in row), 2) for row in rows), "?")
        lines.append(line.rstrip())
    return lines


@case(240, exo_only=True)
def screen_framebuffer():
    """under OVMF the screen is a framebuffer, and what is written to /dev/tty1 can be read off it"""
    monitor = Monitor("framebuffer")
    with iso_machine("uefi", "-vga", "std", *monitor.options) as console:
        console.log_in(200)
        console.send("echo; echo 'The quick brown fox, 0123456789: [{(~@#%)}]' >/dev/tty1\n")
        wait_for(lambda: "The quick brown fox, 0123456789: [{(~@#%)}]" in read_framebuffer(monitor), 20, "text on the screen")
        check(any("boot: phase normal took" in line for line in read_framebuffer(monitor)), "the kernel log is not on the screen")

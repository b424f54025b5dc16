#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The table of aims: what is reached is by the figures, a line that vanished is an error, and aims.txt names lines that there are."""

import os
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
ROOT = os.getcwd()
BENCHMARKS = os.path.join(ROOT, "tests", "benchmarks")
sys.path.insert(0, BENCHMARKS)
import aims  # pylint: disable=wrong-import-position

GOOD = """# a comment
operation: fast
aim: < 10 cycles
native: worst one two
below: 10
holds: the speed of light

operation: level
aim: flat
native: spread one two
below: 2

operation: shared
aim: < 3
native: sum one two
per: two
below: 3

operation: better
aim: ratio >= 3
guest: worst ratio:a ratio:b
least: 3

operation: up
aim: < 100 ms
guest: worst boot
timing: tcg
below: 100
"""


def read(text):
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as out:
        out.write(text)
        out.flush()
        return aims.read(out.name)


def refused(work):
    try:
        work()
    except aims.AimError:
        return True
    return False


def native(one, two, skipped=None):
    return [row[2:] for row in aims.rows(read(GOOD), "native", {"one": one, "two": two}, skipped or {})]


def reached_is_by_the_figures():
    assert native(4.0, 5.0) == [["5.00", "yes, 2.00", ""], ["1.25", "yes, 1.60", ""], ["1.80", "yes, 1.67", ""]]
    assert native(4.0, 20.0) == [["20.00", "no, 0.50", "the speed of light"], ["5.00", "no, 0.40", "not looked into yet"],
                                 ["1.20", "yes, 2.50", ""]]
    assert native(10.0, 5.0)[0][1] == "no, 1.00"  # below means below


def guest_aims_are_by_timing():
    found = aims.rows(read(GOOD), "guest", {"ratio:a": 6.0, "ratio:b": 3.0, "boot": 50.0}, {}, "tcg")
    assert [row[0] for row in found] == ["better (tcg)", "up (tcg)"]
    assert [row[3] for row in found] == ["yes, 1.00", "yes, 2.00"]
    found = aims.rows(read(GOOD), "guest", {"ratio:a": 2.0, "ratio:b": 9.0}, {}, "icount")
    assert [row[2:4] for row in found] == [["2.00", "no, 0.67"]]


def a_line_that_vanished_is_an_error():
    assert refused(lambda: aims.rows(read(GOOD), "native", {"one": 1.0}, {}))
    assert refused(lambda: aims.rows(read(GOOD), "guest", {"ratio:a": 6.0, "ratio:b": 3.0}, {}, "tcg"))


def a_line_not_measured_says_why():
    assert native(1.0, 1.0, {"two": "no second core"})[0] == ["not measured", "", "no second core"]


def a_wrong_file_is_an_error():
    for was, bad in (("below: 10\n", ""), ("below: 10\n", "below: ten\n"), ("native: worst one two", "native: mean one two"),
                     ("native: worst one two", "native: worst"), ("aim: flat\n", ""), ("holds:", "hold:"),
                     ("below: 2\n", "below: 2\nleast: 2\n"), ("# a comment", "below: 3"), ("guest: worst boot\n", "")):
        assert was in GOOD and refused(lambda text=GOOD.replace(was, bad, 1): read(text)), (was, bad)


def sources(*folders):
    files = (os.path.join(folder, name) for folder in folders for name in os.listdir(folder) if name.endswith((".c", ".h")))
    return "".join(open(name, encoding="utf-8").read() for name in files)


def the_names_of_the_real_file_are_in_the_programs():
    texts = {"native": sources(os.path.join(BENCHMARKS, "native")), "guest": sources(BENCHMARKS)}
    count = 0
    for aim in aims.read():
        where = "native" if "native" in aim.words else "guest"
        for name in aim.names():
            if name in ("geomean", "lowest", "boot", "spawn:little", "spawn:64m"):
                continue
            name = re.sub("^(ratio|cost):", "", name)
            assert f'"{name}"' in texts[where], f"{aim.operation}: no program has the line {name}"
            count += 1
    assert count > 30


def native_run(lines, *options):
    """The real command on a program that prints these lines."""
    with tempfile.TemporaryDirectory() as folder:
        program = os.path.join(folder, "some_bench")
        with open(program, "w", encoding="utf-8") as out:
            out.write("#!/bin/sh\ncat <<'END'\n" + "".join(lines) + "END\n")
        os.chmod(program, 0o755)
        return subprocess.run([os.path.join(BENCHMARKS, "native", "run"), *options, program], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, check=False)


def the_run_fails_when_a_line_vanishes():
    names = {name for aim in aims.read() if "native" in aim.words for name in aim.names()}
    every = [f"BENCH,{name},10,cycles,1.0,{7.0 if name == 'arch_switch' else 2.0},3.0,4.0,5.0\n" for name in sorted(names)]
    whole = native_run(every)
    assert whole.returncode == 0, whole.stderr
    assert "\nAIM,context switch; registers and stack,7.00,yes,14.29\n" in whole.stdout
    one_less = [line for line in every if ",arch_switch," not in line]
    lost = native_run(one_less)
    assert lost.returncode == 1 and "no line arch_switch" in lost.stderr
    assert native_run(one_less, "--no-aims").returncode == 0
    excused = native_run(one_less + ["SKIP,arch_switch,another machine\n"])
    assert excused.returncode == 0 and "registers and stack,not measured,another machine\n" in excused.stdout
    assert native_run(every + every[:1]).returncode == 1  # two lines of one name


def the_guest_run_knows_which_lines_it_lacks():
    names = {name.split(":", 1)[1] for aim in aims.read() if "guest" in aim.words for name in aim.names() if name.startswith(("ratio:", "cost:"))}
    names |= {"native_spawn_exit_wait", "native_spawn_exit_wait_64m", "fork_exec_exit_wait", "fork_exec_exit_wait_64m"}
    run = os.path.join(BENCHMARKS, "run")

    def guest_run(lost, *options):
        with tempfile.TemporaryDirectory() as folder:
            for system, cost in (("exo", 10.0), ("linux", 60.0), ("linux-unmitigated", 50.0)):
                lines = [f"BENCH,{name},10,ns,1,{cost},{cost},{cost},{cost}\n" for name in sorted(names - lost)]
                for kind in ("", "-programs"):
                    with open(os.path.join(folder, f"{system}-icount{kind}.txt"), "w", encoding="utf-8") as out:
                        out.write("" if kind else "".join(lines))
            return subprocess.run([run, "--timing", "icount", "--from", folder, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  text=True, check=False)

    whole = guest_run(set())
    assert whole.returncode == 0 and "\nAIM,fork (icount),5.00,yes,2.50\n" in whole.stdout, whole.stderr
    lost = guest_run({"thread_create_join"})
    assert lost.returncode == 1 and "no line ratio:thread_create_join" in lost.stderr
    assert guest_run({"python_start"}).returncode == 1
    quick = guest_run({"python_start"}, "--quick")
    assert quick.returncode == 0 and "not measured,a run of --quick\n" in quick.stdout
    unwritten = guest_run({"fork_exit_wait"}, "--write", "--quick")  # were it not refused, the lost line would keep the document safe
    assert unwritten.returncode == 1 and "nothing to write" in unwritten.stderr


CASES = [reached_is_by_the_figures, guest_aims_are_by_timing, a_line_that_vanished_is_an_error, a_line_not_measured_says_why,
         a_wrong_file_is_an_error, the_names_of_the_real_file_are_in_the_programs, the_run_fails_when_a_line_vanishes,
         the_guest_run_knows_which_lines_it_lacks]


def main():
    failed = 0
    print(f"1..{len(CASES)}")
    for number, case in enumerate(CASES, 1):
        try:
            case()
            print(f"ok {number} - {case.__name__}")
        except (AssertionError, aims.AimError) as error:
            failed += 1
            print(f"not ok {number} - {case.__name__}: {error!r}")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())

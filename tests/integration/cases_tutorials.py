"""The commands of docs/tutorials, run as they stand there."""

import glob
import os
import re

from harness import ROOT, case, check, check_equal, exo

MARK = "@@@ command"


def commands(path):
    """[(command, lines that it prints)] of the console blocks of a tutorial."""
    found = []
    with open(path, encoding="utf-8") as text:
        blocks = re.findall(r"^```console\n(.*?)^```$", text.read(), re.M | re.S)
    for line in "".join(blocks).splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        else:
            found[-1][1].append(line)
    return found


def matches(said, wanted):
    """Lines as written; `...` stands for anything."""
    patterns = [".*".join(re.escape(part) for part in line.split("...")) for line in wanted]
    return len(said) == len(wanted) and all(re.fullmatch(p, s) for p, s in zip(patterns, said))


@case(240, exo_only=True)
def tutorials():
    """the commands of every tutorial print what the tutorial says"""
    paths = sorted(glob.glob(os.path.join(ROOT, "docs", "tutorials", "*.md")))
    examples = {os.path.basename(path)[:-2] for path in glob.glob(os.path.join(ROOT, "examples", "*.c"))}
    check_equal({os.path.basename(path)[:-3] for path in paths}, examples,
                "a tutorial for each example")
    steps = [(path, *step) for path in paths for step in commands(path)]
    script = "".join(f"{command}\necho '{MARK}'\n" for _, command, _ in steps)
    said = exo("--smp", "2", "--", "sh", "-c", f"exec 2>&1\n{script}", timeout=200).out.split(f"{MARK}\n")
    check_equal(len(said), len(steps) + 1, "commands that ended")
    for (path, command, wanted), text in zip(steps, said):
        check(matches(text.splitlines(), wanted), f"{os.path.basename(path)}: `{command}` says {text!r}, wanted {wanted}")
    print(f"# {len(steps)} commands of {len(paths)} tutorials")

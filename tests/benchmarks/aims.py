# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the project aims at (aims.txt) beside what a run has measured. A line that an aim names and the run does not have is an error,
unless the run says why (SKIP,name,why)."""

import os
from dataclasses import dataclass, field

PATH = os.path.join(os.path.dirname(os.path.realpath(__file__)), "aims.txt")
FIELDS = ("operation", "aim", "native", "guest", "per", "below", "least", "timing", "holds", "unmeasured")
HOW = ("worst", "sum", "spread")


class AimError(Exception):
    """aims.txt is wrong, or names what is not there."""


@dataclass
class Aim:
    operation: str
    words: dict = field(default_factory=dict)

    def names(self):
        """Every line that the figure is made of."""
        per = self.words.get("per", "1")
        return self.made_of()[1] + ([] if number(per) is not None else [per])

    def made_of(self):
        how, *names = (self.words.get("native") or self.words.get("guest") or "worst").split()
        return how, names

    def check(self):
        if ("native" in self.words) == ("guest" in self.words):
            raise AimError(f"{self.operation}: it wants native: or guest:")
        if "aim" not in self.words:
            raise AimError(f"{self.operation}: it wants aim:")
        if "unmeasured" in self.words:
            return
        how, names = self.made_of()
        if how not in HOW or not names:
            raise AimError(f"{self.operation}: how is '{how}' made of {names}?")
        if ("below" in self.words) == ("least" in self.words) or number(self.words.get("below", self.words.get("least"))) is None:
            raise AimError(f"{self.operation}: it wants a number as below: or least:")

    def measure(self, figures):
        def figure(name):
            if name not in figures:
                raise AimError(f"{self.operation}: the run has no line {name}")
            return figures[name]

        how, names = self.made_of()
        values = [figure(name) for name in names]
        if how == "sum":
            value = sum(values)
        elif how == "spread":
            value = max(values) / min(values)
        else:
            value = max(values) if "below" in self.words else min(values)
        per = self.words.get("per", "1")
        return value / (figure(per) if number(per) is None else number(per))

    def factor(self, value):
        """How many times better than the aim; under 1 it is not reached."""
        return number(self.words["below"]) / value if "below" in self.words else value / number(self.words["least"])

    def reached(self, value):
        return value < number(self.words["below"]) if "below" in self.words else value >= number(self.words["least"])


def number(text):
    try:
        return float(text)
    except (TypeError, ValueError):
        return None


def read(path=PATH):
    aims = []
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            key, colon, text = line.strip().partition(":")
            if not line.strip() or line.startswith("#"):
                continue
            if not colon or key not in FIELDS:
                raise AimError(f"what is '{line.strip()}'?")
            if key == "operation":
                aims.append(Aim(text.strip()))
            elif not aims or key in aims[-1].words:
                raise AimError(f"'{line.strip()}' is of no aim, or it has one already")
            else:
                aims[-1].words[key] = text.strip()
    for aim in aims:
        aim.check()
    return aims


def rows(aims, where, figures, skipped, timing=""):
    """-> [operation, aim, measured, reached, what holds it] of each aim of this table; AimError when a line has vanished."""
    out = []
    for aim in aims:
        if where not in aim.words or aim.words.get("timing", timing) != timing:
            continue
        why = aim.words.get("unmeasured") or next((skipped[name] for name in aim.names() if name in skipped), None)
        who = f"{aim.operation} ({timing})" if timing else aim.operation
        if why:
            out.append([who, aim.words["aim"], "not measured", "", why])
            continue
        value = aim.measure(figures)
        reached = aim.reached(value)
        out.append([who, aim.words["aim"], f"{value:.2f}" if value < 100 else f"{value:,.0f}",
                    f"{'yes' if reached else 'no'}, {aim.factor(value):.2f}",
                    "" if reached else aim.words.get("holds", "not looked into yet")])
    return out


def table(found):
    return ["", "## Aims", "",
            "What `tests/benchmarks/aims.txt` aims at, beside the figures of this run. The number behind yes and no: how many times better than the",
            "aim; under 1 it falls short by that.", "",
            "| operation | aim | measured | reached | what holds it |", "|---|---|---:|---|---|"] + [
                "| " + " | ".join(row) + " |" for row in found]


def lines(found):
    return [f"AIM,{row[0].replace(',', ';')},{row[2].replace(',', '')},{row[3].replace(', ', ',') or row[4].replace(',', ';')}" for row in found]

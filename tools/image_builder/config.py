"""Reads configs/image.conf (its format stands at its top)."""

import fnmatch
import os
import re

from debian import ROOT, PackageError

CONFIG = os.path.join(ROOT, "configs", "image.conf")


class Config:
    def __init__(self, path=CONFIG):
        self.profiles = {}  # name -> [root packages], parents' included
        self.caches = {}    # name -> [root packages]
        self.exclude = set()
        self._keep = {}     # package -> [regex]
        self._drop = []
        self._restore = {}  # profile -> [glob], parents' included
        current = None
        with open(path, encoding="ascii") as f:
            for number, line in enumerate(f, 1):
                words = line.split("#")[0].replace(":", " : ").split()
                if words:
                    current = self._line(words, current, f"{path}:{number}")
        self._drop_regex = re.compile("|".join(fnmatch.translate(g) for g in self._drop))

    def _line(self, words, current, where):
        verb, arguments = words[0], [w for w in words[1:] if w != ":"]
        if verb == "profile" and arguments:
            parent = self.profiles.get(arguments[1]) if len(arguments) > 1 else []
            if parent is None:
                raise PackageError(f"{where}: profile {arguments[1]} is not known")
            self.profiles[arguments[0]] = list(parent)
            self._restore[arguments[0]] = list(self._restore[arguments[1]]) if len(arguments) > 1 else []
            return arguments[0]
        if verb == "package" and current:
            self.profiles[current] += arguments
        elif verb == "restore" and current:
            self._restore[current] += arguments
        elif verb == "exclude":
            self.exclude.update(arguments)
        elif verb == "keep" and len(arguments) > 1:
            self._keep[arguments[0]] = re.compile("|".join(fnmatch.translate(g) for g in arguments[1:]))
        elif verb == "drop":
            self._drop += arguments
        elif verb == "cache" and len(arguments) == 2:
            self.caches[arguments[0]] = [arguments[1]]
        else:
            raise PackageError(f"{where}: cannot read `{' '.join(words)}`")
        return current

    def restored(self, profile, path):
        return any(fnmatch.fnmatchcase(path, glob) for glob in self._restore[profile])

    def wants(self, profile, package, path):
        keep = self._keep.get(package)
        if keep and not keep.fullmatch(path):
            return False
        return not self._drop_regex.fullmatch(path) or self.restored(profile, path)

"""What the documents say can be typed, opened or followed: links, names of files, make targets, options.

Commands are taken from code blocks (fenced, or indented by four) and from `code` in the text.
"""

import fnmatch
import os
import re

SKIPPED = ("docs/SEED_MAP.md", "docs/api/")  # generated; the first tells what is not there yet
BASES = ("", "kernel/", "kernel/include/", "libs/", "tests/", "tools/")  # beside the document's own folder
SUFFIXES = (".c", ".h", ".S", ".md", ".mk", ".py", ".sh", ".def", ".conf", ".ld", ".txt", ".rules", ".yml")
TOOLS = {"exo-run": "tools/qemu_runner/exo-run", "tidy": "tools/tidy/tidy"}
PLACEHOLDER = re.compile(r"[A-Z]{3,}|[<$…]|^build/|^/|^[a-z]+://")


def make_names(tree):
    """-> (targets, patterns of targets, variables)"""
    text = "\n".join(tree.text(f) for f in tree.files if f == "Makefile" or f.endswith(".mk"))
    text = text.replace("\\\n", " ")
    targets = set(re.findall(r"^([\w.-]+)(?: [\w.-]+)*:", text, re.MULTILINE))
    targets.update(word for line in re.findall(r"^\.PHONY: *(.*)$", text, re.MULTILINE) for word in line.split())
    patterns = set(re.findall(r"\(addprefix ([\w-]+),", text))
    return targets, patterns, set(re.findall(r"\$[({](\w+)", text)) | set(re.findall(r"^(\w+) *\??=", text, re.MULTILINE))


def code_of(text):
    """-> (line number, code, whether it stands in a block)"""
    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif fenced or (line.startswith("    ") and not line.lstrip().startswith(("-", "*", "|"))):
            yield number, line.strip(), True
        else:
            for code in re.findall(r"`([^`]+)`", line):
                yield number, code, False


def expanded(pattern):
    """a{b,c} -> ab, ac"""
    if m := re.search(r"\{([^{}]*)\}", pattern):
        return [word for part in m[1].split(",") for word in expanded(pattern[:m.start()] + part + pattern[m.end():])]
    return [pattern]


class Documents:
    def __init__(self, tree):
        self.tree = tree
        self.folders = {os.path.dirname(f) for f in tree.files}
        self.folders |= {"/".join(f.split("/")[:n]) for f in tree.files for n in range(1, f.count("/") + 1)}
        self.names = {os.path.basename(f) for f in tree.files}
        self.targets, self.patterns, self.variables = make_names(tree)

    def exists(self, path, folder):
        bases = BASES + (folder + "/",)
        for name in expanded(path.rstrip("/")):
            candidates = [os.path.normpath(base + name) for base in bases]
            if not any(c in self.folders or c in self.tree.files or ("*" in c and fnmatch.filter(self.tree.files, c)) for c in candidates):
                return False
        return True

    def check_path(self, code, folder):
        if PLACEHOLDER.search(code) or not re.fullmatch(r"[\w.@{},*/-]+", code):
            return None
        if "/" not in code:
            wrong = code.endswith(SUFFIXES) and not any(fnmatch.filter(self.names, name) for name in expanded(code))
        else:
            ours = code.endswith(SUFFIXES) or code.endswith("/") or code.split("/")[0] in self.folders
            wrong = ours and not self.exists(code, folder)
        return f"`{code}` is not in the tree" if wrong else None

    def check_make(self, words):
        for word in words:
            name, assigned, _ = word.partition("=")
            if word.startswith("-") or PLACEHOLDER.search(name) and not assigned:
                continue
            if assigned and name not in self.variables:
                yield f"make has no variable {name}"
            if not assigned and word not in self.targets and not any(word.startswith(p) for p in self.patterns):
                yield f"make has no target {word}"

    def check_tool(self, name, words):
        path = TOOLS.get(name, name)
        if path not in self.tree.files:
            yield f"{name} is not in the tree"
            return
        if not os.access(path, os.X_OK):
            yield f"{path} cannot be executed"
        text = self.tree.text(path)
        if path == "tests/integration/run":
            text += "".join(self.tree.text(f) for f in self.tree.files if f.startswith("tests/integration/cases_"))
        for word in words:
            if word == "--":
                return
            option = word.split("=")[0]
            known = re.search(rf"{re.escape(option)}\b", text)
            if option.startswith("--") and not known:
                yield f"{path} has no option {option}"
            elif path == "tests/integration/run" and not word.startswith("-") and not word.isupper() and f"def {word}(" not in text:
                yield f"{path} has no case {word}"

    def check_command(self, code, block):
        code = re.split(r"\s#\s|\s{3,}", code)[0] if block else code
        for part in re.split(r"[;&|]+|2?>", code):
            words = part.strip().replace(",", " ").split() if not block else part.split()
            while words and re.fullmatch(r"\w+=\S*|nice|sudo", words[0]):
                del words[0]
            if not words:
                continue
            head = words[0]
            if head == "make":
                yield from self.check_make(words[1:])
            elif head in TOOLS or re.match(r"(tests|tools|scripts)/[\w./-]+$", head) and (block or len(words) > 1):
                yield from self.check_tool(head, words[1:])

    def check_links(self, path, text):
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            file, _, anchor = target.partition("#")
            if "://" in file:
                continue
            file = os.path.normpath(os.path.join(os.path.dirname(path), file)) if file else path
            if file not in self.tree.files and file not in self.folders:
                yield f"link to {target}: no such file"
            elif anchor and file.endswith(".md"):
                slugs = {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in re.findall(r"^#+ +(.*)$", self.tree.text(file), re.MULTILINE)}
                if anchor not in slugs:
                    yield f"link to {target}: no such heading"

    def problems(self):
        for path in self.tree.files:
            if not path.endswith(".md") or path.startswith(SKIPPED):
                continue
            text, folder = self.tree.text(path), os.path.dirname(path)
            yield from (f"{path}: {problem}" for problem in self.check_links(path, text))
            for number, code, block in code_of(text):
                found = list(self.check_command(code, block))
                if not block and (wrong := self.check_path(code, folder)):
                    found.append(wrong)
                yield from (f"{path}:{number}: {problem}" for problem in found)
        for number, line in enumerate(self.tree.text("Makefile").splitlines(), 1):
            if m := re.match(r"#: make (.*?)(?:  |$)", line):
                yield from (f"Makefile:{number}: {problem}" for problem in self.check_make(m[1].replace(",", " ").split()))


def check_documents(tree, _):
    yield from Documents(tree).problems()

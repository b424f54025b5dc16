"""/etc/ld.so.cache of an image, in glibc's format, so that programs find libraries as on Debian.

Without it the dynamic linker tries some ten folders for the first library of every program.
Layout (glibc elf/dl-cache.h, x86_64): header of 48 bytes, entries of 24 bytes sorted by name in
descending order, then the strings; offsets count from the start of the file.
"""

import os
import re
import struct

import elf_needs

MAGIC = b"glibc-ld.so.cache1.1"
FLAGS_X86_64_LIBC6 = 0x0303
LITTLE_ENDIAN = 2
HEADER = struct.Struct("<20sIIB3xI12x")
ENTRY = struct.Struct("<iIIIQ")


def sort_key(name):
    """Numbers compare as numbers, and a digit sorts above any other character."""
    return [(1, int(part), "") if part.isdigit() else (0, 0, part)
            for part in _characters(name)] + [(-1, 0, "")]


def _characters(name):
    for part in re.findall(r"\d+|\D", name):
        yield part


def libraries(tree, folder):
    """-> {soname or link: path} of the ELF libraries in a folder."""
    found = {}
    for path, (mode, data) in tree.entries.items():
        name = os.path.basename(path)
        if os.path.dirname(path) != folder or ".so" not in name:
            continue
        if mode & 0o170000 == 0o120000:
            found[name] = "/" + path
        elif data[:4] == b"\x7fELF":
            found[elf_needs.soname(data) or name] = "/" + path
    for name, path in list(found.items()):  # a link of the library's own name is what ldconfig lists
        link = os.path.join(folder, name)
        if link in tree.entries:
            found[name] = "/" + link
    return found


def build(tree, folder, listed_as):
    """The file's bytes. @listed_as  the folder's name before usr-merge, which Debian lists."""
    entries = sorted(libraries(tree, folder).items(), key=lambda item: sort_key(item[0]), reverse=True)
    strings, table = b"", b""
    base = HEADER.size + ENTRY.size * len(entries)
    for name, path in entries:
        key = base + len(strings)
        strings += name.encode() + b"\0"
        value = base + len(strings)
        strings += path.replace("/" + folder, "/" + listed_as, 1).encode() + b"\0"
        table += ENTRY.pack(FLAGS_X86_64_LIBC6, key, value, 0, 0)
    return HEADER.pack(MAGIC, len(entries), len(strings), LITTLE_ENDIAN, 0) + table + strings

"""Shared libraries of an image: every one that a program asks for is there, and no others."""

import os
import struct

PT_DYNAMIC, PT_INTERP, PT_LOAD = 2, 3, 1
DT_NEEDED, DT_STRTAB, DT_SONAME = 1, 5, 14


def needed(data):
    """-> names in DT_NEEDED of an ELF64 little-endian file, [] if it is none."""
    return dynamic_strings(data, DT_NEEDED)


def soname(data):
    """-> the library's own name, None if it has none."""
    return next(iter(dynamic_strings(data, DT_SONAME)), None)


def dynamic_strings(data, wanted):
    if data[:6] != b"\x7fELF\x02\x01" or len(data) < 64:
        return []
    offset, = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    loads, dynamic = [], None
    for i in range(count):
        kind, _, at, address, _, filesz, _, _ = struct.unpack_from("<IIQQQQQQ", data, offset + i * size)
        if kind == PT_LOAD:
            loads.append((address, at, filesz))
        elif kind == PT_DYNAMIC:
            dynamic = (at, filesz)
    if dynamic is None:
        return []
    tags = list(struct.iter_unpack("<QQ", data[dynamic[0]:dynamic[0] + dynamic[1] // 16 * 16]))
    strings = next((value for tag, value in tags if tag == DT_STRTAB), None)
    base = next((at + strings - address for address, at, filesz in loads
                 if strings is not None and address <= strings < address + filesz), None)
    if base is None:
        return []
    return [data[base + value:data.index(b"\0", base + value)].decode()
            for tag, value in tags if tag == wanted]


def missing(tree):
    """-> [(program, library)] for what no file of the image provides."""
    present = {os.path.basename(path) for path in tree.entries}
    return [(path, library) for path, (_, data) in sorted(tree.entries.items())
            for library in needed(data) if library not in present]


def prune_libraries(tree, folder, kept):
    """Drop each library of the folder that nothing needs, until nothing more falls.

    @kept  predicate on the basename, for what is loaded by dlopen and never named as needed.
    """
    while True:
        wanted = {library for _, data in tree.entries.values() for library in needed(data)}
        links = {path: data.decode() for path, (mode, data) in tree.entries.items()
                 if mode & 0o170000 == 0o120000 and os.path.dirname(path) == folder}
        wanted |= {os.path.basename(target) for path, target in links.items()
                   if os.path.basename(path) in wanted}
        doomed = [path for path in tree.entries
                  if os.path.dirname(path) == folder and ".so" in os.path.basename(path)
                  and os.path.basename(path) not in wanted and not kept(os.path.basename(path))]
        if not doomed:
            return
        for path in doomed:
            del tree.entries[path]

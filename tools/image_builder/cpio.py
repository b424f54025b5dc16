"""newc cpio archives, written without being root.

A Tree maps paths (no leading slash) to entries; write() gives the same bytes for the same tree:
sorted paths, owner root, one fixed time. Source: Linux Documentation/driver-api/early-userspace/
buffer-format.rst; cpio(5).
"""

import os
import stat

S_IFREG, S_IFDIR, S_IFLNK = 0o100000, 0o040000, 0o120000


class Tree:
    def __init__(self):
        self.entries = {}  # path -> (mode with type, bytes)

    def _put(self, path, mode, data):
        path = path.strip("/")
        if not path or path == ".":
            return
        parent = os.path.dirname(path)
        if parent and parent not in self.entries:
            self.directory(parent)
        self.entries[path] = (mode, data)

    def root(self, permissions):
        """The archive's own root; without it Linux leaves / as 01777."""
        self.entries["."] = (S_IFDIR | permissions, b"")

    def directory(self, path, permissions=0o755):
        self._put(path, S_IFDIR | permissions, b"")

    def file(self, path, data, permissions=0o644):
        self._put(path, S_IFREG | permissions, data)

    def symlink(self, path, target):
        self._put(path, S_IFLNK | 0o777, target.encode())

    def add_host_path(self, host_path, guest_path):
        """Copy a file or a directory of the host; links inside a directory stay links."""
        info = os.stat(host_path)
        if stat.S_ISDIR(info.st_mode):
            self.directory(guest_path, stat.S_IMODE(info.st_mode))
            for name in sorted(os.listdir(host_path)):
                child, guest_child = os.path.join(host_path, name), guest_path.rstrip("/") + "/" + name
                if os.path.islink(child):
                    self.symlink(guest_child, os.readlink(child))
                elif os.path.isdir(child) or os.path.isfile(child):
                    self.add_host_path(child, guest_child)
        elif stat.S_ISREG(info.st_mode):
            with open(host_path, "rb") as f:
                self.file(guest_path, f.read(), stat.S_IMODE(info.st_mode))
        else:
            raise ValueError(f"{host_path}: neither a file nor a directory")

    def size(self):
        return sum(len(data) for _, data in self.entries.values())

    def write(self, out, mtime=0):
        inode = 1
        for path in sorted(self.entries):
            mode, data = self.entries[path]
            links = 2 if mode & 0o170000 == S_IFDIR else 1
            _write_entry(out, path, inode, mode, links, mtime, data)
            inode += 1
        _write_entry(out, "TRAILER!!!", 0, 0, 1, 0, b"")


def _write_entry(out, path, inode, mode, links, mtime, data):
    name = path.encode() + b"\0"
    fields = (inode, mode, 0, 0, links, mtime, len(data), 0, 0, 0, 0, len(name), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name
    out.write(head + b"\0" * (-len(head) % 4))
    out.write(data)
    out.write(b"\0" * (-len(data) % 4))

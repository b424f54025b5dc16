"""Debian packages by pinned version, through the mirror that this host's own apt uses.

apt runs with a state directory of its own under the cache, so neither the host's package lists nor
its release matter: the suite is always SUITE. Signatures are checked with debian-archive-keyring.
"""

import contextlib
import fcntl
import hashlib
import os
import subprocess
import sys
import urllib.parse

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CACHE = os.environ.get("EXO_CACHE") or os.path.join(ROOT, "build", "cache")
LOCK = os.path.join(ROOT, "configs", "packages.lock")
SUITE = "bookworm"
ARCHITECTURE = "amd64"
KEYRINGS = ("/usr/share/keyrings/debian-archive-keyring.gpg",
            "/usr/share/keyrings/debian-archive-keyring.pgp")


class PackageError(Exception):
    """Told to the user as it is."""


class Pin:
    def __init__(self, name, version, sha256, profiles):
        self.name, self.version, self.sha256, self.profiles = name, version, sha256, profiles


def read_lock(path=LOCK):
    """-> (date as seconds since 1970, [Pin])"""
    date, pins = 0, []
    try:
        with open(path, encoding="ascii") as f:
            lines = f.read().splitlines()
    except FileNotFoundError:
        raise PackageError(f"{path} is missing; run `make update-packages`") from None
    for number, line in enumerate(lines, 1):
        if line.startswith("# epoch "):
            date = int(line.split()[2])
        if not line.strip() or line.startswith("#"):
            continue
        words = line.split()
        if len(words) != 4 or len(words[2]) != 64:
            raise PackageError(f"{path}:{number}: want `package version sha256 profiles`")
        pins.append(Pin(words[0], words[1], words[2], words[3].split(",")))
    return date, pins


def host_mirror():
    """URI of the Debian archive in the host's apt configuration."""
    listing = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)",
         "Identifier: Packages"], capture_output=True, text=True, check=False).stdout
    candidates = []
    for line in listing.splitlines():
        words = line.split()
        if len(words) < 3 or words[2] != "main" or "security" in words[0] + words[1]:
            continue
        rank = (words[1] != SUITE, "-" in words[1], words[3:] != ["Debian"])
        candidates.append((rank, words[0]))
    if not candidates:
        raise PackageError("no Debian mirror in this host's apt sources (want one with component main)")
    return min(candidates)[1]


def apt_options():
    state = os.path.join(CACHE, "apt")
    for sub in ("lists/partial", "cache/archives/partial"):
        os.makedirs(os.path.join(state, sub), exist_ok=True)
    keyring = next((k for k in KEYRINGS if os.path.exists(k)), None)
    if keyring is None:
        raise PackageError("package debian-archive-keyring is not installed; run `make install-deps`")
    sources = f"deb [arch={ARCHITECTURE} signed-by={keyring}] {host_mirror()} {SUITE} main\n"
    with open(os.path.join(state, "sources.list"), "w", encoding="utf-8") as f:
        f.write(sources)
    open(os.path.join(state, "status"), "a", encoding="ascii").close()
    settings = {
        "Dir::Etc::SourceList": f"{state}/sources.list", "Dir::Etc::SourceParts": "/dev/null",
        "Dir::Etc::Preferences": "/dev/null", "Dir::Etc::PreferencesParts": "/dev/null",
        "Dir::State": state, "Dir::State::Lists": f"{state}/lists",
        "Dir::State::status": f"{state}/status", "Dir::Cache": f"{state}/cache",
        "Dir::Cache::pkgcache": "pkgcache.bin", "Dir::Cache::srcpkgcache": "srcpkgcache.bin",
        "APT::Architecture": ARCHITECTURE, "APT::Architectures": ARCHITECTURE,
        "APT::Sandbox::User": "root" if os.geteuid() == 0 else "",
        "APT::Get::AllowUnauthenticated": "false", "Acquire::Languages": "none",
        "Acquire::Retries": "3",
    }
    return [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]


def apt(options, *arguments, cwd=None):
    done = subprocess.run(["apt-get", *options, "-q", *arguments], cwd=cwd, capture_output=True,
                          text=True, check=False, env={**os.environ, "LC_ALL": "C"})
    return done.returncode, done.stdout, done.stderr


def apt_update(options):
    print(f"debian: reading the package lists of {SUITE}", file=sys.stderr)
    status, _, errors = apt(options, "update")
    if status != 0:
        raise PackageError(f"apt-get update failed:\n{errors.strip()}")


@contextlib.contextmanager
def cache_lock():
    """One user of the cache at a time: images are built in parallel."""
    os.makedirs(CACHE, exist_ok=True)
    with open(os.path.join(CACHE, "lock"), "w", encoding="ascii") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        yield


def deb_path(pin):
    version = urllib.parse.quote(pin.version, safe="+~.-")
    return os.path.join(CACHE, "debs", f"{pin.name}_{version}_{ARCHITECTURE}.deb")


def sha256_of(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def fetch(pins):
    """Make every pinned package be in the cache, whole and with the right checksum."""
    with cache_lock():
        _fetch_locked(pins)


def _fetch_locked(pins):
    missing = []
    for pin in pins:
        path = deb_path(pin)
        if os.path.exists(path + ".ok") and os.path.exists(path):
            continue
        if os.path.exists(path) and sha256_of(path) == pin.sha256:
            open(path + ".ok", "w", encoding="ascii").close()
            continue
        missing.append(pin)
    if not missing:
        return
    options = apt_options()
    apt_update(options)
    folder = os.path.join(CACHE, "debs")
    partial = os.path.join(CACHE, f"download.{os.getpid()}")
    os.makedirs(folder, exist_ok=True)
    os.makedirs(partial, exist_ok=True)
    print(f"debian: fetching {len(missing)} packages", file=sys.stderr)
    try:
        _download(options, missing, partial)
    finally:
        for name in os.listdir(partial):
            os.unlink(os.path.join(partial, name))
        os.rmdir(partial)


def _download(options, pins, partial):
    wanted = [f"{pin.name}={pin.version}" for pin in pins]
    status, _, errors = apt(options, "download", *wanted, cwd=partial)
    if status != 0:
        raise PackageError(
            f"the mirror does not give every pinned package (any more):\n{errors.strip()}\n"
            "The pins stand in configs/packages.lock; `make update-packages` refreshes them.")
    fetched = {name.split("_")[0]: os.path.join(partial, name) for name in os.listdir(partial)}
    for pin in pins:
        found = sha256_of(fetched[pin.name])
        if found != pin.sha256:
            raise PackageError(f"{pin.name} {pin.version}: sha256 is {found}, the lock says {pin.sha256}")
        os.replace(fetched[pin.name], deb_path(pin))
        open(deb_path(pin) + ".ok", "w", encoding="ascii").close()


def resolve(options, roots, exclude):
    """-> {name: version} of the roots and all that they depend on, without the excluded ones that are no roots."""
    status, out, errors = apt(options, "-s", "--no-install-recommends", "install", *roots)
    if status != 0:
        raise PackageError(f"cannot resolve {' '.join(roots)}:\n{errors.strip()}")
    found = {}
    for line in out.splitlines():
        words = line.split()
        if words[:1] == ["Inst"] and (words[1] not in exclude or words[1] in roots):
            found[words[1]] = words[2].lstrip("(")
    return found


def checksums(options, versions):
    """-> {name: sha256} from the signed package index."""
    done = subprocess.run(
        ["apt-cache", *options, "show", "--no-all-versions",
         *[f"{name}={version}" for name, version in versions.items()]],
        capture_output=True, text=True, check=False)
    sums, name = {}, None
    for line in done.stdout.splitlines():
        if line.startswith("Package: "):
            name = line.split()[1]
        elif line.startswith("SHA256: "):
            sums[name] = line.split()[1]
    lacking = set(versions) - set(sums)
    if lacking:
        raise PackageError(f"no checksum for {' '.join(sorted(lacking))}")
    return sums

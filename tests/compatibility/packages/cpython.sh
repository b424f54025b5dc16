#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# cpython.sh STAGE - CPython's own test suite, Debian's package libpython3.11-testsuite: a module is a test.
# Leaves STAGE/groups (a module a line), STAGE/group, which runs one, and STAGE/image. FULL=1: every module, those that
# take minutes last. MODULES: those that match. LIMIT: seconds of a module (580 at most).
set -eu
stage=$1
cache=${EXO_CACHE:-$(dirname "$(realpath "$0")")/../../../build/cache}
rm -rf "$stage"
mkdir -p "$stage"
echo cpython 1G >"$stage/image"
slice='test_dict|test_epoll|test_fcntl|test_grp|test_mmap|test_pipes|test_poll|test_posixpath|test_pwd|test_resource|test_select|test_stat|test_tempfile|test_wait4'
dpkg-deb -c "$(ls "$cache"/debs/libpython3.11-testsuite_*.deb | tail -n 1)" |
	sed -nE 's|.* ./usr/lib/python3.11/test/(test_[a-z0-9_]+)(\.py\|/__init__\.py)$|\1|p' | sort -u |
	if [ "${FULL:-}" = 1 ]; then cat; else grep -xE "${MODULES:-$slice}"; fi >"$stage/all"
[ -s "$stage/all" ]
slow='test_(asyncio|buffer|bufio|bz2|capi|cmath|codecencodings_.*|codecmaps_.*|compileall|concurrent_futures|decimal|distutils|email|embed|faulthandler|'
slow="$slow"'fileinput|gdb|hashlib|idle|import|importlib|io|json|largefile|lib2to3|long|lzma|mailbox|math|multibytecodec|multiprocessing_.*|'
slow="$slow"'peg_generator|pickle|pickletools|pydoc|random|range|regrtest|sax|selectors|smtplib|socket|ssl|statistics|strtod|subprocess|tarfile|'
slow="$slow"'threading|tokenize|tools|tuple|unicodedata|unparse|venv|weakref|xml_etree.*|zipfile.*|zlib|xmlrpc|ftplib|imaplib|httplib|httpservers|logging)'
{ grep -vxE "$slow" "$stage/all" || :; grep -xE "$slow" "$stage/all" || :; } >"$stage/groups"
{ echo "limit=${LIMIT:-580}"; cat; } >"$stage/group" <<'END'
busybox ip link set lo up 2>/dev/null # Debian's kernel begins with a loopback that is down
mkdir -p /tmp/python-tests && cd /tmp/python-tests || exit 1
timeout -k 5 "$limit" python3 -m test -W --timeout $((limit - 20)) "$1" >log 2>&1
status=$?
case $status in
0) grep -q "^$1 skipped" log && echo "SKIP: $1" || echo "PASS: $1" ;;
124 | 137) echo "TIMEOUT: $1" ;;
*) grep -q '^Timeout (' log && echo "TIMEOUT: $1" || echo "FAIL: $1"; grep -E '^(FAIL|ERROR):|^[A-Za-z]*Error|^OSError' log | sort -u | head -n 12 | sed "s/^/  $1 /" ;;
esac
[ "$status" = 0 ] || tail -n 3000 log | sed 's/^/  | /'
rm -rf /tmp/python-tests
END

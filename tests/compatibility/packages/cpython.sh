#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# cpython.sh STAGE - CPython's own test suite, Debian's package libpython3.11-testsuite: a module is a test.
# Leaves STAGE/groups (a module a line), STAGE/group, which runs one, and STAGE/image. FULL=1: every module.
set -eu
stage=$1
cache=${EXO_CACHE:-$(dirname "$(realpath "$0")")/../../../build/cache}
rm -rf "$stage"
mkdir -p "$stage"
echo cpython 1G >"$stage/image"
slice='test_dict|test_epoll|test_fcntl|test_grp|test_mmap|test_pipes|test_poll|test_posixpath|test_pwd|test_resource|test_select|test_stat|test_tempfile|test_wait4'
dpkg-deb -c "$(ls "$cache"/debs/libpython3.11-testsuite_*.deb | tail -n 1)" |
	sed -nE 's|.* ./usr/lib/python3.11/test/(test_[a-z0-9_]+)(\.py\|/__init__\.py)$|\1|p' | sort -u |
	if [ "${FULL:-}" = 1 ]; then cat; else grep -xE "$slice"; fi >"$stage/groups"
[ -s "$stage/groups" ]
cat >"$stage/group" <<'END'
mkdir -p /tmp/python-tests && cd /tmp/python-tests || exit 1
timeout -k 5 580 python3 -m test --timeout 500 "$1" >log 2>&1
status=$?
case $status in
0) grep -q "^$1 skipped" log && echo "SKIP: $1" || echo "PASS: $1" ;;
124 | 137) echo "TIMEOUT: $1" ;;
*) echo "FAIL: $1"; grep -E '^(FAIL|ERROR):|^[A-Za-z]*Error|^OSError' log | sort -u | head -n 12 | sed "s/^/  $1 /" ;;
esac
rm -rf /tmp/python-tests
END

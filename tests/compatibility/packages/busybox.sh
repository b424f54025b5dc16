#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# busybox.sh STAGE - prepares busybox's own test suite for Debian's static busybox.
# Leaves STAGE/groups (an applet a line) and STAGE/group, which runs one. FULL=1: every applet that has tests.
set -eu
here=$(dirname "$(realpath "$0")")
stage=$1
rm -rf "$stage"
mkdir -p "$stage"
"$here/fetch-source" busybox "$stage/source"
mv "$stage/source/testsuite" "$stage/testsuite"
cp "$stage/source/debian/config/pkg/static" "$stage/config"
rm -rf "$stage/source"

# Left out: what wants a network, a disk, a device, or compares with the source tree.
left_out='all_sourcecode|wget|mount|mkfs.minix|mdev|makedevs|hostname|hostid|ping|start-stop-daemon|hwclock|sha1sum|sha3sum|bc|dc'
slice='cat|cp|expr|ln|mkdir|mv|rm|sort|tar|test|tr'
cd "$stage/testsuite"
ls -d ./*.tests ./*/ | sed 's|^\./||; s|/$||; s|\.tests$||' | sort -u |
	if [ "${FULL:-}" = 1 ]; then grep -vxE "$left_out"; else grep -xE "$slice"; fi >"$stage/groups"
cat >"$stage/group" <<'END'
work=/tmp/busybox-tests
if [ ! -d $work ]; then
	mkdir -p $work
	cp -r /t/testsuite $work/testsuite
	cp "$(command -v busybox)" $work/busybox
	cp /t/config $work/.config
fi
cd $work/testsuite || exit 1
ECHO=/usr/bin/echo bindir=$work ./runtest "$1" 2>/dev/null
END

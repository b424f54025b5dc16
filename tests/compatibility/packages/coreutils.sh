#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# coreutils.sh STAGE - prepares coreutils' own shell tests for Debian's binaries.
# Leaves STAGE/groups (a directory of tests a line) and STAGE/group, which runs one. FULL=1: all directories.
# Not run: tests in Perl (the image has none). Tests that need the build tree's helpers skip themselves or
# fail on Linux as well, and then are not counted.
set -eu
here=$(dirname "$(realpath "$0")")
stage=$1
rm -rf "$stage"
mkdir -p "$stage"
"$here/fetch-source" coreutils "$stage/source"
mkdir "$stage/coreutils"
mv "$stage/source/tests" "$stage/source/init.cfg" "$stage/coreutils"
rm -rf "$stage/source"
cd "$stage/coreutils"
find . -name '*.pl' -delete -o -name '*.xpl' -delete
: >config.h
slice='ln|mkdir|readlink|rmdir|touch'
find tests -mindepth 2 -name '*.sh' | cut -d/ -f2 | sort -u | grep -vx factor |
	if [ "${FULL:-}" = 1 ]; then cat; else grep -xE "$slice"; fi >"$stage/groups"
cat >"$stage/group" <<'END'
work=/tmp/coreutils-tests
if [ ! -d $work ]; then
	cp -r /t/coreutils $work
	mkdir -p $work/src $work/tmp
fi
cd $work || exit 1
export LC_ALL=C TMPDIR=$work/tmp VERSION=9.1 PACKAGE_VERSION=9.1 SHELL=/bin/sh AWK=awk EGREP='grep -E'
export abs_top_builddir=$work abs_top_srcdir=$work abs_srcdir=$work srcdir=. top_srcdir=. fail=0 EXEEXT=
export host_os=linux-gnu host_triplet=x86_64-pc-linux-gnu CONFIG_HEADER=$work/config.h CC=false PERL=false MAKE=false
export LOCALE_FR=none LOCALE_FR_UTF8=none built_programs='cat cp dd ln ls mkdir mv rm rmdir touch'
for test in tests/"$1"/*.sh; do
	export CU_TEST_NAME=coreutils,$(echo "$test" | tr / -)
	timeout -k 5 60 bash "$test" 9>/dev/null >/dev/null 2>&1 </dev/null
	case $? in
	0) echo "PASS: $test" ;;
	77) echo "SKIP: $test" ;;
	99) echo "ERROR: $test" ;;
	124 | 137) echo "TIMEOUT: $test" ;;
	*) echo "FAIL: $test" ;;
	esac
done
END

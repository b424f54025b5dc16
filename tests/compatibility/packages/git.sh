#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# git.sh STAGE - prepares git's own basic test scripts, t0000 to t0100, for Debian's git.
# Leaves STAGE/groups (a script a line), STAGE/group, which runs one, and STAGE/image. FULL=1: all of them, those that
# take minutes last.
# The host builds test-tool, the helper of the scripts, static, from the same source; it stays in the build folder.
set -eu
here=$(dirname "$(realpath "$0")")
stage=$1
build=$(dirname "$stage")/git-build
if [ ! -x "$build/t/helper/test-tool" ]; then
	rm -rf "$build"
	"$here/fetch-source" git "$build"
	nice make -C "$build" -j2 CFLAGS='-O1 -g0' LDFLAGS=-static NO_CURL=1 NO_OPENSSL=1 NO_EXPAT=1 NO_GETTEXT=1 NO_TCLTK=1 \
		NO_PYTHON=1 t/helper/test-tool GIT-BUILD-OPTIONS >"$build.log" 2>&1
	make -C "$build/templates" >>"$build.log" 2>&1
fi
rm -rf "$stage"
mkdir -p "$stage/git/t/helper"
echo programs 1G >"$stage/image"
cp -r "$build/GIT-BUILD-OPTIONS" "$build/templates" "$stage/git"
cd "$build/t"
cp -r t00* t0100* lib-* oid-info test-lib* *.perl *.pl "$stage/git/t"
cp -r t[1-9]*/ "$stage/git/t" 2>/dev/null || true
cp helper/test-tool "$stage/git/t/helper"
[ ! -d ../perl ] || cp -r ../perl "$stage/git"
# Left out: what is for another system, or wants a thing that Debian's package is built without.
left_out='t0051-windows-named-pipe|t0091-bugreport|t0029-core-unsetenvvars'
slice='t0001-init|t0004-unwritable|t0005-signals|t0007-git-var|t0010-racy-git|t0055-beyond-symlinks|t0062-revision-walking'
ls t00??-*.sh t0100-*.sh 2>/dev/null | sed 's/\.sh$//' |
	if [ "${FULL:-}" = 1 ]; then grep -vxE "$left_out"; else grep -xE "$slice"; fi >"$stage/all"
slow='t(0000-basic|0008-ignores|0021-conversion|0027-auto-crlf)'
{ grep -vxE "$slow" "$stage/all" || :; grep -xE "$slow" "$stage/all" || :; } >"$stage/groups"
cat >"$stage/group" <<'END'
work=/tmp/git-tests
if [ ! -d $work ]; then
	cp -r /t/git $work
fi
cd $work/t || exit 1
export GIT_TEST_INSTALLED=/usr/bin GIT_TEST_CHAIN_LINT=0 GIT_TEST_DEFAULT_HASH=sha1
export TEST_NO_MALLOC_CHECK=1 # the image has no libc_malloc_debug, and the loader says so
sh "$1.sh" 2>/dev/null | sed -nE "s/^(not )?ok ([0-9]+)( - (.*))?$/\1ok \2/p; s/^(ok|not ok) ([0-9]+) # skip.*/skip \2/p" |
	sed -E "s/^not ok (.*)/FAIL: $1.\1/; s/^ok (.*)/PASS: $1.\1/; s/^skip (.*)/SKIP: $1.\1/"
END

// SPDX-License-Identifier: MIT OR Apache-2.0
// acct_switch - accounting on, into the file given, or off. The status is the error.
#define _GNU_SOURCE
#include <errno.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	return acct(argc > 1 ? argv[1] : NULL) ? errno : 0;
}

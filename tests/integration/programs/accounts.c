// SPDX-License-Identifier: MIT OR Apache-2.0
// accounts - prints the records that acct(2) left in a file, without what differs from run to run.
#include <stdint.h>
#include <stdio.h>

struct record { // acct(5), version 3
	uint8_t flag, version;
	uint16_t tty;
	uint32_t exit_code, uid, gid, pid, ppid, begin;
	float elapsed;
	uint16_t times[2], mem, io, rw, faults[2], swaps;
	char comm[16];
};

int main(int argc, char **argv)
{
	FILE *f = argc > 1 ? fopen(argv[1], "r") : NULL;
	struct record r;

	if (!f)
		return 1;
	while (fread(&r, sizeof(r), 1, f) == 1)
		printf("%.16s v%u flag %x exit %x uid %u gid %u %s %s %s\n", r.comm, r.version, r.flag & ~2, r.exit_code, r.uid, r.gid,
		       r.pid > 1 && r.ppid && r.pid != r.ppid ? "numbers" : "no numbers", r.begin > 1000000000 ? "begun" : "never begun",
		       r.elapsed >= (r.comm[1] == 'l' ? 30 : 0) && r.elapsed < 1000 ? "lived" : "no time"); // sleep
	return 0;
}

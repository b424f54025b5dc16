/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* t_sysv.h - what the suites on System V IPC share. Each case removes what it made: objects outlive
 * processes. */
#pragma once

#include "t_.h"

#include <pthread.h>
#include <grp.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>

#ifndef SHM_STAT_ANY
#define SHM_STAT_ANY 15
#endif
#ifndef SEM_STAT_ANY
#define SEM_STAT_ANY 20
#endif
#ifndef MSG_STAT_ANY
#define MSG_STAT_ANY 13
#endif
#ifndef MSG_COPY
#define MSG_COPY 040000
#endif

enum { KEY = 0x45584f31, MS = 1000000, PAGE = 4096 };

union semun {
	int val;
	struct semid_ds *buf;
	unsigned short *array;
	struct seminfo *info;
};

/* A line of /proc/sysvipc/@what that begins with key and number. */
static inline bool listed(const char *what, int key, int id)
{
	static char text[65536];
	char path[64], start[64];

	snprintf(path, sizeof(path), "/proc/sysvipc/%s", what);
	snprintf(start, sizeof(start), "\n%10d %10d  ", key, id);
	return t_slurp(path, text, sizeof(text)) > 0 && strstr(text, start);
}

static inline int index_of(int id)
{
	return id & 0x7fff;
}

/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* t_mount.h - a place for mounts, and what /proc/self/mountinfo says of them. */
#pragma once
#include "t_.h"

#include <sys/mount.h>

static int t_home; /* the case's own directory */

/* Stands in a fresh tmpfs, private, in a mount namespace of its own where there are such. */
static inline void begin(void)
{
	if (!unshare(CLONE_NEWNS))
		t_ok(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	else
		t_check(errno == EINVAL);
	t_home = open(".", O_RDONLY | O_CLOEXEC);
	t_ok(mkdir("m", 0755));
	t_ok(mount("none", "m", "tmpfs", 0, NULL));
	t_ok(mount(NULL, "m", NULL, MS_PRIVATE, NULL));
	t_ok(chdir("m"));
}

static inline void end(void)
{
	t_ok(fchdir(t_home));
	t_ok(umount2("m", MNT_DETACH));
	t_ok(rmdir("m"));
}

static inline bool has(const char *path)
{
	return !access(path, F_OK);
}

static inline void dirs(const char *names)
{
	char text[256], *at = text, *name;

	snprintf(text, sizeof(text), "%s", names);
	while ((name = strsep(&at, " ")))
		t_ok(mkdir(name, 0755));
}

enum { F_ROOT = 3, F_OPTIONS = 5, F_PEERS = 6, F_SOURCE = 7 };

/* A field of the last mount at @path; F_PEERS: all optional ones; F_SOURCE: type
 * and source. Two results stay. */
static inline const char *field(const char *path, int n)
{
	static char results[2][512];
	static int turn;
	char line[2048], full[PATH_MAX], *result = results[turn ^= 1];
	FILE *f = fopen("/proc/self/mountinfo", "r");

	snprintf(result, sizeof(results[0]), "no such mount");
	if (!realpath(path, full) || !f)
		t_stop("no path or no mountinfo");
	while (fgets(line, sizeof(line), f)) {
		char *words[32], *at = line, *w;
		int count = 0;

		while (count < 31 && (w = strsep(&at, " \n")))
			words[count++] = w;
		if (count < 7 || strcmp(words[4], full))
			continue;
		result[0] = 0;
		if (n < F_PEERS)
			snprintf(result, sizeof(results[0]), "%s", words[n]);
		for (int i = F_PEERS; n == F_PEERS && i < count && strcmp(words[i], "-"); i++)
			snprintf(result + strlen(result), 64, "%s%s", i > F_PEERS ? " " : "",
				words[i]);
		for (int i = F_PEERS; n == F_SOURCE && i < count - 2; i++) {
			if (!strcmp(words[i], "-"))
				snprintf(result, sizeof(results[0]), "%s %s", words[i + 1],
					words[i + 2]);
		}
	}
	fclose(f);
	return result;
}

/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* t_proc.h - files of /proc as texts, for the suites that read them. */
#pragma once

#include "t_.h"

static char text[65536];

static inline const char *file(const char *path)
{
	if (t_slurp(path, text, sizeof(text)) < 0)
		text[0] = 0;
	return text;
}

/* The number after "Name:" or "Name" in a file of such lines; -1 without. */
static inline long field(const char *path, const char *name)
{
	char wanted[64];
	const char *all = file(path), *at = all;

	snprintf(wanted, sizeof(wanted), "%s", name);
	while (at) {
		if (!strncmp(at, wanted, strlen(wanted)))
			return strtol(at + strlen(wanted), NULL, 10);
		at = strchr(at, '\n');
		at = at ? at + 1 : NULL;
	}
	return -1;
}

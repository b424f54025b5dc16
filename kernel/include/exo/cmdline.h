/* The kernel command line: words separated by blanks, `name` or `name=value`; double quotes keep
 * blanks. Layer: base. Words that nobody knows are ignored, as Linux does; init gets what stands
 * after `--`. */
#pragma once

#include <exo/types.h>

#define CMDLINE_WORDS_MAX 256

/* cmdline_parse - splits a copy of @text (bounded; bytes outside printable ASCII become '?').
 * Called once, before the other CPUs run. */
void cmdline_parse(const char *text);
/* cmdline_value - value of the last `name=value`, "" for a bare `name`, NULL when absent. Borrowed,
 * constant. */
const char *cmdline_value(const char *name);
static inline bool cmdline_has(const char *name)
{
	return cmdline_value(name) != NULL;
}
/* cmdline_u64 - number of `name=`; @fallback when absent or not a number. */
u64 cmdline_u64(const char *name, u64 fallback);
/* cmdline_nth - value of the i-th occurrence of `name=`, NULL past the last (console= may come
 * twice). */
const char *cmdline_nth(const char *name, u32 i);
/* cmdline_word - the i-th word as it stood, NULL past the last; words after `--` are counted too,
 * @after_dashes says so. */
const char *cmdline_word(u32 i, bool *after_dashes);
/* cmdline_text - the whole line, as /proc/cmdline shows it. */
const char *cmdline_text(void);

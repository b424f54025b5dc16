/* The commands of `exo`. */
#pragma once

#include <stdarg.h>
#include <stddef.h>

#define EXO_USAGE 2 /* status: it was called in a wrong way */

/* Return: the exit status. */
int top_main(int argc, char **argv);
void exo_complain(const char *line); /* to standard error */
/* exo_format - as vsnprintf(3), of %s %c %d %u %llu %%, with a width and `-`: a fifth of its size.
 * What has no room is left out. Return: the length without the final NUL. size > 0. */
size_t exo_format(char *to, size_t size, const char *format, va_list list);

/* exo - the commands that tell of what only this system has. Without stdio's streams: it is to be
 * small. */
#include "exo.h"
#include <string.h>
#include <unistd.h>

void exo_complain(const char *line)
{
	if (write(STDERR_FILENO, line, strlen(line)) < 0)
		return; /* there is nobody to tell */
}

/* Return: where the digits of n begin, before end. */
static char *digits(char *end, unsigned long long n)
{
	do
		*--end = (char)('0' + n % 10);
	while (n /= 10);
	return end;
}

size_t exo_format(char *to, size_t size, const char *format, va_list list)
{
	size_t len = 0;

	for (; *format; format++) {
		char buf[24], *end = buf + sizeof(buf);
		const char *word = format;
		size_t width = 0, word_len = 1, pad;
		int left = 0;

		if (*format == '%') {
			left = *++format == '-';
			format += left;
			for (; *format >= '0' && *format <= '9'; format++)
				width = width * 10 + (size_t)(*format - '0');
			word = format;
			if (*format == 's') {
				word = va_arg(list, const char *);
				word_len = strlen(word);
			} else if (*format == 'c') {
				buf[0] = (char)va_arg(list, int);
				word = buf;
			} else if (*format != '%') {
				if (*format == 'd')
					word = digits(end,
						(unsigned)va_arg(list, int)); /* never below 0 */
				else if (*format == 'u')
					word = digits(end, va_arg(list, unsigned));
				else
					word = digits(end, va_arg(list, unsigned long long));
				format += *format == 'l' ? 2 : 0;
				word_len = (size_t)(end - word);
			}
		}
		pad = width > word_len ? width - word_len : 0;
		if (pad + word_len >= size - len)
			break;
		memset(to + len, ' ', pad + word_len);
		memcpy(to + len + (left ? 0 : pad), word, word_len);
		len += pad + word_len;
	}
	to[len] = '\0';
	return len;
}

int main(int argc, char **argv)
{
	int status = EXO_USAGE;

	if (argc > 1 && !strcmp(argv[1], "top"))
		status = top_main(argc - 1, argv + 1);
	if (status == EXO_USAGE)
		exo_complain("usage: exo top [-b] [-n TIMES] [-d SECONDS] [-p PID]\n");
	return status;
}

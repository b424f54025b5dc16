/* The kernel command line. Layer: base. Written once at boot, constant afterwards. */
#include <exo/cmdline.h>
#include <exo/string.h>

#define CMDLINE_BYTES_MAX 4096

static char line[CMDLINE_BYTES_MAX], storage[CMDLINE_BYTES_MAX]; /* [c] after cmdline_parse */
static const char *words[CMDLINE_WORDS_MAX];
static u32 word_count, dashes_at;

void cmdline_parse(const char *text)
{
	bool quoted = false, in_word = false;
	char *out = storage;

	str_copy(line, text, sizeof(line));
	for (char *p = line; *p; p++) {
		if (*p < ' ' || *p > '~')
			*p = *p == '\n' || *p == '\t' ? ' ' : '?';
	}
	word_count = 0;
	for (const char *p = line; *p; p++) {
		if (*p == ' ' && !quoted) {
			if (in_word)
				*out++ = 0;
			in_word = false;
			continue;
		}
		if (!in_word) {
			if (word_count == CMDLINE_WORDS_MAX)
				break;
			words[word_count++] = out;
			in_word = true;
		}
		if (*p == '"')
			quoted = !quoted;
		else
			*out++ = *p;
	}
	*out = 0;
	for (dashes_at = 0; dashes_at < word_count && strcmp(words[dashes_at], "--"); dashes_at++)
		;
}

static const char *word_value(const char *word, const char *name)
{
	size_t n = strlen(name);

	if (strncmp(word, name, n))
		return NULL;
	return word[n] == '=' ? word + n + 1 : word[n] ? NULL : word + n;
}

const char *cmdline_nth(const char *name, u32 i)
{
	for (u32 w = 0; w < dashes_at; w++) {
		const char *value = word_value(words[w], name);

		if (value && i-- == 0)
			return value;
	}
	return NULL;
}

const char *cmdline_value(const char *name)
{
	const char *last = NULL, *value;

	for (u32 i = 0; (value = cmdline_nth(name, i)); i++)
		last = value;
	return last;
}

u64 cmdline_u64(const char *name, u64 fallback)
{
	const char *value = cmdline_value(name);
	u64 n;

	return value && !str_to_u64(value, NULL, 0, &n) ? n : fallback;
}

const char *cmdline_word(u32 i, bool *after_dashes)
{
	if (i >= dashes_at) /* the "--" itself is no word */
		i++;
	*after_dashes = i > dashes_at;
	return i < word_count ? words[i] : NULL;
}

const char *cmdline_text(void)
{
	return line;
}

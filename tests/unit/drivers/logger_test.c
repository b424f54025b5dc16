/* The log ring: whole and long lines, overwriting, slow readers, consoles, many writers at once.
 * needs: kernel/logger.c
 * defines: -Dlog_printf=logger_printf -Dlog_console_level=logger_console_level
 */
#include <u_.h>
#include <pthread.h>
#include <stdlib.h>
#include <exo/log.h>

static struct log_record r;

static char printed[1 << 16];
static size_t printed_len;
static void collect(struct console *c, const char *text, size_t len)
{
	if (printed_len + len < sizeof(printed))
		memcpy(printed + printed_len, text, len);
	printed_len += len;
	printed[printed_len] = 0;
}
static struct console console = {.write = collect};

U_TEST(lines_come_back_in_order)
{
	u64 seq = log_head();

	log_info("one %d", 1);
	log_err("two\n");
	u_need(log_next(&seq, &r));
	u_str_eq(r.text, "one 1");
	u_eq(r.level, LOG_INFO);
	u_need(log_next(&seq, &r));
	u_str_eq(r.text, "two");
	u_check(!log_next(&seq, &r));
}

U_TEST(long_lines_take_several_slots_or_are_cut)
{
	char text[700];
	u64 seq = log_head();

	for (size_t n = 0; n < sizeof(text); n += 50) {
		memset(text, 'a' + (int)(n / 50), n);
		text[n] = 0;
		log_info("%s", text);
		u_need(log_next(&seq, &r));
		u_eq(r.len, n < LOG_LINE_MAX ? n : LOG_LINE_MAX - 1);
		u_mem_eq(r.text, text, r.len);
	}
}

U_TEST(a_reader_that_fell_behind_goes_on_with_what_is_left)
{
	u64 seq = log_head();
	u32 lines = 0, last = 0;

	for (u32 i = 0; i < 5000; i++)
		log_info("%u %s", i,
			i % 3 ? ""
			      : "a tail that makes the line longer than one slot of the ring, "
				"which has a hundred and four bytes of text in it");
	while (log_next(&seq, &r)) {
		u32 n = (u32)atoi(r.text);

		u_need(n == last + 1 || !lines);
		last = n;
		lines++;
	}
	u_eq(last, 4999);
	u_check(lines > 500 && lines < 1024);
}

U_TEST(text_for_dmesg)
{
	char buf[256];
	u64 seq = log_head();
	size_t n;

	log_printf(LOG_NOTICE, "first\nsecond");
	n = log_read(&seq, buf, sizeof(buf) - 1);
	buf[n] = 0;
	u_check(!strncmp(buf, "<5>[", 4) && strstr(buf, "] first\n<5>["));
	u_check(n && buf[n - 1] == '\n');
	u_eq(log_read(&seq, buf, sizeof(buf)), 0);
	log_info("more");
	u_eq(log_read(&seq, buf, 5), 0); /* no room for a whole line */
	u_check(log_read(&seq, buf, sizeof(buf)) > 5);
}

U_TEST(consoles_see_their_levels)
{
	log_console_level = LOG_DEBUG;
	log_info("before");
	log_console_register(&console);
	u_check(strstr(printed, "before\n") != NULL);
	printed_len = 0;
	log_debug("quiet");
	log_info("loud");
	u_check(strstr(printed, "loud\n") && !strstr(printed, "quiet"));
	printed_len = 0;
	log_panic_begin();
	log_debug("everything");
	u_check(strstr(printed, "everything") != NULL);
}

static void *writer(void *arg)
{
	host_thread_attach((u32)(uintptr_t)arg);
	for (u32 i = 0; i < 3000; i++)
		log_info("%u %u abcdefghijklmnopqrstuvwxyz%s", (u32)(uintptr_t)arg, i,
			i % 5 ? ""
			      : " and much more text, so that the line takes a second slot of the "
				"ring");
	return NULL;
}

/* Readers see each line whole, and the lines of a writer in their order. */
U_TEST(many_writers)
{
	u32 last[4] = {0}, lines = 0;
	pthread_t t[4];
	u64 seq = log_head();

	for (u32 i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, writer, (void *)(uintptr_t)i);
	for (u32 idle = 0; idle < 2000000 && lines < 8000; idle++) {
		u32 who, n;

		if (!log_next(&seq, &r))
			continue;
		lines++;
		u_need(sscanf(r.text, "%u %u abcdefghijklmnopqrstuvwxyz", &who, &n) == 2 &&
			who < 4);
		u_need(n >= last[who]);
		u_check(r.text[r.len] == 0 && strlen(r.text) == r.len);
		last[who] = n;
	}
	for (u32 i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	u_check(lines > 0);
}

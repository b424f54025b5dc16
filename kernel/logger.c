/* The kernel log: a ring of lines, and its consoles. Layer: boot (called by every room).
 *
 * Writers take slots with one fetch-and-add and publish each slot by storing its ticket last, so a
 * line may be logged in any context, NMI included, without a lock. Readers copy a line and then
 * look whether its tickets still stand (a line that was overwritten meanwhile is skipped). A line
 * that is longer than a slot takes the slots behind it.
 *
 * Consoles: whoever logs becomes the printer if nobody is; the printer goes on until every console
 * has seen every line. So lines keep their order, and nobody waits for a slow console but the one
 * that prints. */
#include <exo/log.h>
#include <exo/cmdline.h>
#include <exo/string.h>
#include <exo/time.h>
#include <arch/cpu.h>

#define SLOTS     1024u /* 128 KB */
#define SLOT_TEXT 108u

struct log_slot {
	u64 ticket; /* [a] sequence + 1 of the line's slot that stands here; 0 = being written.
		       Release; pairs with slot_copy */
	u64 time_ns;
	u16 len;
	u8 level;
	u8 index; /* 0 = first slot of its line */
	char text[SLOT_TEXT];
};
_Static_assert(sizeof(struct log_slot) == 128, "two cache lines");

int log_console_level = LOG_DEBUG; /* [a] */
static struct log_slot ring[SLOTS];
static u64 head;                 /* [a] next sequence */
static u32 printing;             /* [a] 1 = somebody prints */
static bool panicking;           /* [a] set once */
static struct console *consoles; /* [a] only grows */

u64 log_head(void)
{
	return __atomic_load_n(&head, __ATOMIC_ACQUIRE);
}

static void ring_put(enum log_level level, const char *text, size_t len)
{
	u32 slots = len ? (u32)((len + SLOT_TEXT - 1) / SLOT_TEXT) : 1;
	u64 ticket = __atomic_fetch_add(&head, slots, __ATOMIC_RELAXED);
	ns_t now = clock_monotonic();

	for (u32 i = 0; i < slots; i++) {
		struct log_slot *s = &ring[(ticket + i) % SLOTS];
		size_t part = MIN(len - i * SLOT_TEXT, (size_t)SLOT_TEXT);

		__atomic_store_n(&s->ticket, 0, __ATOMIC_RELAXED);
		__atomic_thread_fence(__ATOMIC_RELEASE);
		s->time_ns = now;
		s->len = (u16)len;
		s->level = (u8)level;
		s->index = (u8)i;
		memcpy(s->text, text + i * SLOT_TEXT, part);
		__atomic_store_n(&s->ticket, ticket + i + 1, __ATOMIC_RELEASE);
	}
}

/* 1 = line copied, 0 = not written yet, -1 = overwritten or the middle of a line. */
static int slot_copy(u64 seq, struct log_record *r, u32 *slots)
{
	const struct log_slot *s = &ring[seq % SLOTS];
	u64 ticket = __atomic_load_n(&s->ticket, __ATOMIC_ACQUIRE);
	size_t len;

	if (ticket != seq + 1)
		return ticket > seq + 1 ? -1 : 0;
	len = MIN((size_t)s->len, (size_t)LOG_LINE_MAX);
	*slots = len ? (u32)((len + SLOT_TEXT - 1) / SLOT_TEXT) : 1;
	if (s->index)
		return -1;
	r->seq = seq;
	r->time_ns = s->time_ns;
	r->level = s->level;
	r->len = (u32)len;
	for (u32 i = 0; i < *slots; i++) {
		s = &ring[(seq + i) % SLOTS];
		if (__atomic_load_n(&s->ticket, __ATOMIC_ACQUIRE) < seq + i + 1)
			return 0;
		memcpy(r->text + i * SLOT_TEXT, s->text,
			MIN(len - i * SLOT_TEXT, (size_t)SLOT_TEXT));
	}
	r->text[len] = 0;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	for (u32 i = 0; i < *slots; i++) {
		if (__atomic_load_n(&ring[(seq + i) % SLOTS].ticket, __ATOMIC_RELAXED) !=
			seq + i + 1)
			return -1;
	}
	return 1;
}

bool log_next(u64 *seq, struct log_record *r)
{
	for (u32 tries = 0; tries < 4 * SLOTS; tries++) {
		u64 end = log_head();
		u32 slots = 1;
		int got;

		if (*seq >= end)
			return false;
		if (end - *seq > SLOTS)
			*seq = end - SLOTS;
		got = slot_copy(*seq, r, &slots);
		if (got > 0) {
			*seq += slots;
			return true;
		}
		/* A writer that was stopped for good never publishes: in a panic its slot is passed
		 * over. */
		if (got == 0 && !READ_ONCE(panicking))
			return false;
		(*seq)++;
	}
	return false;
}

size_t log_format(const struct log_record *r, bool with_level, char *buf, size_t size)
{
	size_t n = 0, start = 0;

	while (start <= r->len) {
		const char *newline = memchr(r->text + start, '\n', r->len - start);
		size_t len = newline ? (size_t)(newline - r->text) - start : r->len - start;
		char prefix[32];
		size_t p =
			with_level ? (size_t)snprintf(prefix, sizeof(prefix), "<%u>", r->level) : 0;

		p += (size_t)snprintf(prefix + p, sizeof(prefix) - p, "[%5u.%06u] ",
			(u32)(r->time_ns / NS_PER_SEC), (u32)(r->time_ns % NS_PER_SEC / NS_PER_US));
		if (n + p + len + 1 > size)
			break;
		memcpy(buf + n, prefix, p);
		memcpy(buf + n + p, r->text + start, len);
		n += p + len;
		buf[n++] = '\n';
		start += len + 1;
	}
	return n;
}

size_t log_read(u64 *seq, char *buf, size_t size)
{
	struct log_record r;
	u64 next = *seq;
	size_t n = 0;

	while (log_next(&next, &r)) {
		size_t len = log_format(&r, true, buf + n, size - n);

		if (!len)
			break;
		n += len;
		*seq = next;
	}
	return n;
}

/* Record and text of the printer: too big for any stack that may log. [printing] */
static struct log_record print_record;
static char print_text[LOG_LINE_MAX + 256];

static void consoles_print(void)
{
	u64 seen;

	preempt_disable(); /* a printer that is switched out keeps every other line back */
	do {
		if (__atomic_exchange_n(&printing, 1, __ATOMIC_ACQUIRE))
			break; /* the printer looks again after it let go */
		seen = log_head();
		for (struct console *c = __atomic_load_n(&consoles, __ATOMIC_ACQUIRE); c;
			c = c->next) {
			while (log_next(&c->seq, &print_record)) {
				if ((int)(print_record.level & LOG_LEVEL_MASK) >=
						READ_ONCE(log_console_level) &&
					!READ_ONCE(panicking))
					continue;
				c->write(c, print_text,
					log_format(&print_record, false, print_text,
						sizeof(print_text)));
			}
		}
		__atomic_store_n(&printing, 0, __ATOMIC_SEQ_CST);
	} while (log_head() != seen);
	preempt_enable();
}

void log_printf(enum log_level level, const char *fmt, ...)
{
	char text[LOG_LINE_MAX];
	va_list ap;
	size_t len;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	len = n < 0 ? 0 : MIN((size_t)n, sizeof(text) - 1);
	while (len && text[len - 1] == '\n')
		len--;
	ring_put(level, text, len);
	if (__atomic_load_n(&consoles, __ATOMIC_RELAXED))
		consoles_print();
}

void log_console_register(struct console *c)
{
	c->seq = 0;
	c->next = consoles;
	__atomic_store_n(&consoles, c, __ATOMIC_RELEASE);
	consoles_print();
}

void log_panic_begin(void)
{
	WRITE_ONCE(panicking, true);
	__atomic_store_n(&printing, 0, __ATOMIC_RELEASE); /* its holder is stopped */
}

bool log_panicking(void)
{
	return READ_ONCE(panicking);
}

void log_options_init(void)
{
	if (cmdline_has("quiet"))
		log_console_level = LOG_WARNING;
	if (cmdline_has("debug"))
		log_console_level = LOG_DEBUG + 1;
	log_console_level = (int)MIN(cmdline_u64("loglevel", (u64)log_console_level), 8ull);
}

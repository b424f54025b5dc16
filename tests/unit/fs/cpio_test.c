/* newc archives as the kernel reads them: fields, names, faults at every offset.
 * needs: kernel/fs/initramfs/cpio.c
 */
#include "u_.h"

#include <stdlib.h>
#include <fs/initramfs/cpio.h>

struct archive {
	u8 *bytes;
	size_t len;
};

static void put(struct archive *a, const void *data, size_t n)
{
	a->bytes = realloc(a->bytes, a->len + n + 1);
	memcpy(a->bytes + a->len, data, n);
	a->len += n;
}

static void pad(struct archive *a, size_t start)
{
	while ((a->len - start) % 4)
		put(a, "", 1);
}

struct fields {
	u32 ino, mode, uid, gid, nlink, mtime, size, dev_major, dev_minor, rdev_major, rdev_minor, name_bytes;
};

static void add_raw(struct archive *a, size_t start, const char *magic, const struct fields *f, const char *name, const void *data)
{
	char header[128];

	snprintf(header, sizeof(header), "%s%08x%08X%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", magic, f->ino, f->mode, f->uid, f->gid,
		f->nlink, f->mtime, f->size, f->dev_major, f->dev_minor, f->rdev_major, f->rdev_minor, f->name_bytes, 0);
	put(a, header, 110);
	put(a, name, f->name_bytes);
	pad(a, start);
	put(a, data, f->size);
	pad(a, start);
}

static void add(struct archive *a, size_t start, const char *name, u32 mode, const char *data)
{
	struct fields f = { .ino = 7, .mode = mode, .nlink = 1, .size = (u32)strlen(data), .name_bytes = (u32)strlen(name) + 1 };

	add_raw(a, start, "070701", &f, name, data);
}

static void finish(struct archive *a, size_t start)
{
	add(a, start, "TRAILER!!!", 0, "");
}

/* What was visited, as one line of text each. */
struct seen {
	char text[4096];
	u32 count, stop_after;
};

static int visit(void *ctx, const struct cpio_entry *e)
{
	struct seen *s = ctx;
	size_t n = strlen(s->text);

	snprintf(s->text + n, sizeof(s->text) - n, "%s%s %o %.*s\n", e->refused ? "!" : "", e->name, e->mode, (int)e->data_bytes, (const char *)e->data);
	u_check(e->name_len == strlen(e->name));
	return ++s->count == s->stop_after;
}

U_TEST(entries_come_in_order_with_their_fields)
{
	struct archive a = { NULL, 0 };
	struct seen s = { .text = "" };
	size_t pos = 0;

	add(&a, 0, "bin", 040755, "");
	add(&a, 0, "bin/sh", 0100755, "contents");
	add(&a, 0, "bin/link", 0120777, "sh");
	finish(&a, 0);
	u_eq(cpio_parse(a.bytes, a.len, &pos, visit, &s), CPIO_END);
	u_eq(pos, a.len);
	u_str_eq(s.text, "bin 40755 \nbin/sh 100755 contents\nbin/link 120777 sh\n");
	free(a.bytes);
}

static int keep_entry(void *ctx, const struct cpio_entry *e)
{
	*(struct cpio_entry *)ctx = *e;
	return 0;
}

U_TEST(numbers_are_hexadecimal_in_both_cases)
{
	struct fields f = { 0xdeadbeef, 0xabcdef, 0x12345678, 0x9abcdef0, 0xffffffff, 0x80000000, 0, 0x12, 0x345, 0xfed, 0xba987, 2 };
	struct archive a = { NULL, 0 };
	struct cpio_entry e;
	size_t pos = 0;

	add_raw(&a, 0, "070702", &f, "x", "");
	finish(&a, 0);
	u_eq(cpio_parse(a.bytes, a.len, &pos, keep_entry, &e), CPIO_END);
	u_eq(e.ino, 0xdeadbeef);
	u_eq(e.mode, 0xabcdef);
	u_eq(e.uid, 0x12345678);
	u_eq(e.gid, 0x9abcdef0);
	u_eq(e.nlink, 0xffffffff);
	u_eq(e.mtime, 0x80000000);
	u_eq(e.device, 0x12ull << 8 | 0x45 | 0x300ull << 12);
	u_eq(e.rdevice, 0xfedull << 8 | 0x87 | 0xba900ull << 12);
	free(a.bytes);
}

U_TEST(every_byte_that_is_no_digit_is_found)
{
	struct archive a = { NULL, 0 };
	struct seen s;
	size_t pos;

	add(&a, 0, "x", 0100644, "");
	finish(&a, 0);
	for (u32 at = 6; at < 102; at++) { /* the last one, the check sum, is not read */
		u8 keep = a.bytes[at];

		for (u32 c = 0; c < 256; c++) {
			bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');

			if (digit)
				continue;
			a.bytes[at] = (u8)c;
			s = (struct seen){ .text = "" };
			pos = 0;
			if (cpio_parse(a.bytes, a.len, &pos, visit, &s) != CPIO_BAD_FIELD || pos || s.count)
				u_fail(__FILE__, __LINE__, "byte %u at %u was taken for a digit", c, at);
		}
		a.bytes[at] = keep;
	}
	free(a.bytes);
}

U_TEST(every_truncation_keeps_what_was_whole)
{
	struct archive a = { NULL, 0 };
	size_t starts[4], whole[4]; /* where entry i starts, and how many bytes it needs */

	for (u32 i = 0; i < 3; i++) {
		static const char *const names[] = { "one", "two/longer", "three" }, *const data[] = { "12345", "", "x" };

		starts[i] = a.len;
		add(&a, 0, names[i], 0100644, data[i]);
		whole[i] = starts[i] + ALIGN_UP(110 + strlen(names[i]) + 1, 4ul) + strlen(data[i]);
		if (!*data[i])
			whole[i] = starts[i] + 110 + strlen(names[i]) + 1;
	}
	starts[3] = a.len;
	finish(&a, 0);
	for (size_t len = 0; len < a.len; len++) {
		u8 *copy = malloc(len ? len : 1); /* of just that size: any byte read beyond is seen */
		enum cpio_status status;
		struct seen s = { .text = "" };
		size_t pos = 0, want;
		u32 count = 0;

		memcpy(copy, a.bytes, len);
		status = cpio_parse(copy, len, &pos, visit, &s);
		while (count < 3 && len >= whole[count])
			count++;
		want = MIN(starts[count], len); /* the padding of the last whole entry may be cut, too */
		if (len >= starts[3] + 110 + 11) { /* only padding of the trailer is missing */
			u_eq(status, CPIO_END);
			want = len;
		} else {
			u_eq(status, CPIO_TRUNCATED);
		}
		u_eq(s.count, count);
		if (!u_eq(pos, want))
			u_note("cut to %zu bytes", len);
		free(copy);
	}
	free(a.bytes);
}

U_TEST(foreign_bytes_have_an_offset)
{
	struct archive a = { NULL, 0 };
	struct seen s = { .text = "" };
	size_t pos = 0, second;

	add(&a, 0, "x", 0100644, "1");
	second = a.len;
	add(&a, 0, "y", 0100644, "2");
	finish(&a, 0);
	a.bytes[second + 5] = '7'; /* the old binary format's neighbour */
	u_eq(cpio_parse(a.bytes, a.len, &pos, visit, &s), CPIO_BAD_MAGIC);
	u_eq(pos, second);
	u_eq(s.count, 1);
	s.stop_after = 2;
	a.bytes[second + 5] = '1';
	pos = 0;
	s = (struct seen){ .stop_after = 2 };
	u_eq(cpio_parse(a.bytes, a.len, &pos, visit, &s), CPIO_STOPPED);
	u_eq(pos, second);
	free(a.bytes);
}

U_TEST(archives_follow_each_other)
{
	struct archive a = { NULL, 0 };
	struct seen s = { .text = "" };
	size_t pos = 0, start;

	add(&a, 0, "a", 0100644, "first");
	finish(&a, 0);
	put(&a, "\0\0\0\0\0", 5); /* so that the second one's padding counts from an odd place */
	start = a.len;
	add(&a, start, "b", 0100644, "second");
	add(&a, start, "c", 0100644, "");
	finish(&a, start);
	u_eq(cpio_parse(a.bytes, a.len, &pos, visit, &s), CPIO_END);
	u_check(!cpio_is_header(a.bytes, a.len, pos));
	while (!a.bytes[pos])
		pos++;
	u_eq(pos, start);
	u_check(cpio_is_header(a.bytes, a.len, pos));
	u_eq(cpio_parse(a.bytes, a.len, &pos, visit, &s), CPIO_END);
	u_eq(pos, a.len);
	u_str_eq(s.text, "a 100644 first\nb 100644 second\nc 100644 \n");
	free(a.bytes);
}

static void one_name(const char *name, u32 bytes, const char *want)
{
	struct fields f = { .mode = 1, .name_bytes = bytes };
	struct archive a = { NULL, 0 };
	struct seen s = { .text = "" };
	char line[300];
	size_t pos = 0;

	add_raw(&a, 0, "070701", &f, name, "");
	finish(&a, 0);
	u_eq(cpio_parse(a.bytes, a.len, &pos, visit, &s), CPIO_END);
	snprintf(line, sizeof(line), "%s 1 \n", want);
	u_str_eq(s.text, line);
	free(a.bytes);
}

U_TEST(names_that_are_refused)
{
	char longest[260];

	one_name("ok", 3, "ok");
	one_name("/abs", 5, "/abs");
	one_name("./dot", 6, "./dot");
	one_name("padded\0\0\0", 9, "padded");
	one_name("...", 4, "...");
	one_name("a/..b/c..", 10, "a/..b/c..");
	one_name("..", 3, "!");
	one_name("a/../b", 7, "!");
	one_name("a/..", 5, "!");
	one_name("/../b", 6, "!");
	one_name("nul\0inside", 11, "!");
	one_name("no end", 6, "!");
	one_name("", 1, "!");
	one_name("", 0, "!");
	memset(longest, 'n', sizeof(longest));
	longest[255] = 0;
	one_name(longest, 256, longest);
	longest[255] = 'n';
	longest[256] = 0;
	one_name(longest, 257, "!");
}

U_TEST(huge_lengths_are_cut_short)
{
	struct fields f = { .mode = 0100644, .size = 0xffffffff, .name_bytes = 2 };
	struct archive a = { NULL, 0 };
	struct seen s = { .text = "" };
	size_t pos = 0;
	char header[128];

	snprintf(header, sizeof(header), "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", 1, f.mode, 0, 0, 1, 0, f.size, 0, 0, 0, 0, 2, 0);
	put(&a, header, 110);
	put(&a, "x\0\0\0", 4);
	u_eq(cpio_parse(a.bytes, a.len, &pos, visit, &s), CPIO_TRUNCATED);
	memcpy(a.bytes + 6 + 8 * 11, "ffffffff", 8);
	pos = 0;
	u_eq(cpio_parse(a.bytes, a.len, &pos, visit, &s), CPIO_TRUNCATED);
	u_eq(pos, 0);
	free(a.bytes);
}

static void last_of(const char *name, u32 last, u32 len)
{
	struct fields f = { .mode = 1, .name_bytes = (u32)strlen(name) + 1 };
	struct archive a = { NULL, 0 };
	struct cpio_entry e;
	size_t pos = 0;

	add_raw(&a, 0, "070701", &f, name, "");
	finish(&a, 0);
	u_eq(cpio_parse(a.bytes, a.len, &pos, keep_entry, &e), CPIO_END);
	u_check(!e.refused);
	u_eq(e.last_len, len);
	if (len)
		u_eq(e.last, last);
	free(a.bytes);
}

U_TEST(last_components)
{
	last_of("a", 0, 1);
	last_of("/a/bc", 3, 2);
	last_of("//a/./bb///./ccc/.", 13, 3);
	last_of("./a/", 2, 1);
	last_of(".", 0, 0);
	last_of("/", 0, 0);
	last_of("././//.", 0, 0);
}

/* gzip members made by the host's gzip come out as they went in; damaged ones are told from whole ones.
 * needs: kernel/fs/initramfs/inflate.c
 */
#include "u_.h"

#include <stdlib.h>
#include <unistd.h>
#include <sys/wait.h>
#include <exo/errno.h>
#include <exo/memory.h>
#include <fs/initramfs/inflate.h>

struct bytes {
	u8 *p;
	size_t len;
};

static u64 seed = 1;

static u32 rnd(void)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (u32)(seed >> 33);
}

/* Runs gzip on @in with @option. Empty when there is no gzip. */
static struct bytes gzip(const struct bytes *in, const char *option)
{
	struct bytes out = { NULL, 0 };
	char from[] = "/tmp/u_inflate.XXXXXX", command[200];
	int fd = mkstemp(from);
	FILE *f;

	if (fd < 0 || write(fd, in->p, in->len) != (ssize_t)in->len)
		return out;
	close(fd);
	snprintf(command, sizeof(command), "gzip -c %s < %s", option, from);
	f = popen(command, "r");
	for (size_t n = 1; f && n;) {
		out.p = realloc(out.p, out.len + 65536);
		n = fread(out.p + out.len, 1, 65536, f);
		out.len += n;
	}
	if (f)
		pclose(f);
	unlink(from);
	return out;
}

/* A sink that grows by so little that every place of growth is met. */
static size_t grow_step = 1;

static int grow(struct inflate_sink *s)
{
	u8 *p = kmalloc(s->room_bytes + grow_step, 0);

	if (!p)
		return -ENOMEM;
	if (s->len_bytes)
		memcpy(p, s->buf, s->len_bytes);
	kfree(s->buf);
	s->buf = p;
	s->room_bytes += grow_step;
	return 0;
}

static int unpack(const u8 *in, size_t len, size_t *pos, struct inflate_sink *sink)
{
	u8 *copy = malloc(len ? len : 1); /* of just that size */
	int err;

	memcpy(copy, in, len);
	*sink = (struct inflate_sink){ .grow = grow };
	err = gzip_unpack(copy, len, pos, sink);
	free(copy);
	return err;
}

static struct bytes make(u32 kind, size_t len)
{
	struct bytes b = { malloc(len + 1), len };

	for (size_t i = 0; i < len; i++) {
		switch (kind) {
		case 0: /* noise: stored blocks */
			b.p[i] = (u8)rnd();
			break;
		case 1: /* runs */
			b.p[i] = (u8)(i / 1000);
			break;
		case 2: /* words: dynamic codes, long distances */
			b.p[i] = i > 40000 && rnd() % 8 ? b.p[i - 32768 + rnd() % 3] : (u8)("etaoin shrdlu\n"[rnd() % 14]);
			break;
		default: /* skewed: codes of up to 15 bits */
			b.p[i] = (u8)__builtin_ctz(rnd() | 1u << 20) * 11u;
			break;
		}
	}
	return b;
}

U_TEST_LIMIT(what_gzip_packs_comes_out, 60)
{
	static const char *const options[] = { "-1", "-6", "-9", "-n -6" };
	static const size_t lengths[] = { 0, 1, 2, 100, 5000, 70000, 300000 };
	u32 members = 0;

	grow_step = 60000;
	for (u32 kind = 0; kind < 4; kind++) {
		for (u32 l = 0; l < ARRAY_LEN(lengths); l++) {
			struct bytes in = make(kind, lengths[l]), packed = gzip(&in, options[(kind + l) % 4]);
			struct inflate_sink sink;
			size_t pos = 0;

			if (!packed.len)
				u_skip("no gzip");
			u_eq(unpack(packed.p, packed.len, &pos, &sink), 0);
			u_eq(pos, packed.len);
			if (u_eq(sink.len_bytes, in.len) && in.len)
				u_mem_eq(sink.buf, in.p, in.len);
			members++;
			kfree(sink.buf);
			free(in.p);
			free(packed.p);
		}
	}
	u_eq(members, 28);
	u_eq(host_heap_live(), 0);
}

U_TEST_LIMIT(every_truncation_is_told, 60)
{
	struct bytes in = make(2, 3000), packed = gzip(&in, "-9");
	struct inflate_sink sink;
	size_t last = 0;

	if (!packed.len)
		u_skip("no gzip");
	grow_step = 500;
	for (size_t len = 0; len < packed.len; len++) {
		size_t pos = 0;

		u_eq(unpack(packed.p, len, &pos, &sink), -ENODATA);
		u_check(pos <= len);
		u_check(sink.len_bytes >= last && sink.len_bytes <= in.len); /* whole parts come out */
		if (sink.len_bytes)
			u_mem_eq(sink.buf, in.p, sink.len_bytes);
		last = sink.len_bytes;
		kfree(sink.buf);
	}
	u_eq(last, in.len);
	free(in.p);
	free(packed.p);
}

U_TEST_LIMIT(every_flipped_bit_is_found, 60)
{
	struct bytes in = make(3, 1200), packed = gzip(&in, "-n -9");
	u32 missed = 0;

	if (!packed.len)
		u_skip("no gzip");
	grow_step = 4000;
	for (size_t bit = 0; bit < packed.len * 8; bit++) {
		struct inflate_sink sink;
		size_t pos = 0;
		int err;

		if (bit / 8 >= 4 && bit / 8 < 10)
			continue; /* time, extra flags, system: nobody's check sum covers them */
		packed.p[bit / 8] ^= (u8)(1 << bit % 8);
		err = unpack(packed.p, packed.len, &pos, &sink);
		if (!err) { /* the text flag, padding of the last byte, another distance to the same bytes */
			missed++;
			u_need(sink.len_bytes == in.len && u_mem_eq(sink.buf, in.p, in.len));
		}
		u_check(err == 0 || err == -EINVAL || err == -ENODATA || err == -EBADMSG);
		u_check(pos <= packed.len);
		packed.p[bit / 8] ^= (u8)(1 << bit % 8);
		kfree(sink.buf);
	}
	u_check(missed <= 16);
	free(in.p);
	free(packed.p);
}

U_TEST(header_with_every_field)
{
	/* extra field of 3 bytes, name, comment, header check sum (not verified); stored block "hi" */
	static const u8 member[] = { 0x1f, 0x8b, 8, 4 | 8 | 16 | 2, 1, 2, 3, 4, 0, 3, 3, 0, 'x', 'y', 'z', 'n', 0, 'c', 0, 0xaa, 0xbb, 1, 2, 0,
		0xfd, 0xff, 'h', 'i', 0xac, 0x2a, 0x93, 0xd8, 2, 0, 0, 0, 'r' };
	struct inflate_sink sink;
	size_t pos = 0;

	u_check(gzip_is_header(member, sizeof(member), 0));
	u_eq(unpack(member, sizeof(member), &pos, &sink), 0);
	u_eq(pos, sizeof(member) - 1);
	u_eq(sink.len_bytes, 2);
	u_mem_eq(sink.buf, "hi", 2);
	kfree(sink.buf);
	for (size_t len = 0; len < sizeof(member) - 1; len++) {
		pos = 0;
		u_eq(unpack(member, len, &pos, &sink), -ENODATA);
		kfree(sink.buf);
	}
}

static int raw(const u8 *deflated, size_t n)
{
	u8 member[128] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3 };
	struct inflate_sink sink;
	size_t pos = 0;
	int err;

	memcpy(member + 10, deflated, n);
	err = unpack(member, 10 + n + 40, &pos, &sink);
	kfree(sink.buf);
	return err;
}

U_TEST(forbidden_streams)
{
	static const u8 type3[] = { 7 }, length_check[] = { 1, 2, 0, 0xfe, 0xff, 'h', 'i' };
	static const u8 far_back[] = { 0x03, 0x02 };       /* fixed code: a match with nothing behind it */
	static const u8 symbol_286[] = { 0x1b, 0x03 };     /* fixed code: a length symbol that does not exist */
	static const u8 over[] = { 0x05, 0xe0, 0xff, 0xff, 0xff, 0xff }; /* too many short codes */
	static const u8 no_codes[] = { 0x05, 0, 0, 0, 0, 0 };

	u_eq(raw(type3, sizeof(type3)), -EINVAL);
	u_eq(raw(length_check, sizeof(length_check)), -EINVAL);
	u_eq(raw(far_back, sizeof(far_back)), -EINVAL);
	u_eq(raw(symbol_286, sizeof(symbol_286)), -EINVAL);
	u_eq(raw(over, sizeof(over)), -EINVAL);
	u_eq(raw(no_codes, sizeof(no_codes)), -EINVAL);
}

U_TEST(a_member_does_not_look_into_the_one_before)
{
	struct bytes in = make(1, 2000), packed = gzip(&in, "-9");
	struct inflate_sink sink = { .grow = grow };
	u8 back[128] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x03, 0x02 };
	size_t pos = 0;

	if (!packed.len)
		u_skip("no gzip");
	grow_step = 4000;
	u_eq(gzip_unpack(packed.p, packed.len, &pos, &sink), 0);
	pos = 0;
	u_eq(gzip_unpack(packed.p, packed.len, &pos, &sink), 0); /* appended */
	u_eq(sink.len_bytes, 4000);
	u_mem_eq(sink.buf + 2000, in.p, 2000);
	pos = 0;
	u_eq(gzip_unpack(back, sizeof(back), &pos, &sink), -EINVAL);
	kfree(sink.buf);
	free(in.p);
	free(packed.p);
}

U_TEST(size_hints)
{
	struct bytes in = make(1, 50000), packed = gzip(&in, "-9");

	if (!packed.len)
		u_skip("no gzip");
	u_eq(gzip_size_hint(packed.p, packed.len), 50000);
	packed.p = realloc(packed.p, packed.len + 8);
	memset(packed.p + packed.len, 0, 8);
	u_eq(gzip_size_hint(packed.p, packed.len + 8), 4 * (packed.len + 8)); /* something behind it: a guess */
	u_eq(gzip_size_hint(packed.p, 3), 12);
	free(in.p);
	free(packed.p);
}

U_TEST(no_memory_at_any_point)
{
	struct bytes in = make(2, 20000), packed = gzip(&in, "-6");

	if (!packed.len)
		u_skip("no gzip");
	grow_step = 1000;
	for (u64 n = 1;; n++) {
		struct inflate_sink sink;
		size_t pos = 0;
		int err;

		heap_fail_at(n);
		err = unpack(packed.p, packed.len, &pos, &sink);
		heap_fail_at(0);
		kfree(sink.buf);
		u_eq(host_heap_live(), 0);
		if (!err) {
			u_check(n > 20);
			break;
		}
		u_eq(err, -ENOMEM);
	}
	free(in.p);
	free(packed.p);
}

/* gzip and deflate. Layer: fs. No locks.
 *
 * Codes are read through a table of FAST_BITS bits; longer ones go bit by bit along the canonical
 * order. Two loops do the same: one with every length of input and output checked before it is
 * used, one for the long stretches where both are plenty.
 *
 * Sources: RFC 1951 (deflate), RFC 1952 (gzip). */
#include "inflate.h"

#include <exo/errno.h>
#include <exo/memory.h>
#include <exo/string.h>

#define FAST_BITS     10u
#define FAST_MASK     ((1u << FAST_BITS) - 1)
#define CODE_BITS_MAX 15u
#define LITERALS_MAX  288u
#define DISTANCES_MAX 32u
#define END_OF_BLOCK  256u

struct huffman {
	u16 fast[1u << FAST_BITS];    /* symbol << 4 | bits of its code; 0 = the code is longer, or
					 there is none */
	u16 count[CODE_BITS_MAX + 1]; /* count[n] = codes of n bits */
	u16 symbols[LITERALS_MAX];    /* in canonical order */
};
struct inflate {
	const u8 *in, *in_end;
	u64 bits; /* next bit lowest; above bit_count all zero */
	u32 bit_count;
	struct inflate_sink *sink;
	size_t member_start; /* in the sink: nothing refers back beyond it */
	struct huffman literals, distances;
	u8 lengths[LITERALS_MAX + DISTANCES_MAX];
	u32 crc_table[4][256];
};

/* ---- input ---- */

static void refill(struct inflate *s)
{
	if (likely(s->in_end - s->in >= 8)) {
		u64 w;
		u32 bytes = (63 - s->bit_count) / 8;

		__builtin_memcpy(&w, s->in, sizeof(w));
		s->bits |= (w & ((1ULL << 8 * bytes) - 1)) << s->bit_count;
		s->in += bytes;
		s->bit_count += 8 * bytes;
		return;
	}
	while (s->bit_count <= 55 && s->in != s->in_end) {
		s->bits |= (u64)*s->in++ << s->bit_count;
		s->bit_count += 8;
	}
}

static void drop_bits(struct inflate *s, u32 n)
{
	s->bits >>= n;
	s->bit_count -= n;
}

/* @n up to 16. */
static int take_bits(struct inflate *s, u32 n, u32 *out)
{
	if (s->bit_count < n) {
		refill(s);
		if (s->bit_count < n)
			return -ENODATA;
	}
	*out = (u32)(s->bits & ((1ULL << n) - 1));
	drop_bits(s, n);
	return 0;
}

/* To a byte boundary; the bytes that wait in the bit buffer go back to the input. */
static void align_to_byte(struct inflate *s)
{
	s->in -= s->bit_count / 8;
	s->bits = 0;
	s->bit_count = 0;
}

/* ---- output ---- */

static int sink_grow(struct inflate *s)
{
	return s->sink->grow ? s->sink->grow(s->sink) : -ENOMEM;
}

static int put_bytes(struct inflate *s, const u8 *from, size_t n)
{
	struct inflate_sink *k = s->sink;

	while (n) {
		size_t step = MIN(n, k->room_bytes - k->len_bytes);

		if (!step) {
			int err = sink_grow(s);

			if (err)
				return err;
			continue;
		}
		memcpy(k->buf + k->len_bytes, from, step);
		k->len_bytes += step;
		from += step;
		n -= step;
	}
	return 0;
}

/* A run of @n bytes from @distance back, which it may overlap. */
static int put_match(struct inflate *s, u32 n, u32 distance)
{
	struct inflate_sink *k = s->sink;
	u8 *to;
	const u8 *from;

	if (distance > k->len_bytes - s->member_start)
		return -EINVAL;
	while (k->room_bytes - k->len_bytes < n) {
		int err = sink_grow(s);

		if (err)
			return err;
	}
	to = k->buf + k->len_bytes;
	from = to - distance;
	k->len_bytes += n;
	while (n--)
		*to++ = *from++;
	return 0;
}

/* ---- codes ---- */

static u32 reverse_bits(u32 code, u32 n)
{
	u32 r = 0;

	while (n--) {
		r = r << 1 | (code & 1);
		code >>= 1;
	}
	return r;
}

/* Builds the tables from the code lengths. Codes may not overlap; they may leave room only when
 * there are none, or (@single, for the codes of a block) one of one bit. 0 | -EINVAL. */
static int huffman_build(struct huffman *h, const u8 *lengths, u32 symbols, bool single)
{
	u32 first[CODE_BITS_MAX + 2], offset[CODE_BITS_MAX + 2], used, code = 0;
	s32 left = 1;

	memset(h->fast, 0, sizeof(h->fast));
	memset(h->count, 0, sizeof(h->count));
	for (u32 i = 0; i < symbols; i++)
		h->count[lengths[i]]++;
	used = symbols - h->count[0];
	h->count[0] = 0;
	offset[1] = 0;
	for (u32 n = 1; n <= CODE_BITS_MAX; n++) {
		left = 2 * left - h->count[n];
		if (left < 0)
			return -EINVAL;
		first[n] = code;
		code = (code + h->count[n]) << 1;
		offset[n + 1] = offset[n] + h->count[n];
	}
	if (left && used && !(single && used == 1 && h->count[1] == 1))
		return -EINVAL;
	for (u32 i = 0; i < symbols; i++) {
		u32 n = lengths[i];

		if (!n)
			continue;
		h->symbols[offset[n]++] = (u16)i;
		code = first[n]++;
		if (n > FAST_BITS)
			continue;
		for (u32 f = reverse_bits(code, n); f <= FAST_MASK; f += 1u << n)
			h->fast[f] = (u16)(i << 4 | n);
	}
	return 0;
}

/* A code that the fast table has not, at the low end of @bits. Symbol | -EINVAL. */
static NOINLINE int decode_long(const struct huffman *h, u64 bits, u32 *used)
{
	u32 code = 0, first = 0, index = 0;

	for (u32 n = 1; n <= CODE_BITS_MAX; n++) {
		code |= (u32)(bits >> (n - 1)) & 1;
		if (code - first < h->count[n]) { /* code >= first in every turn */
			*used = n;
			return h->symbols[index + code - first];
		}
		index += h->count[n];
		first = (first + h->count[n]) << 1;
		code <<= 1;
	}
	*used = CODE_BITS_MAX;
	return -EINVAL;
}

/* The caller has refilled. Symbol | -EINVAL | -ENODATA. */
static int decode(struct inflate *s, const struct huffman *h)
{
	u32 entry = h->fast[s->bits & FAST_MASK], used = entry & 15;
	int symbol = entry ? (int)(entry >> 4) : decode_long(h, s->bits, &used);

	if (used > s->bit_count) /* it saw the zeroes behind the end */
		return -ENODATA;
	drop_bits(s, used);
	return symbol;
}

/* ---- blocks ---- */

static int stored_block(struct inflate *s)
{
	u32 len, check;
	int err;

	align_to_byte(s);
	err = take_bits(s, 16, &len);
	if (!err)
		err = take_bits(s, 16, &check);
	if (err)
		return err;
	align_to_byte(s);
	if (len != (check ^ 0xffff))
		return -EINVAL;
	if ((size_t)(s->in_end - s->in) < len) {
		err = put_bytes(s, s->in, (size_t)(s->in_end - s->in));
		s->in = s->in_end;
		return err ? err : -ENODATA;
	}
	err = put_bytes(s, s->in, len);
	s->in += len;
	return err;
}

static int fixed_tables(struct inflate *s)
{
	static const u8 runs[][2] = {{144, 8}, {112, 9}, {24, 7}, {8, 8}}; /* count, bits */
	u32 at = 0;
	int err;

	for (u32 i = 0; i < ARRAY_LEN(runs); i++) {
		memset(s->lengths + at, runs[i][1], runs[i][0]);
		at += runs[i][0];
	}
	err = huffman_build(&s->literals, s->lengths, LITERALS_MAX, true);
	memset(s->lengths, 5, DISTANCES_MAX);
	return err ? err : huffman_build(&s->distances, s->lengths, DISTANCES_MAX, true);
}

/* One step of the code-length code: a length, or a run of one. *at moves on. */
static int read_lengths_step(struct inflate *s, u32 *at, u32 total)
{
	static const u8 extra_bits[3] = {2, 3, 7}, base[3] = {3, 3, 11};
	u32 repeat;
	u8 value = 0;
	int symbol, err;

	refill(s);
	symbol = decode(s, &s->literals);
	if (symbol < 0)
		return symbol;
	if (symbol < 16) {
		s->lengths[(*at)++] = (u8)symbol;
		return 0;
	}
	if (symbol > 18)
		return -EINVAL;
	err = take_bits(s, extra_bits[symbol - 16], &repeat);
	if (err)
		return err;
	repeat += base[symbol - 16];
	if (symbol == 16) {
		if (!*at)
			return -EINVAL;
		value = s->lengths[*at - 1];
	}
	if (repeat > total - *at)
		return -EINVAL;
	memset(s->lengths + *at, value, repeat);
	*at += repeat;
	return 0;
}

static int dynamic_tables(struct inflate *s)
{
	static const u8 order[19] = {
		16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
	u32 literals, distances, code_lengths, at = 0, v;
	u8 small[19] = {0};
	int err;

	err = take_bits(s, 5, &literals);
	if (!err)
		err = take_bits(s, 5, &distances);
	if (!err)
		err = take_bits(s, 4, &code_lengths);
	if (err)
		return err;
	literals += 257;
	distances += 1;
	code_lengths += 4;
	if (literals > 286 || distances > 30)
		return -EINVAL;
	for (u32 i = 0; i < code_lengths; i++) {
		err = take_bits(s, 3, &v);
		if (err)
			return err;
		small[order[i]] = (u8)v;
	}
	err = huffman_build(&s->literals, small, 19, false);
	while (!err && at < literals + distances)
		err = read_lengths_step(s, &at, literals + distances);
	if (err)
		return err;
	if (!s->lengths[END_OF_BLOCK])
		return -EINVAL;
	err = huffman_build(&s->literals, s->lengths, literals, true);
	return err ? err : huffman_build(&s->distances, s->lengths + literals, distances, true);
}

static const u16 length_base[29] = {3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43,
	51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
static const u8 length_extra[29] = {
	0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
static const u16 distance_base[30] = {1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193,
	257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
static const u8 distance_extra[30] = {0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9,
	9, 10, 10, 11, 11, 12, 12, 13, 13};

/* A length symbol was read: the rest of the pair, and the copy. */
static int read_match(struct inflate *s, u32 symbol)
{
	u32 length, distance;
	int code, err;

	if (symbol >= 29)
		return -EINVAL;
	err = take_bits(s, length_extra[symbol], &length);
	if (err)
		return err;
	refill(s);
	code = decode(s, &s->distances);
	if (code < 0)
		return code;
	if (code >= 30)
		return -EINVAL;
	err = take_bits(s, distance_extra[code], &distance);
	return err ? err
		   : put_match(s, length + length_base[symbol], distance + distance_base[code]);
}

/* ---- the fast loop: while there is plenty of input and room, nothing needs to be asked for every
 * symbol ---- */

#define FAST_INPUT 8u         /* bytes that a refill reads */
#define FAST_ROOM  (258u + 8) /* the longest match, written eight bytes at a time */
#define PAIR_BITS  (2 * CODE_BITS_MAX + 5 + 13)

/* What the loop keeps in registers. Bits above @count are those of the input again: the next refill
 * brings the same ones. */
struct cursor {
	const u8 *in;
	u64 bits;
	u32 count;
	u8 *out;
};

static ALWAYS_INLINE void cursor_refill(struct cursor *c)
{
	u64 w;

	__builtin_memcpy(&w, c->in, sizeof(w));
	c->bits |= w << c->count;
	c->in += (63 - c->count) / 8;
	c->count |= 56;
}

static ALWAYS_INLINE u32 cursor_take(struct cursor *c, u32 n)
{
	u32 v = (u32)c->bits & ((1u << n) - 1);

	c->bits >>= n;
	c->count -= n;
	return v;
}

static ALWAYS_INLINE int cursor_decode(struct cursor *c, const struct huffman *h)
{
	u32 entry = h->fast[c->bits & FAST_MASK], used = entry & 15;
	int symbol = (int)(entry >> 4);

	if (unlikely(!entry))
		symbol = decode_long(h, c->bits, &used);
	c->bits >>= used;
	c->count -= used;
	return symbol;
}

/* PAIR_BITS less the length's code are there. @start: of the member. */
static ALWAYS_INLINE int cursor_match(
	struct cursor *c, const struct huffman *distances, u32 symbol, const u8 *start)
{
	u32 length, distance;
	const u8 *from;
	u8 *end;
	int code;

	if (symbol >= 29)
		return -EINVAL;
	length = length_base[symbol] + cursor_take(c, length_extra[symbol]);
	code = cursor_decode(c, distances);
	if (code < 0 || code >= 30)
		return -EINVAL;
	distance = distance_base[code] + cursor_take(c, distance_extra[code]);
	if (distance > (size_t)(c->out - start))
		return -EINVAL;
	from = c->out - distance;
	end = c->out + length;
	if (likely(distance >= 8)) {
		for (; c->out < end; c->out += 8, from += 8)
			__builtin_memcpy(c->out, from, 8);
	} else {
		while (c->out < end)
			*c->out++ = *from++;
	}
	c->out = end;
	return 0;
}

/* 1 the block ended | 0 go on with care | -EINVAL. */
static int coded_block_fast(struct inflate *s)
{
	struct inflate_sink *k = s->sink;
	struct cursor c = {s->in, s->bits, s->bit_count, k->buf + k->len_bytes};
	const u8 *in_limit = s->in_end - FAST_INPUT, *start = k->buf + s->member_start,
		 *out_limit = k->buf + k->room_bytes - FAST_ROOM;
	int symbol, ret = 0;

	while (!ret && c.in <= in_limit && c.out <= out_limit) {
		cursor_refill(&c);
		do {
			symbol = cursor_decode(&c, &s->literals);
			if (symbol >= (int)END_OF_BLOCK || symbol < 0)
				break;
			*c.out++ = (u8)symbol;
		} while (c.count >= PAIR_BITS && c.out <= out_limit);
		if (symbol < 0)
			ret = symbol;
		else if (symbol == (int)END_OF_BLOCK)
			ret = 1;
		else if (symbol > (int)END_OF_BLOCK)
			ret = cursor_match(
				&c, &s->distances, (u32)symbol - END_OF_BLOCK - 1, start);
	}
	s->in = c.in;
	s->bits = c.bits & ((1ULL << c.count) - 1);
	s->bit_count = c.count;
	k->len_bytes = (size_t)(c.out - k->buf);
	return ret;
}

static bool fast_possible(const struct inflate *s)
{
	return s->in_end - s->in >= (ptrdiff_t)FAST_INPUT &&
	       s->sink->room_bytes - s->sink->len_bytes >= FAST_ROOM;
}

static int coded_block(struct inflate *s)
{
	struct inflate_sink *k = s->sink;
	int symbol, err;

	for (;;) { /* every turn takes input */
		if (fast_possible(s)) {
			err = coded_block_fast(s);
			if (err)
				return err > 0 ? 0 : err;
		}
		refill(s);
		symbol = decode(s, &s->literals);
		if (symbol < 0)
			return symbol;
		if (symbol == (int)END_OF_BLOCK)
			return 0;
		if (symbol > (int)END_OF_BLOCK) {
			err = read_match(s, (u32)symbol - END_OF_BLOCK - 1);
			if (err)
				return err;
			continue;
		}
		if (k->len_bytes == k->room_bytes) {
			err = sink_grow(s);
			if (err)
				return err;
		}
		k->buf[k->len_bytes++] = (u8)symbol;
	}
}

static int inflate_blocks(struct inflate *s)
{
	u32 last, kind;
	int err;

	do {
		err = take_bits(s, 1, &last);
		if (!err)
			err = take_bits(s, 2, &kind);
		if (err)
			return err;
		if (kind == 0) {
			err = stored_block(s);
		} else if (kind == 3) {
			err = -EINVAL;
		} else {
			err = kind == 1 ? fixed_tables(s) : dynamic_tables(s);
			if (!err)
				err = coded_block(s);
		}
	} while (!err && !last);
	align_to_byte(s);
	return err;
}

/* ---- gzip ---- */

static void crc_tables(u32 table[4][256])
{
	for (u32 i = 0; i < 256; i++) {
		u32 c = i;

		for (int k = 0; k < 8; k++)
			c = c >> 1 ^ (c & 1 ? 0xedb88320u : 0);
		table[0][i] = c;
	}
	for (u32 i = 0; i < 256; i++) {
		for (int t = 1; t < 4; t++)
			table[t][i] = table[t - 1][i] >> 8 ^ table[0][table[t - 1][i] & 0xff];
	}
}

static u32 crc32(const u32 table[4][256], const u8 *p, size_t len_bytes)
{
	u32 c = ~0u, w;

	for (; len_bytes >= 4; len_bytes -= 4, p += 4) {
		__builtin_memcpy(&w, p, sizeof(w));
		c ^= w;
		c = table[3][c & 0xff] ^ table[2][c >> 8 & 0xff] ^ table[1][c >> 16 & 0xff] ^
		    table[0][c >> 24];
	}
	while (len_bytes--)
		c = c >> 8 ^ table[0][(c ^ *p++) & 0xff];
	return ~c;
}

enum gzip_flags {
	GZIP_TEXT = 1,
	GZIP_HCRC = 2,
	GZIP_EXTRA = 4,
	GZIP_NAME = 8,
	GZIP_COMMENT = 16,
	GZIP_FLAGS = 31
};
#define GZIP_HEADER_BYTES 10u
#define RATIO_MAX         1032u /* the best that deflate can do */

bool gzip_is_header(const u8 *in, size_t len_bytes, size_t pos)
{
	return pos <= len_bytes && len_bytes - pos >= 2 && in[pos] == 0x1f && in[pos + 1] == 0x8b;
}

size_t gzip_size_hint(const u8 *in, size_t len_bytes)
{
	u32 size = 0;

	if (len_bytes > GZIP_HEADER_BYTES + 8)
		memcpy(&size, in + len_bytes - 4, sizeof(size));
	return size >= len_bytes && size / RATIO_MAX <= len_bytes
		       ? size
		       : 4 * len_bytes; /* else something stands behind the member */
}

/* Passes over a NUL-terminated string. */
static int skip_string(struct inflate *s)
{
	while (s->in != s->in_end) {
		if (!*s->in++)
			return 0;
	}
	return -ENODATA;
}

static int gzip_header(struct inflate *s)
{
	size_t left = (size_t)(s->in_end - s->in);
	const u8 *h = s->in;
	u32 extra;
	int err = 0;

	if (left < GZIP_HEADER_BYTES)
		return left < 2 || gzip_is_header(h, left, 0) ? -ENODATA : -EINVAL;
	if (!gzip_is_header(h, left, 0) || h[2] != 8 || h[3] & ~GZIP_FLAGS)
		return -EINVAL;
	s->in += GZIP_HEADER_BYTES;
	if (h[3] & GZIP_EXTRA) {
		if (s->in_end - s->in < 2)
			return -ENODATA;
		extra = s->in[0] | (u32)s->in[1] << 8;
		s->in += 2;
		if ((size_t)(s->in_end - s->in) < extra)
			return -ENODATA;
		s->in += extra;
	}
	if (h[3] & GZIP_NAME)
		err = skip_string(s);
	if (!err && h[3] & GZIP_COMMENT)
		err = skip_string(s);
	if (!err && h[3] & GZIP_HCRC) {
		if (s->in_end - s->in < 2)
			return -ENODATA;
		s->in += 2;
	}
	return err;
}

static int gzip_trailer(struct inflate *s)
{
	size_t produced = s->sink->len_bytes - s->member_start;
	u32 crc, size;

	if (s->in_end - s->in < 8)
		return -ENODATA;
	memcpy(&crc, s->in, sizeof(crc));
	memcpy(&size, s->in + 4, sizeof(size));
	crc_tables(s->crc_table);
	if (size != (u32)produced || crc != crc32((const u32(*)[256])s->crc_table,
						    s->sink->buf + s->member_start, produced))
		return -EBADMSG;
	s->in += 8;
	return 0;
}

int gzip_unpack(const u8 *in, size_t len_bytes, size_t *pos, struct inflate_sink *sink)
{
	struct inflate *s;
	int err;

	s = kmalloc(sizeof(*s), ALLOC_KERNEL);
	if (!s)
		return -ENOMEM;
	s->in = in + *pos;
	s->in_end = in + len_bytes;
	s->bits = 0;
	s->bit_count = 0;
	s->sink = sink;
	s->member_start = sink->len_bytes;
	err = gzip_header(s);
	if (!err)
		err = inflate_blocks(s);
	if (!err)
		err = gzip_trailer(s);
	*pos = (size_t)(s->in - in);
	kfree(s);
	return err;
}

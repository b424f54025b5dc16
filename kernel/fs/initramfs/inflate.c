/* gzip and deflate. Layer: fs. No locks.
 *
 * Codes are read through a table of FAST_BITS bits; longer ones go bit by bit along the canonical
 * order. Input is bounded in one way: behind its end stand zeroes, and who uses them drives the
 * count of bits below zero, where it stays. So only what writes output or repeats without end asks
 * for every step; gzip_unpack asks last.
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
#define NO_SYMBOL     0xfffu
#define PAIR_BITS     48             /* the longest length and distance */
#define TURN_ROOM     (16 + 258 + 8) /* literals of a refill, the longest match, written by eights */

struct huffman {
	u16 fast[1u << FAST_BITS];    /* symbol << 4 | bits of its code; 0 = the code is longer, or
					 there is none */
	u16 count[CODE_BITS_MAX + 1]; /* count[n] = codes of n bits */
	u16 symbols[LITERALS_MAX];    /* in canonical order */
};
struct cursor { /* the loop over a block keeps a copy in registers */
	const u8 *in, *in_end;
	u64 bits;  /* next bit lowest; above count those of the input again: refill brings the same
		    */
	int count; /* negative: the input ended too early */
	u8 *out, *out_end, *start; /* start: of the member, nothing refers back beyond it */
};
struct inflate {
	struct cursor c;
	struct inflate_sink *sink;
	size_t member_start; /* in the sink */
	struct huffman literals, distances;
	u8 lengths[LITERALS_MAX + DISTANCES_MAX];
	u32 crc_table[4][256];
};

/* ---- input ---- */

/* At least 56 bits, or all that there are. */
static ALWAYS_INLINE void refill(struct cursor *c)
{
	u64 w;

	if (likely(c->in_end - c->in >= 8)) {
		__builtin_memcpy(&w, c->in, sizeof(w));
		c->bits |= w << c->count;
		c->in += (63 - c->count) / 8;
		c->count |= 56;
		return;
	}
	for (; c->count < 56 && c->in != c->in_end; c->count += 8)
		c->bits |= (u64)*c->in++ << c->count;
}

/* @n up to 32; the caller has refilled. */
static ALWAYS_INLINE u32 take(struct cursor *c, u32 n)
{
	u32 v = (u32)(c->bits & ((1ull << n) - 1));

	c->bits >>= n;
	c->count -= (int)n;
	return v;
}

static u32 read_bits(struct cursor *c, u32 n)
{
	refill(c);
	return take(c, n);
}

static void skip_bytes(struct cursor *c, u32 n)
{
	while (n--)
		(void)read_bits(c, 8);
}

/* To a byte boundary; whole bytes that wait in the bit buffer go back to the input. */
static void align_to_byte(struct cursor *c)
{
	if (c->count < 0)
		return;
	c->in -= c->count / 8;
	c->bits = 0;
	c->count = 0;
}

/* ---- output ---- */

/* Room for @n more bytes. */
static int make_room(struct inflate *s, size_t n)
{
	struct inflate_sink *k = s->sink;
	int err = 0;

	k->len_bytes = (size_t)(s->c.out - k->buf);
	while (!err && k->room_bytes - k->len_bytes < n)
		err = k->grow(k);
	s->c.out = k->buf + k->len_bytes;
	s->c.out_end = k->buf + k->room_bytes;
	s->c.start = k->buf + s->member_start;
	return err;
}

/* ---- codes ---- */

static u32 reverse_bits(u32 code, u32 n)
{
	u32 r = 0;

	for (; n--; code >>= 1)
		r = r << 1 | (code & 1);
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

/* A code that the fast table has not, at the low end of @bits. As an entry of that table. */
static NOINLINE u32 decode_long(const struct huffman *h, u64 bits)
{
	u32 code = 0, first = 0, index = 0;

	for (u32 n = 1; n <= CODE_BITS_MAX; n++) {
		code |= (u32)(bits >> (n - 1)) & 1;
		if (code - first < h->count[n]) /* code >= first in every turn */
			return (u32)h->symbols[index + code - first] << 4 | n;
		index += h->count[n];
		first = (first + h->count[n]) << 1;
		code <<= 1;
	}
	return NO_SYMBOL << 4 | CODE_BITS_MAX;
}

/* The caller has refilled. */
static ALWAYS_INLINE u32 decode(struct cursor *c, const struct huffman *h)
{
	u32 entry = h->fast[c->bits & FAST_MASK];

	if (unlikely(!entry))
		entry = decode_long(h, c->bits);
	(void)take(c, entry & 15);
	return entry >> 4;
}

/* ---- blocks ---- */

static int stored_block(struct inflate *s)
{
	struct cursor *c = &s->c;
	u32 len, n;
	int err;

	align_to_byte(c);
	len = read_bits(c, 16);
	if (read_bits(c, 16) != (len ^ 0xffff) || c->count < 0)
		return -EINVAL;
	align_to_byte(c);
	n = (u32)MIN((size_t)len, (size_t)(c->in_end - c->in));
	err = make_room(s, n);
	if (err)
		return err;
	memcpy(c->out, c->in, n);
	c->in += n;
	c->out += n;
	return n < len ? -ENODATA : 0;
}

static int fixed_tables(struct inflate *s)
{
	int err;

	for (u32 i = 0; i < LITERALS_MAX; i++)
		s->lengths[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
	err = huffman_build(&s->literals, s->lengths, LITERALS_MAX, true);
	memset(s->lengths, 5, DISTANCES_MAX);
	return err ? err : huffman_build(&s->distances, s->lengths, DISTANCES_MAX, true);
}

static int dynamic_tables(struct inflate *s)
{
	static const u8 order[19] = {
		16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
	static const u8 extra_bits[3] = {2, 3, 7}, base[3] = {3, 3, 11};
	struct cursor *c = &s->c;
	u32 literals = read_bits(c, 5) + 257, distances = read_bits(c, 5) + 1;
	u32 code_lengths = read_bits(c, 4) + 4, total = literals + distances, at = 0;
	u8 small[19] = {0};

	if (literals > 286 || distances > 30)
		return -EINVAL;
	for (u32 i = 0; i < code_lengths; i++)
		small[order[i]] = (u8)read_bits(c, 3);
	if (huffman_build(&s->literals, small, 19, false))
		return -EINVAL;
	while (at < total) { /* a length, or a run of one */
		u32 symbol, repeat = 1;
		u8 value = 0;

		refill(c);
		symbol = decode(c, &s->literals);
		if (symbol > 18 || (symbol == 16 && !at))
			return -EINVAL;
		if (symbol >= 16)
			repeat = base[symbol - 16] + take(c, extra_bits[symbol - 16]);
		if (symbol <= 16)
			value = symbol < 16 ? (u8)symbol : s->lengths[at - 1];
		if (repeat > total - at)
			return -EINVAL;
		memset(s->lengths + at, value, repeat);
		at += repeat;
	}
	if (!s->lengths[END_OF_BLOCK] || huffman_build(&s->literals, s->lengths, literals, true))
		return -EINVAL;
	return huffman_build(&s->distances, s->lengths + literals, distances, true);
}

static const u16 length_base[29] = {3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43,
	51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
static const u8 length_extra[29] = {
	0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
static const u16 distance_base[30] = {1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193,
	257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
static const u8 distance_extra[30] = {0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9,
	9, 10, 10, 11, 11, 12, 12, 13, 13};

/* The rest of a pair whose length is coded by @symbol, and the copy, which may overlap itself.
 * Return: false = there is no such pair. */
static ALWAYS_INLINE bool copy_match(struct cursor *c, const struct huffman *distances, u32 symbol)
{
	u32 length, distance;
	const u8 *from;
	u8 *end;

	if (symbol >= ARRAY_LEN(length_base))
		return false;
	length = length_base[symbol] + take(c, length_extra[symbol]);
	symbol = decode(c, distances);
	if (symbol >= ARRAY_LEN(distance_base))
		return false;
	distance = distance_base[symbol] + take(c, distance_extra[symbol]);
	if (c->count < 0 || distance > (size_t)(c->out - c->start))
		return false;
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
	return true;
}

static int coded_block(struct inflate *s)
{
	struct cursor c = s->c;
	u32 symbol;
	int err = 0;

	do { /* every turn takes input */
		if (unlikely(c.out_end - c.out < TURN_ROOM)) {
			s->c = c;
			err = make_room(s, TURN_ROOM);
			c = s->c;
			if (err)
				break;
		}
		refill(&c);
		do {
			symbol = decode(&c, &s->literals);
			if (symbol >= END_OF_BLOCK)
				break;
			*c.out++ = (u8)symbol;
		} while (c.count >= PAIR_BITS);
		if (unlikely(c.count < 0))
			c.out -= symbol < END_OF_BLOCK; /* it was none */
		else if (symbol > END_OF_BLOCK &&
			 !copy_match(&c, &s->distances, symbol - END_OF_BLOCK - 1))
			err = -EINVAL;
	} while (!err && symbol != END_OF_BLOCK && c.count >= 0);
	s->c = c;
	return err;
}

static int inflate_blocks(struct inflate *s)
{
	u32 last, kind;
	int err;

	do {
		last = read_bits(&s->c, 1);
		kind = read_bits(&s->c, 2);
		if (s->c.count < 0 || kind == 3)
			return -EINVAL;
		if (kind == 0) {
			err = stored_block(s);
		} else {
			err = kind == 1 ? fixed_tables(s) : dynamic_tables(s);
			if (!err)
				err = coded_block(s);
		}
	} while (!err && !last);
	align_to_byte(&s->c);
	return err;
}

/* ---- gzip ---- */

static void crc_tables(u32 table[4][256])
{
	for (u32 i = 0; i < 4 * 256; i++) {
		u32 c = i < 256 ? i : table[i / 256 - 1][i % 256];

		for (int k = 0; k < 8; k++)
			c = c >> 1 ^ (c & 1 ? 0xedb88320u : 0);
		table[i / 256][i % 256] = c;
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

enum gzip_flags { GZIP_HCRC = 2, GZIP_EXTRA = 4, GZIP_NAME = 8, GZIP_COMMENT = 16 };
#define GZIP_FLAGS        31u
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

static int gzip_header(struct cursor *c)
{
	u32 magic = read_bits(c, 16), method = read_bits(c, 8), flags = read_bits(c, 8);

	if (magic != 0x8b1f || method != 8 || flags & ~GZIP_FLAGS)
		return -EINVAL;
	skip_bytes(c, 6); /* time, extra flags, system */
	if (flags & GZIP_EXTRA)
		skip_bytes(c, read_bits(c, 16));
	for (u32 text = GZIP_NAME; text <= GZIP_COMMENT; text <<= 1) {
		while (flags & text && read_bits(c, 8))
			; /* up to its NUL, or the end */
	}
	if (flags & GZIP_HCRC)
		skip_bytes(c, 2);
	return 0;
}

static int gzip_trailer(struct inflate *s)
{
	size_t produced = s->sink->len_bytes - s->member_start;
	u32 crc = read_bits(&s->c, 32), size = read_bits(&s->c, 32);

	crc_tables(s->crc_table);
	return size == (u32)produced &&
			       crc == crc32((const u32(*)[256])s->crc_table, s->c.start, produced)
		       ? 0
		       : -EBADMSG;
}

int gzip_unpack(const u8 *in, size_t len_bytes, size_t *pos, struct inflate_sink *sink)
{
	struct inflate *s;
	int err;

	s = kmalloc(sizeof(*s), ALLOC_KERNEL);
	if (!s)
		return -ENOMEM;
	s->sink = sink;
	s->member_start = sink->len_bytes;
	s->c = (struct cursor){
		.in = in + *pos, .in_end = in + len_bytes, .out = sink->buf + sink->len_bytes};
	err = gzip_header(&s->c);
	if (!err)
		err = make_room(s, 0);
	if (!err)
		err = inflate_blocks(s);
	sink->len_bytes = (size_t)(s->c.out - sink->buf);
	if (!err)
		err = gzip_trailer(s);
	if (s->c.count < 0)
		err = -ENODATA;
	align_to_byte(&s->c);
	*pos = (size_t)(s->c.in - in);
	kfree(s);
	return err;
}

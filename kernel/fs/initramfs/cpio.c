/* newc cpio archives. Layer: fs. No locks, no allocation.
 *
 * Each entry: a header of 110 characters (magic "070701" or "070702", then 13 numbers of 8
 * hexadecimal digits), the name with its NUL, the contents. Name and contents are padded so that
 * what follows starts at a multiple of 4 from the archive's start. The entry named TRAILER!!!
 * ends the archive. The check sums of 070702 are not checked: contents are not read here. Lengths
 * have 32 bits and positions 64: sums cannot wrap.
 *
 * Source: cpio(5), "New ASCII Format". */
#include "cpio.h"

#include <exo/fs.h>
#include <exo/string.h>

#define HEADER_BYTES 110u
#define MAGIC_BYTES  6u

enum field {
	F_INO,
	F_MODE,
	F_UID,
	F_GID,
	F_NLINK,
	F_MTIME,
	F_FILESIZE,
	F_DEV_MAJOR,
	F_DEV_MINOR,
	F_RDEV_MAJOR,
	F_RDEV_MINOR,
	F_NAMESIZE,
	F_CHECK,
	FIELDS
};
_Static_assert(MAGIC_BYTES + 8 * FIELDS == HEADER_BYTES, "newc header");

#define ALL_BYTES(b) ((b)*0x0101010101010101ULL)

/* Eight digits at once, one in each byte of a word. No sum below carries into the next byte. */
static bool hex_word(const u8 *text, u32 *out)
{
	u64 w, letter, low, bad;

	__builtin_memcpy(&w, text, sizeof(w)); /* first digit in the lowest byte */
	if (w == ALL_BYTES('0')) {             /* most are: uid, gid, device numbers */
		*out = 0;
		return true;
	}
	bad = w; /* bit 7 of a byte says bad */
	w &= ALL_BYTES(0x7f);
	letter = ((w & ALL_BYTES(0x40)) >> 6) * 0xff; /* 0xff where it is a letter */
	low = w & ALL_BYTES(0x1f);                    /* of a letter in either case: 1..6 */
	bad |= letter & ((low + ALL_BYTES(0x79)) | ~(low + ALL_BYTES(0x7f)));
	bad |= ~letter & ((w ^ ALL_BYTES(0x30)) + ALL_BYTES(0x76)); /* '0'..'9' are 0x30..0x39 */
	if (bad & ALL_BYTES(0x80))
		return false;
	w = (w & ALL_BYTES(0x0f)) + (letter & ALL_BYTES(9));
	w = (w << 4 | w >> 8) & 0x00ff00ff00ff00ffULL;
	w = (w << 8 | w >> 16) & 0x0000ffff0000ffffULL;
	*out = (u32)(w << 16 | w >> 32);
	return true;
}

bool cpio_is_header(const u8 *buf, size_t len_bytes, size_t pos)
{
	return pos <= len_bytes && len_bytes - pos >= MAGIC_BYTES &&
	       !memcmp(buf + pos, "07070", 5) && (buf[pos + 5] == '1' || buf[pos + 5] == '2');
}

/* The component [start, end) of the name of @e. False: it is refused. */
static bool take_component(struct cpio_entry *e, u32 start, u32 end)
{
	const char *c = e->name + start;
	u32 n = end - start;

	if (n == 0 || (n == 1 && c[0] == '.'))
		return true;
	e->last = start;
	e->last_len = n;
	return n <= NAME_MAX_BYTES && !(n == 2 && c[0] == '.' && c[1] == '.');
}

/* Fills in what the name's field of @bytes holds. It ends with a NUL, and behind the first NUL
 * there is nothing but more of them (writers that align contents pad there). */
static bool take_name(struct cpio_entry *e, u32 bytes)
{
	u32 i = 0, start = 0;

	if (bytes < 2 || bytes > CPIO_NAME_MAX)
		return false;
	for (;; i++) {
		char c = e->name[i];

		if (c && c != '/' && i + 1 < bytes)
			continue;
		if ((c && c != '/') || !take_component(e, start, i))
			return false;
		if (!c)
			break;
		start = i + 1;
		if (start == bytes)
			return false;
	}
	e->name_len = i;
	while (++i < bytes) {
		if (e->name[i])
			return false;
	}
	return e->name_len > 0;
}

/* The entry at @pos. On success *next is where the following one starts, maybe behind the end.
 * CPIO_END: it is whole. */
static enum cpio_status read_entry(
	const u8 *buf, size_t len_bytes, size_t start, size_t pos, struct cpio_entry *e, u64 *next)
{
	u32 v[F_CHECK];
	u64 name_at = (u64)pos + HEADER_BYTES, data_at;

	if (len_bytes - pos >= MAGIC_BYTES && !cpio_is_header(buf, len_bytes, pos))
		return CPIO_BAD_MAGIC;
	if (len_bytes - pos < HEADER_BYTES)
		return CPIO_TRUNCATED;
	for (u32 i = 0; i < F_CHECK; i++) { /* the check sum is not in use */
		if (!hex_word(buf + pos + MAGIC_BYTES + 8 * i, &v[i]))
			return CPIO_BAD_FIELD;
	}
	if (v[F_NAMESIZE] > len_bytes - name_at)
		return CPIO_TRUNCATED;
	data_at = start + ALIGN_UP(name_at - start + v[F_NAMESIZE], 4);
	if (v[F_FILESIZE] && data_at + v[F_FILESIZE] > len_bytes)
		return CPIO_TRUNCATED;
	*next = start + ALIGN_UP(data_at - start + v[F_FILESIZE], 4);
	*e = (struct cpio_entry){
		.offset = pos,
		.name = (const char *)buf + name_at,
		.ino = v[F_INO],
		.mode = v[F_MODE],
		.uid = v[F_UID],
		.gid = v[F_GID],
		.nlink = v[F_NLINK],
		.mtime = v[F_MTIME],
		.device = MKDEV((u64)v[F_DEV_MAJOR], v[F_DEV_MINOR]),
		.rdevice = MKDEV((u64)v[F_RDEV_MAJOR], v[F_RDEV_MINOR]),
		.data = buf + MIN(data_at, (u64)len_bytes),
		.data_bytes = v[F_FILESIZE],
	};
	if (!take_name(e, v[F_NAMESIZE])) {
		e->refused = true;
		e->name = "";
		e->name_len = e->last = e->last_len = 0;
	}
	return CPIO_END;
}

enum cpio_status cpio_parse(const u8 *buf, size_t len_bytes, size_t *pos,
	int (*visit)(void *ctx, const struct cpio_entry *e), void *ctx)
{
	size_t start = *pos;
	enum cpio_status status;
	struct cpio_entry e;
	u64 next;

	for (;;) { /* each turn moves on by a header at least */
		if (*pos >= len_bytes)
			return CPIO_TRUNCATED;
		status = read_entry(buf, len_bytes, start, *pos, &e, &next);
		if (status != CPIO_END)
			return status;
		next = MIN(next, (u64)len_bytes);
		if (e.name_len == 10 && !memcmp(e.name, "TRAILER!!!", 10)) {
			*pos = (size_t)next;
			return CPIO_END;
		}
		if (visit(ctx, &e))
			return CPIO_STOPPED;
		*pos = (size_t)next;
	}
}

/* The parser of newc cpio archives: pure, over one buffer, without memory of its own. Layer: fs.
 * Nothing is copied: names and contents of an entry point into the archive. */
#pragma once

#include <exo/types.h>

#define CPIO_NAME_MAX 4096 /* bytes of a name with its NUL, as PATH_MAX */

struct cpio_entry {
	size_t offset;    /* of its header in the buffer */
	const char *name; /* as written: NUL-terminated, name_len bytes */
	u32 name_len;
	/* last component: offset in name, bytes. No bytes: it is the root. A '/' or "." may stand
	 * behind it */
	u32 last, last_len;
	/* name empty, over CPIO_NAME_MAX, with "..", or with bytes behind a NUL: only to be
	 * reported; name is "" */
	bool refused;
	u32 ino, mode, uid, gid, nlink, mtime;
	u64 device, rdevice; /* MKDEV: of the file system that it came from; of a device node */
	const u8 *data;
	u32 data_bytes;
};
enum cpio_status {
	CPIO_END,       /* the trailer was read: *pos is behind it and its padding */
	CPIO_STOPPED,   /* the visitor returned something else than 0; *pos is the entry */
	CPIO_TRUNCATED, /* the buffer ends within the entry at *pos, or where an entry should start
			 */
	CPIO_BAD_MAGIC, /* no header at *pos */
	CPIO_BAD_FIELD, /* the header at *pos has something else than hexadecimal digits */
};
/* cpio_parse - reads one archive of @buf from *pos on and calls @visit for each entry but the
 * trailer, in order: those before a fault have been visited.
 * @pos    in: start of the archive, to which its padding is relative; out: see enum cpio_status.
 * @visit  returns 0 to go on. Its entry lives during the call only, its pointers as long as @buf.
 * Context: any. */
enum cpio_status cpio_parse(const u8 *buf, size_t len_bytes, size_t *pos,
	int (*visit)(void *ctx, const struct cpio_entry *e), void *ctx);
/* cpio_is_header - the magic of a newc header stands at @pos. */
bool cpio_is_header(const u8 *buf, size_t len_bytes, size_t pos);

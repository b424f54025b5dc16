/* Any bytes as a gzip member: nothing is read or written beyond its place, and it comes to an end.
 * needs: kernel/fs/initramfs/inflate.c
 */
#include <stdlib.h>
#include <string.h>
#include <exo/errno.h>
#include <fs/initramfs/inflate.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OUT_MAX (1u << 20)

static int grow(struct inflate_sink *s)
{
	size_t room = s->room_bytes ? 2 * s->room_bytes : 64;

	if (room > OUT_MAX)
		return -ENOMEM;
	s->buf = realloc(s->buf, room);
	s->room_bytes = room;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const u8 header[10] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3 };
	struct inflate_sink sink = { .grow = grow };
	u8 *copy = malloc(size + sizeof(header));
	bool whole = size && data[0] == 0x1f; /* else the bytes are the deflate stream */
	size_t len = whole ? size : size + sizeof(header), pos = 0;

	memcpy(copy, whole ? data : header, whole ? size : sizeof(header));
	if (!whole)
		memcpy(copy + sizeof(header), data, size);
	copy = realloc(copy, len ? len : 1);
	(void)!gzip_unpack(copy, len, &pos, &sink);
	if (pos > len || sink.len_bytes > sink.room_bytes)
		abort();
	(void)gzip_size_hint(copy, len);
	free(sink.buf);
	free(copy);
	return 0;
}

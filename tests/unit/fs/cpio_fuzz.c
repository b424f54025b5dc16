/* Any bytes as an archive: nothing is read beyond them, and every entry lies within.
 * needs: kernel/fs/initramfs/cpio.c
 */
#include <stdlib.h>
#include <string.h>
#include <fs/initramfs/cpio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct buffer {
	const u8 *start;
	size_t len;
	u32 visits;
};

#define REQUIRE(x)                                                                                 \
	do {                                                                                       \
		if (!(x))                                                                          \
			abort();                                                                   \
	} while (0)

static int visit(void *ctx, const struct cpio_entry *e)
{
	struct buffer *b = ctx;
	volatile u8 sum = 0;

	b->visits++;
	REQUIRE(strlen(e->name) == e->name_len && e->last + e->last_len <= e->name_len);
	if (!e->refused) {
		REQUIRE((const u8 *)e->name > b->start && (const u8 *)e->name + e->name_len < b->start + b->len);
		REQUIRE(!(e->last_len == 2 && !strncmp(e->name + e->last, "..", 2)));
		REQUIRE(!memchr(e->name + e->last, '/', e->last_len));
	}
	for (u32 i = 0; i < e->data_bytes; i++)
		sum = (u8)(sum + e->data[i]);
	return e->mode == 0x666;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buffer b = { malloc(size ? size : 1), size, 0 };
	size_t pos = 0, start;
	enum cpio_status status;

	memcpy((u8 *)b.start, data, size);
	do {
		start = pos;
		status = cpio_parse(b.start, size, &pos, visit, &b);
		REQUIRE(pos >= start && pos <= size);
	} while (status == CPIO_END && pos < size);
	REQUIRE(b.visits <= size / 110);
	free((u8 *)b.start);
	return 0;
}

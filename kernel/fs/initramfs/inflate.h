/* gzip streams into memory. Layer: fs. */
#pragma once

#include <exo/types.h>

/* Where the bytes go: one run of memory that grows. Back-references read it, so it is whole at all
 * times. */
struct inflate_sink {
	u8 *buf;
	size_t len_bytes; /* produced so far */
	size_t room_bytes;
	/* grow - more room, at least one byte; contents stay. 0 | -ENOMEM. */
	int (*grow)(struct inflate_sink *s);
};
#define INFLATE_SLACK 512u /* bytes: room behind the end that spares the last growth */

/* gzip_unpack - one member: header, deflate stream, check sum and length.
 * @pos   in: where the member starts; out: behind it, or the place of the fault.
 * Context: thread; allocates some 10 KB. Bytes before a fault are in the sink.
 * Return: 0 | -ENODATA it ends early | -EINVAL no gzip, or damaged | -EBADMSG check sum or length
 * differ | -ENOMEM. */
int gzip_unpack(const u8 *in, size_t len_bytes, size_t *pos, struct inflate_sink *sink) MUST_USE;
bool gzip_is_header(const u8 *in, size_t len_bytes, size_t pos);
/* gzip_size_hint - a guess of the unpacked length, from what the last member says of itself; it may
 * lie. */
size_t gzip_size_hint(const u8 *in, size_t len_bytes);

/* ChaCha20. Layer: drivers. Constant time: no branch or index depends on the key. Source: RFC 8439,
 * section 2. */
#include "chacha20.h"
#include <exo/string.h>

static inline u32 rotate(u32 x, unsigned n)
{
	return x << n | x >> (32 - n);
}

static inline void quarter_round(u32 *a, u32 *b, u32 *c, u32 *d)
{
	*a += *b;
	*d = rotate(*d ^ *a, 16);
	*c += *d;
	*b = rotate(*b ^ *c, 12);
	*a += *b;
	*d = rotate(*d ^ *a, 8);
	*c += *d;
	*b = rotate(*b ^ *c, 7);
}

void chacha20_block(const u32 key[CHACHA_KEY_WORDS], u32 counter, const u32 nonce[3],
	u8 out[CHACHA_BLOCK_BYTES])
{
	u32 start[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574}; /* "expand 32-byte k" */
	u32 x[16];

	memcpy(start + 4, key, CHACHA_KEY_WORDS * sizeof(u32));
	start[12] = counter;
	memcpy(start + 13, nonce, 3 * sizeof(u32));
	memcpy(x, start, sizeof(x));
	for (u32 i = 0; i < 10; i++) {
		for (u32 c = 0; c < 4; c++)
			quarter_round(&x[c], &x[4 + c], &x[8 + c], &x[12 + c]);
		for (u32 c = 0; c < 4; c++)
			quarter_round(&x[c], &x[4 + (c + 1) % 4], &x[8 + (c + 2) % 4],
				&x[12 + (c + 3) % 4]);
	}
	for (u32 i = 0; i < 16; i++) {
		u32 v = x[i] + start[i];

		memcpy(out + 4 * i, &v, 4); /* every architecture that we have is little-endian */
	}
}

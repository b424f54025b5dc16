/* The ChaCha20 block function. Layer: drivers. Pure. Source: RFC 8439, section 2.3. */
#pragma once

#include <exo/types.h>

#define CHACHA_KEY_WORDS   8u
#define CHACHA_BLOCK_BYTES 64u

/* chacha20_block - the 64 bytes of key stream for (key, counter, nonce). */
void chacha20_block(const u32 key[CHACHA_KEY_WORDS], u32 counter, const u32 nonce[3],
	u8 out[CHACHA_BLOCK_BYTES]);

/* ChaCha20 against RFC 8439, and the generator: no repeats, every length, every CPU.
 * needs: kernel/drivers/char/chacha20.c kernel/drivers/char/random.c
 * needs: kernel/sync/spinlock.c kernel/sync/lock_debug.c
 */
#include <u_.h>
#include <exo/drivers.h>
#include "drivers/char/chacha20.h"

U_TEST(rfc8439_block)
{
	static const u8 want[64] = {0x10, 0xf1, 0xe7, 0xe4, 0xd1, 0x3b, 0x59, 0x15, 0x50, 0x0f,
		0xdd, 0x1f, 0xa3, 0x20, 0x71, 0xc4, 0xc7, 0xd1, 0xf4, 0xc7, 0x33, 0xc0, 0x68, 0x03,
		0x04, 0x22, 0xaa, 0x9a, 0xc3, 0xd4, 0x6c, 0x4e, 0xd2, 0x82, 0x64, 0x46, 0x07, 0x9f,
		0xaa, 0x09, 0x14, 0xc2, 0xd7, 0x05, 0xd9, 0x8b, 0x02, 0xa2, 0xb5, 0x12, 0x9c, 0xd1,
		0xde, 0x16, 0x4e, 0xb9, 0xcb, 0xd0, 0x83, 0xe8, 0xa2, 0x50, 0x3c, 0x4e};
	u32 key[8], nonce[3] = {0x09000000, 0x4a000000, 0};
	u8 out[64];

	for (u32 i = 0; i < 8; i++)
		key[i] = 0x03020100u + 0x04040404u * i;
	chacha20_block(key, 1, nonce, out);
	u_mem_eq(out, want, 64);
}

U_TEST(lengths_and_bounds)
{
	static u8 buf[4096 + 2];

	for (size_t n = 0; n < 600; n += n < 300 ? 1 : 37) {
		u32 zeros = 0;

		memset(buf, 0, sizeof(buf));
		buf[n] = 0xa5;
		random_bytes(buf, n);
		u_eq(buf[n], 0xa5);
		for (size_t i = 0; i < n; i++)
			zeros += buf[i] == 0;
		u_check(zeros <= n / 16 + 4);
	}
}

U_TEST(nothing_comes_twice)
{
	static u64 seen[20000];

	for (size_t i = 0; i < 20000; i++)
		random_bytes(&seen[i], 8);
	for (size_t i = 1; i < 20000; i++)
		u_need(seen[i] != seen[i - 1] && seen[i]);
	random_add("some text that is longer than the key of the generator", 54);
	random_bytes(&seen[1], 8);
	u_check(seen[1] != seen[0]);
}

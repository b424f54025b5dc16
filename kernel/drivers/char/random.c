/* Random bytes: ChaCha20 with fast key erasure. Layer: drivers.
 *
 * Each CPU has a generator: a key and a pool of bytes made from it. Making the pool replaces the
 * key first, and bytes that were handed out are wiped, so what was given cannot be computed from
 * what memory holds later. The base key seeds the generators; it is mixed with arch_random_seed at
 * the start, every RESEED_NS, and with what is written to /dev/random. Locks: the generators by
 * interrupts off, the base key by base_lock. Source: RFC 8439; "fast key erasure", Bernstein 2017.
 */
#include "chacha20.h"
#include <exo/drivers.h>
#include <exo/string.h>
#include <exo/sync.h>
#include <exo/time.h>
#include <arch/cpu.h>

#define POOL_BLOCKS 4u
#define KEY_BYTES   32u
#define POOL_BYTES  (POOL_BLOCKS * CHACHA_BLOCK_BYTES - KEY_BYTES)
#define RESEED_NS   (300 * NS_PER_SEC)
#define SEED_WORDS  8u /* calls of arch_random_seed a seeding: 64 bytes, its quality varies */

struct generator {
	u32 key[CHACHA_KEY_WORDS];
	u8 pool[POOL_BYTES];
	u32 left;  /* bytes at the end of the pool that nobody has got */
	u32 epoch; /* of the base key that seeded it; 0 = never */
};
static PER_CPU(struct generator, generator);

static spinlock_t base_lock = SPINLOCK_INIT(RANK_CONSOLE);
static u32 base_key[CHACHA_KEY_WORDS]; /* [base_lock] */
static u32 base_epoch;                 /* [base_lock write, a] 0 = not seeded */
static ns_t base_seeded_ns;            /* [base_lock] */
static const u32 no_nonce[3];

static void wipe(void *p, size_t n)
{
	memset(p, 0, n);
	/* the compiler may not think that nobody reads it */
	__asm__ volatile("" : : "r"(p) : "memory");
}

/* Replaces the base key by a one-way function of itself and @text; gives 32 more bytes in @out when
 * not NULL. [base_lock] */
static void base_step(const u8 *text, size_t len, u8 *out)
{
	u8 block[CHACHA_BLOCK_BYTES];

	do {
		u32 part[CHACHA_KEY_WORDS] = {0};
		size_t n = MIN(len, sizeof(part));

		memcpy(part, text, n);
		for (u32 i = 0; i < CHACHA_KEY_WORDS; i++)
			base_key[i] ^= part[i];
		chacha20_block(base_key, (u32)n, no_nonce, block);
		memcpy(base_key, block, KEY_BYTES);
		text += n;
		len -= n;
	} while (len);
	if (out)
		memcpy(out, block + KEY_BYTES, KEY_BYTES);
	wipe(block, sizeof(block));
}

static void base_reseed(void)
{
	u64 seed[SEED_WORDS];

	for (u32 i = 0; i < SEED_WORDS; i++)
		seed[i] = arch_random_seed() ^ arch_cycles() << (i * 7 % 32);
	base_step((const u8 *)seed, sizeof(seed), NULL);
	wipe(seed, sizeof(seed));
	base_seeded_ns = clock_monotonic();
	if (!++base_epoch)
		base_epoch = 1;
}

/* A new key for this CPU's generator if the base has moved on. Interrupts off. */
static void generator_seed(struct generator *g)
{
	ns_t now = clock_monotonic();

	if (g->epoch && g->epoch == __atomic_load_n(&base_epoch, __ATOMIC_ACQUIRE) &&
		now - READ_ONCE(base_seeded_ns) < RESEED_NS)
		return;
	spinlock_t *held SCOPED(spin_release) = spin_hold(&base_lock);
	if (!base_epoch || now - base_seeded_ns >= RESEED_NS)
		base_reseed();
	base_step((const u8 *)g->key, KEY_BYTES, (u8 *)g->key);
	g->epoch = base_epoch;
}

static void generator_refill(struct generator *g)
{
	u8 blocks[POOL_BLOCKS * CHACHA_BLOCK_BYTES];

	generator_seed(g);
	for (u32 i = 0; i < POOL_BLOCKS; i++)
		chacha20_block(g->key, i, no_nonce, blocks + i * CHACHA_BLOCK_BYTES);
	memcpy(g->key, blocks, KEY_BYTES);
	memcpy(g->pool, blocks + KEY_BYTES, POOL_BYTES);
	g->left = POOL_BYTES;
	wipe(blocks, sizeof(blocks));
}

/* At most POOL_BYTES. */
static void random_few(u8 *buf, size_t n)
{
	ulong flags SCOPED(irq_restore_at) = arch_irq_save();
	struct generator *g = this_cpu_ptr(generator);
	u8 *from;

	if (g->left < n || !g->epoch)
		generator_refill(g);
	from = g->pool + POOL_BYTES - g->left;
	memcpy(buf, from, n);
	wipe(from, n);
	g->left -= (u32)n;
}

void random_bytes(void *buf, size_t len_bytes)
{
	u32 key[CHACHA_KEY_WORDS], nonce[3] = {0};
	u8 block[CHACHA_BLOCK_BYTES], *p = buf;

	if (len_bytes <= POOL_BYTES / 2) {
		random_few(p, len_bytes);
		return;
	}
	/* a key of its own for a long request, made without interrupts off */
	random_few((u8 *)key, sizeof(key));
	for (u64 i = 0; len_bytes; i++) {
		size_t n = MIN(len_bytes, sizeof(block));

		nonce[0] = (u32)(i >> 32);
		chacha20_block(key, (u32)i, nonce, block);
		memcpy(p, block, n);
		p += n;
		len_bytes -= n;
	}
	wipe(key, sizeof(key));
	wipe(block, sizeof(block));
}

void random_add(const void *buf, size_t len_bytes)
{
	struct spin_guard g SCOPED(spin_unguard) = spin_guard(&base_lock);

	if (!base_epoch)
		base_reseed();
	base_step(buf, len_bytes, NULL);
	if (!++base_epoch)
		base_epoch = 1;
}

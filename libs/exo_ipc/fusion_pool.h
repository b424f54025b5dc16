/* A zero-copy pool: blocks of shared memory that change hands by descriptor. C11 and C++11,
 * freestanding; goes with fusion_ring.h.
 *
 * Shared memory: a geometry page, which only the kernel writes, then blocks of equal size. The
 * owner hands a block out by sending a descriptor (FRING_TYPE_BLOCK, 16 bytes) over a ring; the
 * other side works in place and sends the same descriptor back over a ring of the other direction.
 * Between the two the block is the other side's by agreement: its contents may change while they
 * are read, and whoever does not trust the peer copies what it checks.
 *
 * Who has what stands in the owner's private table, never in shared memory: a descriptor that comes
 * back twice, or was never sent, or names another time's block, is -FRING_EPROTO and changes
 * nothing. The receiver checks each descriptor against its own copy of the geometry. */
#ifndef EXO_FUSION_POOL_H
#define EXO_FUSION_POOL_H

#include "fusion_ring.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FPOOL_MAGIC      0x4c4f4f50u /* "POOL" */
#define FPOOL_BLOCKS_MAX (1u << 20)
#define FPOOL_BLOCK_MIN  64u
#define FPOOL_BLOCK_MAX  (1u << 30)
#define FPOOL_BLOCKS_AT  FRING_PAGE

struct fpool_geometry { /* offset 0; only the kernel writes this page */
	uint32_t magic;
	uint32_t version;
	uint32_t blocks;
	uint32_t block_bytes; /* a multiple of 64 */
	uint64_t total_bytes;
};
struct fpool_desc {
	uint32_t block;
	uint32_t offset_bytes;
	uint32_t len_bytes;
	uint32_t serial; /* tells one lending of a block from the next */
};
FRING_ASSERT(sizeof(struct fpool_geometry) == 24, "geometry");
FRING_ASSERT(sizeof(struct fpool_desc) == 16, "three fit a slot");

struct fpool { /* either side's view; local copies */
	unsigned char *blocks;
	uint32_t count;
	uint32_t block_bytes;
};
struct fpool_entry {   /* the owner's private table: entry[count] */
	uint32_t next; /* free: the next free block; else FPOOL_HELD or FPOOL_LENT */
	uint32_t serial;
};
struct fpool_owner {
	struct fpool pool;
	struct fpool_entry *entry; /* borrowed */
	uint32_t free_first;       /* FPOOL_NONE = none */
};
#define FPOOL_NONE 0xffffffffu
#define FPOOL_HELD 0xfffffffeu
#define FPOOL_LENT 0xfffffffdu

/* fpool_bytes - memory for a pool, whole pages; 0 = no such pool. */
static inline uint64_t fpool_bytes(uint32_t blocks, uint32_t block_bytes)
{
	if (!blocks || blocks > FPOOL_BLOCKS_MAX || block_bytes < FPOOL_BLOCK_MIN ||
		block_bytes > FPOOL_BLOCK_MAX || block_bytes % FRING_SLOT_BYTES)
		return 0;
	return (FPOOL_BLOCKS_AT + (uint64_t)blocks * block_bytes + FRING_PAGE - 1) &
	       ~(uint64_t)(FRING_PAGE - 1);
}

static inline void fpool_format(void *page, uint32_t blocks, uint32_t block_bytes)
{
	struct fpool_geometry *g = (struct fpool_geometry *)page;

	g->magic = FPOOL_MAGIC;
	g->version = FRING_VERSION;
	g->blocks = blocks;
	g->block_bytes = block_bytes;
	g->total_bytes = fpool_bytes(blocks, block_bytes);
}

/* fpool_attach - checks the geometry of @map (@map_bytes are mapped). 0 | -FRING_EINVAL. */
static inline int fpool_attach(struct fpool *p, void *map, uint64_t map_bytes)
{
	const struct fpool_geometry *g = (const struct fpool_geometry *)map;
	uint32_t blocks, block_bytes;

	if (map_bytes < FPOOL_BLOCKS_AT || g->magic != FPOOL_MAGIC || g->version != FRING_VERSION)
		return -FRING_EINVAL;
	blocks = FRING_LOAD(&g->blocks, __ATOMIC_RELAXED);
	block_bytes = FRING_LOAD(&g->block_bytes, __ATOMIC_RELAXED);
	if (!fpool_bytes(blocks, block_bytes) || fpool_bytes(blocks, block_bytes) > map_bytes)
		return -FRING_EINVAL;
	p->blocks = (unsigned char *)map + FPOOL_BLOCKS_AT;
	p->count = blocks;
	p->block_bytes = block_bytes;
	return 0;
}

/* fpool_own - this side lends. @entry: pool.count entries, borrowed for as long. */
static inline int fpool_own(
	struct fpool_owner *o, void *map, uint64_t map_bytes, struct fpool_entry *entry, uint32_t n)
{
	int err = fpool_attach(&o->pool, map, map_bytes);

	if (err)
		return err;
	if (n < o->pool.count)
		return -FRING_EINVAL;
	o->entry = entry;
	o->free_first = 0;
	for (uint32_t i = 0; i < o->pool.count; i++) {
		entry[i].next = i + 1 < o->pool.count ? i + 1 : FPOOL_NONE;
		entry[i].serial = 0;
	}
	return 0;
}

static inline void *fpool_block(const struct fpool *p, uint32_t block)
{
	return p->blocks + (uint64_t)block * p->block_bytes;
}

/* fpool_take - a free block for the owner to fill. 0 | -EAGAIN none is free. */
static inline int fpool_take(struct fpool_owner *o, uint32_t *block)
{
	uint32_t b = o->free_first;

	if (b == FPOOL_NONE)
		return -FRING_EAGAIN;
	o->free_first = o->entry[b].next;
	o->entry[b].next = FPOOL_HELD;
	*block = b;
	return 0;
}

/* fpool_lend - the descriptor of a held block, which is the other side's from now on. If sending it
 * fails, fpool_back takes it back. 0 | -EINVAL. */
static inline int fpool_lend(struct fpool_owner *o, uint32_t block, uint32_t offset_bytes,
	uint32_t len_bytes, struct fpool_desc *out)
{
	if (block >= o->pool.count || o->entry[block].next != FPOOL_HELD ||
		offset_bytes > o->pool.block_bytes ||
		len_bytes > o->pool.block_bytes - offset_bytes)
		return -FRING_EINVAL;
	o->entry[block].next = FPOOL_LENT;
	out->block = block;
	out->offset_bytes = offset_bytes;
	out->len_bytes = len_bytes;
	out->serial = ++o->entry[block].serial;
	return 0;
}

/* fpool_back - a descriptor has come back: the block is free. 0 | -EPROTO not lent, or not so. */
static inline int fpool_back(struct fpool_owner *o, const struct fpool_desc *d)
{
	if (d->block >= o->pool.count || o->entry[d->block].next != FPOOL_LENT ||
		o->entry[d->block].serial != d->serial)
		return -FRING_EPROTO;
	o->entry[d->block].next = o->free_first;
	o->free_first = d->block;
	return 0;
}

/* fpool_see - the receiver's look at a message of FRING_TYPE_BLOCK: its descriptor and where its
 * bytes are. 0 | -EPROTO. */
static inline int fpool_see(
	const struct fpool *p, const struct fring_message *m, struct fpool_desc *d, void **data)
{
	if (m->type != FRING_TYPE_BLOCK || m->len_bytes != sizeof(*d))
		return -FRING_EPROTO;
	__builtin_memcpy(d, m->payload, sizeof(*d));
	if (d->block >= p->count || d->offset_bytes > p->block_bytes ||
		d->len_bytes > p->block_bytes - d->offset_bytes)
		return -FRING_EPROTO;
	*data = (unsigned char *)fpool_block(p, d->block) + d->offset_bytes;
	return 0;
}

#ifdef __cplusplus
}
#endif
#endif

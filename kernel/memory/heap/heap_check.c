/* Checking builds: red zones around objects, poison in free ones, double frees. Layer: memory.
 *
 * Before each object stands a tag: a magic word that says live or free, and the length that was
 * asked for. From that length to the end of the red zone every byte is RED. A free object is filled
 * with POISON, unless readers may look at it still (CACHE_RCU). */
#include <exo/log.h>
#include <exo/string.h>
#include "heap_internal.h"

#if MEMORY_CHECKS
#define TAG_LIVE 0x4c4956454c495645ull
#define TAG_FREE 0x4652454546524545ull
#define RED      0xbb
#define POISON   0x6b

struct tag {
	u64 magic, len_bytes;
};
_Static_assert(sizeof(struct tag) == RED_BYTES, "the tag is the red zone in front");

static struct tag *tag_of(void *object)
{
	return (struct tag *)object - 1;
}

static NORETURN COLD void heap_bad(const struct kmem_cache *c, void *object, const char *what)
{
	shadow_unpoison(tag_of(object), sizeof(struct tag) + c->object_size + RED_BYTES);
	panic("heap: %s object %p: %s (tag %lx, %lu bytes asked for)", c->name, object, what,
		(unsigned long)tag_of(object)->magic, (unsigned long)tag_of(object)->len_bytes);
}

static bool bytes_are(const u8 *p, size_t len_bytes, u8 want)
{
	for (size_t i = 0; i < len_bytes; i++)
		if (p[i] != want)
			return false;
	return true;
}

static bool poisons(const struct kmem_cache *c)
{
	return !(c->flags & CACHE_RCU);
}

void heap_check_new(struct kmem_cache *c, void *object)
{
	shadow_unpoison(tag_of(object), sizeof(struct tag) + c->object_size + RED_BYTES);
	*tag_of(object) = (struct tag){TAG_FREE, 0};
	memset(object, POISON, c->object_size + RED_BYTES);
	if (poisons(c))
		shadow_poison(tag_of(object), sizeof(struct tag) + c->object_size + RED_BYTES,
			KASAN_FREED);
}

void heap_check_alloc(struct kmem_cache *c, void *object, size_t len_bytes)
{
	size_t whole = c->object_size + RED_BYTES;

	shadow_unpoison(tag_of(object), sizeof(struct tag) + whole);
	if (tag_of(object)->magic != TAG_FREE)
		heap_bad(c, object, "handed out, but not free");
	if (poisons(c) && !bytes_are(object, c->object_size, POISON))
		heap_bad(c, object, "written after it was freed");
	*tag_of(object) = (struct tag){TAG_LIVE, len_bytes};
	memset((u8 *)object + len_bytes, RED, whole - len_bytes);
	shadow_poison((u8 *)object + len_bytes, whole - len_bytes, KASAN_RED_ZONE);
	shadow_poison(tag_of(object), sizeof(struct tag), KASAN_RED_ZONE);
}

void heap_check_free(struct kmem_cache *c, void *object)
{
	size_t whole = c->object_size + RED_BYTES;
	struct tag *tag = tag_of(object);

	shadow_unpoison(tag, sizeof(*tag) + whole);
	if (tag->magic == TAG_FREE)
		heap_bad(c, object, "freed twice");
	if (tag->magic != TAG_LIVE || tag->len_bytes > c->object_size)
		heap_bad(c, object,
			"freed, but the bytes before it were overwritten or it is no object");
	if (!bytes_are((u8 *)object + tag->len_bytes, whole - tag->len_bytes, RED))
		heap_bad(c, object, "written beyond its end");
	tag->magic = TAG_FREE;
	if (poisons(c)) {
		memset(object, POISON, c->object_size);
		shadow_poison(tag, sizeof(*tag) + whole, KASAN_FREED);
	}
}

size_t heap_known_len(const void *object)
{
	const struct tag *tag = (const struct tag *)object - 1;
	size_t len_bytes;

	if (!(heap_page(object)->flags & PG_SLAB))
		return heap_page(object)->index;
	shadow_unpoison(tag, sizeof(*tag));
	len_bytes = tag->len_bytes;
	shadow_poison(tag, sizeof(*tag), KASAN_RED_ZONE);
	return len_bytes;
}
#endif

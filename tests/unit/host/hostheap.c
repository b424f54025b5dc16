/* host: the heap's contract over the C library's malloc, so that the sanitizer sees every object.
 * Used when a test does not link kernel/memory/heap. */
#include <host.h>
#include <exo/memory.h>
#include <exo/string.h>
#include <stdlib.h>

static u64 fail_countdown; /* [a] 0 = off */
static u64 live;           /* [a] */

struct kmem_cache {
	size_t size;
	u32 flags;
};

void heap_fail_at(u64 n)
{
	__atomic_store_n(&fail_countdown, n, __ATOMIC_SEQ_CST);
}

u64 host_heap_live(void)
{
	return __atomic_load_n(&live, __ATOMIC_SEQ_CST);
}

static bool fails_now(void)
{
	u64 n = __atomic_load_n(&fail_countdown, __ATOMIC_RELAXED);

	while (n)
		if (__atomic_compare_exchange_n(
			    &fail_countdown, &n, n - 1, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
			return n == 1;
	return false;
}

void *kmalloc(size_t len_bytes, u32 flags)
{
	void *p;

	if (fails_now() || posix_memalign(&p, 64, len_bytes ? len_bytes : 1))
		return NULL;
	memset(p, flags & ALLOC_ZERO ? 0 : 0xa5, len_bytes);
	__atomic_fetch_add(&live, 1, __ATOMIC_RELAXED);
	return p;
}

void *kzalloc(size_t len_bytes, u32 flags)
{
	return kmalloc(len_bytes, flags | ALLOC_ZERO);
}

void kfree(const void *p)
{
	if (p)
		__atomic_fetch_sub(&live, 1, __ATOMIC_RELAXED);
	free((void *)p);
}

void *krealloc(void *p, size_t len_bytes, u32 flags)
{
	void *q;

	if (fails_now())
		return NULL;
	q = realloc(p, len_bytes ? len_bytes : 1);
	if (q && !p)
		__atomic_fetch_add(&live, 1, __ATOMIC_RELAXED);
	return q;
}

char *kstrdup(const char *s, u32 flags)
{
	size_t n = strlen(s) + 1;
	char *p = kmalloc(n, flags);

	if (p)
		memcpy(p, s, n);
	return p;
}

struct kmem_cache *kmem_cache_create(const char *name, size_t size, size_t align, u32 flags)
{
	struct kmem_cache *c = calloc(1, sizeof(*c));

	if (!c)
		abort();
	c->size = size;
	c->flags = flags;
	return c;
}

void *kmem_cache_alloc(struct kmem_cache *c, u32 flags)
{
	return kmalloc(c->size, flags);
}

void kmem_cache_free(struct kmem_cache *c, void *p)
{
	kfree(p);
}

WEAK void *vmalloc(size_t len_bytes, u32 flags)
{
	return kmalloc(ALIGN_UP(len_bytes, PAGE_SIZE), flags);
}

WEAK void vfree(void *p)
{
	kfree(p);
}

WEAK void *kstack_alloc(void)
{
	return kmalloc(64, 0); /* the simulator gives threads their real stacks */
}

WEAK void kstack_free(void *stack)
{
	kfree(stack);
}

WEAK void mem_account(enum mem_counter c, s64 pages)
{
}

WEAK void shrinker_register(struct shrinker *s)
{
}

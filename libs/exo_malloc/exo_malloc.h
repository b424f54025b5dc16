/* libexo_malloc's own names. Programs need none of them: they call malloc and are linked with
 * -lexo_malloc, or run with LD_PRELOAD=libexo_malloc.so. C11 and C++11. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct exo_malloc_info {
	uint64_t mapped_bytes;     /* asked from the system and not given back */
	uint64_t mapped_max_bytes; /* the most it ever was */
	uint64_t slow_allocs;      /* allocations that found their thread's magazine empty, of this
				      thread      and those that have ended */
	uint64_t slow_frees;       /* frees that found it full */
};

/* exo_malloc_read_info - counts as they are now. Context: any thread. */
void exo_malloc_read_info(struct exo_malloc_info *info);

#ifdef EXO_MALLOC_PREFIX /* built beside another malloc */
void *exo_malloc(size_t bytes);
void exo_free(void *p);
void *exo_calloc(size_t count, size_t each);
void *exo_realloc(void *p, size_t bytes);
void *exo_reallocarray(void *p, size_t count, size_t each);
void *exo_aligned_alloc(size_t align, size_t bytes);
void *exo_memalign(size_t align, size_t bytes);
int exo_posix_memalign(void **out, size_t align, size_t bytes);
void *exo_valloc(size_t bytes);
void *exo_pvalloc(size_t bytes);
size_t exo_malloc_usable_size(void *p);
#endif

#ifdef __cplusplus
}
#endif

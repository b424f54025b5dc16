/* Bugs on purpose, one for each kind that the CPU's protections or KASAN (DEBUG=1) must catch:
 * exo.selftest=NAME. Layer: debug. Each must end in a panic that names it; one that comes back is a
 * failed check. */
#include <exo/debug.h>
#include <exo/log.h>
#include <exo/memory.h>
#include <exo/sched.h>
#include <exo/string.h>
#include <arch/mmu.h>

#define USER_AT 0x40000000ul

static volatile u8 sink;

/* The byte at p + n, which the compiler must not see through: it or UBSan would object first. */
static volatile u8 *byte_at(const void *p, size_t n)
{
	uintptr_t at = (uintptr_t)p;

	__asm__("" : "+r"(at));
	return (volatile u8 *)(at + n);
}

/* ---- the CPU's protections ---- */

static void null_read(void)
{
	sink = *byte_at(NULL, 8);
}

static void text_write(void)
{
	*byte_at((void *)text_write, 0) = 0xc3;
}

static void constant_write(void)
{
	static const u8 constant = 1;

	*byte_at(&constant, 0) = 0xc3;
}

static void call(volatile u8 *code)
{
	((void (*)(void))(uintptr_t)code)();
}

static void data_execute(void)
{
	u8 *code = kmalloc(16, ALLOC_KERNEL);

	*code = 0xc3; /* RET */
	call(byte_at(code, 0));
}

/* A page of a user space that is entered for good. */
static volatile u8 *user_page(void)
{
	struct pmap *m = kzalloc(sizeof(*m), ALLOC_KERNEL);
	struct page *p = page_alloc(0, ALLOC_ZERO);

	memset(page_to_virt(p), 0xc3, 8);
	preempt_disable();
	if (pmap_init(m) ||
		pmap_replace(m, USER_AT, 0, pte_make(page_to_phys(p), PROT_R | PROT_X | PMAP_USER)))
		panic("no memory for a user space");
	pmap_activate(NULL, m);
	return (u8 *)USER_AT;
}

static void user_read(void)
{
	sink = *user_page();
}

static void user_execute(void)
{
	call(user_page());
}

/* ---- KASAN ---- */

#ifdef EXO_KASAN
static u8 global_bytes[13];

static void heap_read(void)
{
	sink = *byte_at(kmalloc(21, ALLOC_KERNEL), 21);
}

static void heap_left(void)
{
	*byte_at(kmalloc(21, ALLOC_KERNEL), -1ul) = 1;
}

static void heap_large(void) /* whole pages */
{
	*byte_at(kmalloc(3 * PAGE_SIZE + 10, ALLOC_KERNEL), 3 * PAGE_SIZE + 10) = 1;
}

static void heap_copy(void) /* by a function that no compiler instruments */
{
	memcpy((u8 *)byte_at(kmalloc(21, ALLOC_KERNEL), 0), "23 bytes with the end.", 23);
}

static void heap_free(void)
{
	u8 *p = kmalloc(100, ALLOC_KERNEL);

	kfree(p);
	sink = *byte_at(p, 50);
}

static void heap_free_twice(void) /* heap_check.c reports it */
{
	void *p = kmalloc(100, ALLOC_KERNEL);

	kfree(p);
	kfree((void *)byte_at(p, 0));
}

static void page_use(void)
{
	struct page *p = page_alloc(0, ALLOC_KERNEL);

	page_free(p, 0);
	*byte_at(page_to_virt(p), 99) = 1;
}

static void stack_read(void)
{
	u8 bytes[13];

	*byte_at(bytes, 0) = 1;
	sink = *byte_at(bytes, sizeof(bytes));
}

static void stack_left(void)
{
	u8 bytes[13];

	*byte_at(bytes, -1ul) = 1;
	sink = *byte_at(bytes, 0);
}

static void global_write(void)
{
	*byte_at(global_bytes, sizeof(global_bytes)) = 1;
}

static void vmalloc_write(void)
{
	*byte_at(vmalloc(100, ALLOC_KERNEL), 100) = 1;
}

static void vmalloc_free(void)
{
	u8 *p = vmalloc(100, ALLOC_KERNEL);

	vfree(p);
	sink = *byte_at(p, 50);
}

static void wild_read(void)
{
	sink = *byte_at(NULL, 0x1000);
}
#endif

static const struct {
	const char *name;
	void (*run)(void);
} faults[] = {
	{"null", null_read},
	{"text", text_write},
	{"constant", constant_write},
	{"nx", data_execute},
	{"smap", user_read},
	{"smep", user_execute},
#ifdef EXO_KASAN
	{"kasan-heap", heap_read},
	{"kasan-left", heap_left},
	{"kasan-large", heap_large},
	{"kasan-copy", heap_copy},
	{"kasan-free", heap_free},
	{"kasan-twice", heap_free_twice},
	{"kasan-page", page_use},
	{"kasan-stack", stack_read},
	{"kasan-stack-left", stack_left},
	{"kasan-global", global_write},
	{"kasan-vmalloc", vmalloc_write},
	{"kasan-vfree", vmalloc_free},
	{"kasan-wild", wild_read},
#endif
};

void fault_run(const char *word)
{
	for (size_t i = 0; i < ARRAY_LEN(faults); i++)
		if (!strcmp(faults[i].name, word)) {
			faults[i].run();
			log_err("selftest: not ok - %s was not caught", word);
		}
}

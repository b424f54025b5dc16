/* Address spaces. Code in kernel/memory/virtual/. Layer: memory.
 *
 * struct vm_space = ordered areas + one pmap. An area maps [start, end) of nothing (anonymous
 * private) or of a memory object at an offset. Anonymous private pages live in the page table only;
 * a private mapping of an object reads the object's pages and gets its own copy at the first write;
 * a shared mapping writes the object's pages. Shared anonymous memory is an object without file.
 * Faults take the area's lock (read), never the space lock. Changes take space->lock (write) then
 * the areas' locks. */
#pragma once

#include <exo/types.h>
#include <exo/memory.h>
#include <exo/sync.h>
#include <exo/rbtree.h>
#include <arch/mmu.h>
#include <exo_abi/linux_mm.h>

struct file;
struct grant;
struct vm_object;

/* ---- memory objects: the page cache of an inode, shared memory ---- */
struct vm_object_ops {
	/* fill - reads page @index (locked for filling, already zeroed). 0 | -EIO | -ENOMEM. NULL:
	 * zero-fill object (tmpfs, shm). */
	int (*fill)(struct vm_object *o, struct page *p);
	/* before the first write to a clean page of a shared mapping or by write(); NULL = just
	 * mark dirty */
	int (*make_writable)(struct vm_object *o, struct page *p);
	/* last reference; pages already gone; frees the container */
	void (*release)(struct vm_object *o);
	/* quota of the file system; NULL = none. 0 | -ENOSPC */
	int (*charge)(struct vm_object *o, s64 pages);
};
struct vm_object {
	u32 refs;                        /* [a] */
	const struct vm_object_ops *ops; /* [c] */
	spinlock_t lock;                 /* page tree, mappings list */
	void *tree;        /* [lock write, RCU read] radix tree index -> struct page */
	u64 page_count;    /* [lock] */
	u64 size_bytes;    /* [inode lock; atomic read] faults beyond round_up(size) are SIGBUS */
	u32 invalidations; /* [a] counts removals of pages: a fault that raced with one undoes
			      itself */
	struct rwsem mappings_lock; /* S_MAPPINGS */
	struct list mappings;       /* [mappings_lock] areas, for truncate */
	u32 mem_counter; /* enum mem_counter its pages count in: MEM_CACHE or MEM_SHMEM */
	void *owner;     /* inode */
};
void vm_object_init(struct vm_object *o, const struct vm_object_ops *ops, void *owner);
/* shared anonymous; NULL = out of memory */
struct vm_object *vm_object_create_anon(u64 size_bytes);
void vm_object_get(struct vm_object *o);
void vm_object_put(struct vm_object *o);
/* vm_object_page - the page at @index with one more reference. @create: fill or zero it when
 * absent. Return: page | NULL (absent and !create) | err_ptr(-EIO, -ENOMEM, -ENOSPC). May sleep
 * when create. */
struct page *vm_object_page(struct vm_object *o, u64 index, bool create);
struct page *vm_object_peek(struct vm_object *o, u64 index); /* RCU, +1 ref or NULL; never sleeps */
void vm_object_mark_dirty(struct vm_object *o, struct page *p);
/* Pages leave an object at once for look-ups, and go back to the allocator after a grace period (a
 * peek may stand on them). size_bytes is written under object->lock too, by vm_object_truncate or
 * vm_object_set_size, so that a fault cannot add a page beyond it. */
/* growing only: append; nothing is unmapped */
void vm_object_set_size(struct vm_object *o, u64 size_bytes);
/* vm_object_truncate - drops pages at and after @new_size (zeroes the tail of the last), unmaps
 * them everywhere. Sets size_bytes. */
void vm_object_truncate(struct vm_object *o, u64 new_size_bytes);
/* vm_object_revoke - unmaps what is mapped through grants that are revoked now; nothing comes back
 * there. Context: thread. */
void vm_object_revoke(struct vm_object *o);
/* vm_object_punch - drops whole pages in [start,end) and zeroes the edges. */
void vm_object_punch(struct vm_object *o, u64 start, u64 end);
/* vm_object_next_data - index of the first present page >= index (SEEK_DATA); ~0 when none. */
u64 vm_object_next_data(struct vm_object *o, u64 index);
/* vm_object_drop_all - last user is going: all pages back, no mapping may be left. For containers
 * that are freed by their owner. */
void vm_object_drop_all(struct vm_object *o);

/* ---- areas and spaces ---- */
enum vm_flags {
	VM_READ = 1,
	VM_WRITE = 2,
	VM_EXEC = 4, /* same bits as PROT_R/W/X */
	VM_MAYREAD = 0x10,
	VM_MAYWRITE = 0x20,
	VM_MAYEXEC = 0x40,
	VM_SHARED = 0x80,
	VM_STACK = 0x100,
	VM_NORESERVE = 0x200,
	VM_SPECIAL = 0x400 /* device, vdso: no refs, no COW */,
	VM_HEAP = 0x800,
	VM_DONTFORK = 0x1000,
	VM_WIPEONFORK = 0x2000,
	VM_LOCKED = 0x4000,
	VM_DONTDUMP = 0x8000,
	VM_HUGE = 0x10000, /* madvise(MADV_HUGEPAGE) */
	VM_ACCOUNT = 0x40000,
	VM_NOHUGE = 0x100000,
	VM_DONTEXPAND = 0x80000, /* mremap does not make it longer */
	VM_KEY = PMAP_KEY,       /* number of its protection key */
	VM_POLICY = 0x7000000,   /* MPOL_* of mbind */
};
#define VM_POLICY_SHIFT 24
struct vm_area {
	struct rb_node node;      /* [space->lock write, tree_lock] */
	vaddr_t start, end;       /* [space->lock write + lock write] */
	u32 flags;                /* [lock] enum vm_flags */
	u32 refs;                 /* [a] faults hold one while they work */
	struct vm_space *space;   /* [c] */
	struct vm_object *object; /* [c] NULL = anonymous private */
	u64 object_page;          /* [lock] page index in object at start */
	struct file *file;        /* [c] for /proc/maps and mm ownership; may be NULL. Shared +1 */
	struct grant *grant;      /* [c] derived, by which it was made: when that is revoked, every
				     access fails. Shared +1; NULL = for good */
	const struct vm_special_ops *special; /* VM_SPECIAL: name for maps; fault gives a pte */
	void *special_ctx;
	/* A copy has its own from here on. */
	struct list mapping_node; /* [object->mappings_lock] */
	struct rwsem lock;        /* S_AREA; anonymous areas may grow at either end without it */
};
struct vm_special_ops {
	const char *name; /* "[vdso]", "[vvar]" */
	int (*fault)(struct vm_area *a, vaddr_t va, paddr_t *pa, u32 *pmap_flags); /* 0 | -EFAULT */
};
struct vm_space {
	u32 refs; /* [a] users: threads, /proc readers */
	struct pmap pmap;
	struct rwsem lock;        /* S_SPACE: area tree changes */
	spinlock_t tree_lock;     /* VM_TREE: the tree as faults see it */
	struct rb_tree areas;     /* [lock + tree_lock] */
	struct vm_area *last_hit; /* [tree_lock] borrowed from the tree */
	u32 area_count;           /* [lock] */
	u32 lock_future;          /* [lock] VM_LOCKED when mlockall(MCL_FUTURE) */
	u64 pages_total, pages_locked, pages_data, pages_stack; /* [lock] virtual size, in pages */
	s64 rss_anon, rss_file, rss_shmem;                      /* [a] resident pages */
	u64 rss_peak; /* [a] noted when pages go: vm_space_rss_peak */
	/* A child of fork has a copy of all from here on. */
	vaddr_t gap_hint; /* [lock] where the search for a free range from above begins */
	u64 gap_skipped;  /* [lock] largest gap above gap_hint, bytes */
	bool no_huge;     /* [a] PR_SET_THP_DISABLE; exec keeps it */
	u16 keys;         /* [lock] protection keys in use, a bit each */
	u8 exec_key;      /* [lock] that of memory to be executed alone; 0 = not chosen yet */
	u32 barriers;     /* [a] commands of membarrier that are registered */
	vaddr_t mmap_base, stack_top, vdso; /* [lock] */
	struct linux_mm_marks marks; /* [lock] but for the break nobody goes by them but /proc */
	struct file *exe;            /* [lock] +1 */
	u64 auxv[48];                /* [lock] ends with a pair whose first is 0, or at 46 */
	/* [a] bytes, copies of the RLIMITs, kept true by setrlimit */
	u64 limit_as, limit_data, limit_stack, limit_memlock;
};

/* vm_space_create - empty, with a random layout: stack_top and mmap_base below it. NULL = out of
 * memory. */
struct vm_space *vm_space_create(void);
/* vm_space_layout - chooses stack_top and mmap_base again; for exec, before anything is mapped.
 * @randomize false: fixed places. */
void vm_space_layout(struct vm_space *s, bool randomize);
u64 vm_random_pages(u64 bits); /* random number of pages, in bytes: 0 .. 2^bits-1 pages. For brk and
				  PIE bases. */
struct vm_space *vm_space_fork(struct vm_space *parent); /* err_ptr(-ENOMEM) */
void vm_space_get(struct vm_space *s);
void vm_space_put(struct vm_space *s);                  /* last: unmaps all, frees; NULL is fine */
static inline void vm_space_put_at(struct vm_space **s) /* for SCOPED; err_ptr and NULL are fine */
{
	if (*s && !is_err(*s))
		vm_space_put(*s);
}

struct vm_map_request {
	vaddr_t addr;     /* hint, or fixed */
	size_t len_bytes; /* rounded up */
	u32 flags;        /* enum vm_flags */
	bool fixed, noreplace, below4g, populate, grows_down;
	struct vm_object *object; /* borrowed (+1 taken) */
	u64 offset_bytes;         /* page aligned */
	struct file *file;        /* borrowed (+1 taken) */
	struct grant *grant; /* derived, with an object only; borrowed (+1 taken); may be NULL */
	const struct vm_special_ops *special;
	void *special_ctx;
};
/* 0 | -ENOMEM -EEXIST -EINVAL -EPERM */
int vm_map(struct vm_space *s, const struct vm_map_request *r, vaddr_t *out) MUST_USE;
int vm_unmap(struct vm_space *s, vaddr_t start, size_t len_bytes) MUST_USE;
#define VM_SET_KEY 0x80000000u
/* vm_protect - @prot with VM_SET_KEY: the key in its VM_KEY, too; with VM_STACK: from the beginning
 * of the area at @start on, which must be one that grows down. -ENOMEM hole | -EACCES | -EINVAL,
 * also a key that is not in use */
int vm_protect(struct vm_space *s, vaddr_t start, size_t len_bytes, u32 prot) MUST_USE;
int vm_remap(struct vm_space *s, vaddr_t old, size_t old_len, size_t new_len, u32 mremap_flags,
	vaddr_t new_addr, vaddr_t *out) MUST_USE;
/* vm_set_policy - what mbind said of pages in [start, end); it places none. 0 | -ENOMEM | -EFAULT
 * nothing is there, or a hole and @policy is not 0. */
int vm_set_policy(struct vm_space *s, vaddr_t start, vaddr_t end, u32 policy) MUST_USE;
int vm_advise(struct vm_space *s, vaddr_t start, size_t len_bytes, int advice) MUST_USE;
int vm_sync(struct vm_space *s, vaddr_t start, size_t len_bytes, int flags) MUST_USE;
enum vm_lock_mode { VM_UNLOCK, VM_LOCK, VM_LOCK_ON_FAULT, VM_LOCK_LEAVE };
int vm_lock_range(
	struct vm_space *s, vaddr_t start, size_t len_bytes, enum vm_lock_mode mode) MUST_USE;
/* mlockall: what is mapped, what will be. 0 | -ENOMEM */
int vm_lock_all(struct vm_space *s, enum vm_lock_mode areas, bool future) MUST_USE;
int vm_mincore(struct vm_space *s, vaddr_t start, size_t len_bytes, u8 *vec) MUST_USE;
/* vm_key_alloc - a key that is not in use. 0..15 | -ENOSPC. vm_key_free: 0 | -EINVAL. vm_key_at -
 * of the area at @va; 0. */
int vm_key_alloc(struct vm_space *s) MUST_USE;
int vm_key_free(struct vm_space *s, u32 key) MUST_USE;
u32 vm_key_at(struct vm_space *s, vaddr_t va);
u32 vm_exec_key(struct vm_space *s); /* for memory to be executed alone; 0 = none is left */
/* returns the (possibly old) break, as the system call does */
vaddr_t vm_brk(struct vm_space *s, vaddr_t new_brk);
static inline size_t vm_auxv_bytes(const struct vm_space *s)
{
	size_t n = 0;

	while (s->auxv[n])
		n += 2;
	return (n + 2) * sizeof(u64);
}
/* vm_marks_valid - all in user memory, in order, and the data within the space's limit. */
bool vm_marks_valid(const struct vm_space *s, const struct linux_mm_marks *m);
int vm_fault(struct vm_space *s, vaddr_t va, u32 access); /* see arch/uaccess.h vm_fault_current */
/* vm_access - reads or writes another space's memory (ptrace, /proc/PID/mem, cmdline). Return:
 * bytes moved | -EFAULT. */
#define VM_ACCESS_FORCE 1u /* also where the program itself may not write: debuggers */
#define VM_ACCESS_WRITE 2u
ssize_t vm_access(struct vm_space *s, vaddr_t va, void *buf, size_t len_bytes,
	u32 write /* 0, VM_ACCESS_* */);
/* vm_for_each_area - for /proc/maps: calls fn under space->lock (read) in address order; stops when
 * fn returns non-zero. */
int vm_for_each_area(
	struct vm_space *s, vaddr_t from, int (*fn)(void *ctx, struct vm_area *a), void *ctx);
/* vm_switch - pmap of next replaces that of prev. Called from the scheduler's switch. */
void vm_switch(struct vm_space *prev, struct vm_space *next);
/* vm_shared_key - names the memory at @va for a futex that other spaces may use: *object +1 and
 * page *index in it when the mapping is shared, *object NULL when private (then the space and the
 * address name it). 0 | -EFAULT not mapped. */
int vm_shared_key(struct vm_space *s, vaddr_t va, struct vm_object **object, u64 *index) MUST_USE;
/* vm_populate - faults the range in, as far as it goes; errors end it silently (MAP_POPULATE,
 * mlock). 0 | first error. */
int vm_populate(struct vm_space *s, vaddr_t start, vaddr_t end);
/* vm_space_rss - resident pages in all. */
static inline u64 vm_space_rss(const struct vm_space *s)
{
	s64 n = READ_ONCE(s->rss_anon) + READ_ONCE(s->rss_file) + READ_ONCE(s->rss_shmem);

	return n < 0 ? 0 : (u64)n;
}
static inline u64 vm_space_rss_peak(const struct vm_space *s)
{
	return MAX(vm_space_rss(s), READ_ONCE(s->rss_peak));
}
/* OOM: posix_x registers the killer; returns true when it freed something or a victim is dying
 * (retry). */
void vm_set_oom_killer(bool (*fn)(void));
/* Which areas get blocks of PMAP_SPAN bytes, with one entry of the page table: none, those with
 * VM_HUGE, all without VM_NOHUGE. */
enum vm_huge_mode { HUGE_NEVER, HUGE_MADVISE, HUGE_ALWAYS };
extern u32 vm_huge_mode;       /* [a] */
extern struct page *zero_page; /* [c] shared page of zeroes for read faults */
void vm_init(void);
u64 vm_committed_pages(void); /* Committed_AS */
/* What /proc/sys/vm/overcommit_* say. [a] Of kbytes and ratio (of the memory, in percent) the one
 * that is not 0 makes the limit, vm_commit_limit, in pages. */
enum { OVERCOMMIT_GUESS, OVERCOMMIT_ALWAYS, OVERCOMMIT_NEVER };
extern struct vm_overcommit {
	u64 mode, ratio, kbytes, admin_reserve_kb, user_reserve_kb;
} vm_overcommit;
u64 vm_commit_limit(void);
/* tlb_gather_count - notes the kind of an owned page that goes (unmap) or comes (copy); pmap code
 * calls it for each. */
static ALWAYS_INLINE void tlb_gather_count(struct tlb_gather *g, const struct page *p)
{
	g->owned[p->flags / PG_ANON % 4]++;
}

/* Objects, grants, capability spaces, credentials. Code in kernel/security/. Layer: security.
 *
 * A file descriptor is a slot of a capability space: {grant, flags}. A grant names an object with
 * rights; every object carries its root grant, so that an ordinary open file costs nothing extra.
 *
 * Look-ups are lock-free and may stand on an object while its last reference goes. So the memory of
 * an object must stay that of an object for a grace period: its container comes from a kmem_cache
 * with CACHE_RCU (refs stays 0 while free) or is freed through object.rcu. After taking its
 * reference a look-up checks that the slot still names the grant. */
#pragma once

#include <exo/types.h>
#include <exo/sync.h>
#include <exo/bitops.h>
#include <exo/sched.h>
#include <exo_abi/linux_capability.h>

enum cap_right {
	CAP_READ = 1,
	CAP_WRITE = 2,
	CAP_EXEC = 4,
	CAP_SEEK = 8,
	CAP_MAP = 0x10,
	CAP_STAT = 0x20,
	CAP_ADMIN = 0x40,
	CAP_LOOKUP = 0x80,
	CAP_CREATE = 0x100,
	CAP_DELETE = 0x200,
	CAP_BIND = 0x400,
	CAP_CONNECT = 0x800,
	CAP_LISTEN = 0x1000,
	CAP_SEND = 0x2000,
	CAP_RECV = 0x4000,
	CAP_WAIT = 0x8000,
	CAP_SIGNAL = 0x10000,
	CAP_DERIVE = 0x20000,
	CAP_TRANSFER = 0x40000,
	CAP_REVOKE = 0x80000,
	CAP_ALL = 0xfffff,
	/* What a working directory gives to everything below it. */
	CAP_NAMES = CAP_READ | CAP_WRITE | CAP_EXEC | CAP_STAT | CAP_ADMIN | CAP_LOOKUP |
		    CAP_CREATE | CAP_DELETE,
};
struct object;
struct grant;
struct cap_space;
struct object_type {
	const char *name;
	void (*release)(struct object *o); /* last reference; thread context; frees the container */
	/* a slot naming it went (POSIX locks, flush); may be NULL */
	void (*slot_closed)(struct object *o, struct cap_space *s);
	/* last reference of a derived grant; may be NULL */
	void (*grant_gone)(struct object *o, const struct grant *g);
	void (*revoked)(struct object *o); /* a derived grant was revoked: what hangs on such for
					      good (mappings) goes. Thread; may be NULL */
	u32 exo_type; /* enum exo_type of the ABI; 0 = it is a struct file, which knows */
};
struct grant {
	struct object *object; /* [c] */
	struct grant *parent;  /* [c] NULL = root grant, embedded in the object */
	u32 rights;            /* [c] enum cap_right */
	u32 refs;    /* [a] derived grants only; a root grant lives as long as its object */
	u8 state;    /* [a] GRANT_*; 0 for root grants: nothing to look up */
	u8 depth;    /* [c] derivations from the root grant */
	u32 gc_refs; /* [flight_lock of net] derived grants: references in flight */
	u64 epoch;   /* [a] grows when all children are revoked */
};
#define GRANT_DERIVED   1u
#define GRANT_REVOKED   2u
#define GRANT_DEPTH_MAX 64
struct object {
	const struct object_type *type; /* [c] */
	u32 refs;                       /* [a] */
	struct grant root;
	struct rcu_head rcu;
};
void object_init(struct object *o, const struct object_type *t, u32 rights); /* refs = 1 */
void object_get(struct object *o);
void object_put(struct object *o);

/* ---- capability space ---- */
#define CAP_CLOEXEC 1u
struct cap_slot {
	struct grant *grant; /* [lock write, RCU read] NULL = free */
	u32 flags;           /* [lock] CAP_CLOEXEC */
};
struct cap_table { /* replaced whole when it grows; old one freed after RCU */
	u32 slots_max;
	struct rcu_head rcu;
	u64 *used; /* [lock] bitmap, bit i = slot i is taken or reserved; stands behind the slots */
	struct cap_slot slots[]; /* slots[slots_max] */
};
struct cap_space {
	u32 refs;                /* [a] processes/threads sharing it (CLONE_FILES) */
	spinlock_t lock;         /* CAPSPACE */
	struct cap_table *table; /* [lock write, RCU read] */
	u32 next_hint;           /* [lock] no free slot below */
	bool confined;           /* [a] capability mode, never left */
};
/* cap_confined - is current in capability mode? No global names then:
 * docs/specs/CAPABILITY_SYSTEM.md. */
static ALWAYS_INLINE bool cap_confined(void)
{
	return unlikely(current->caps && READ_ONCE(current->caps->confined));
}
struct cap_space *cap_space_create(void);              /* NULL = out of memory */
struct cap_space *cap_space_fork(struct cap_space *s); /* copy: err_ptr(-ENOMEM) */
void cap_space_put(struct cap_space *s);               /* last: closes every slot */
/* cap_get - object of slot @fd if the grant has all @rights and is not revoked; +1 reference.
 * Lock-free (RCU). Return: object | err_ptr(-EBADF | -EACCES rights missing | -EKEYREVOKED). */
struct object *cap_get(struct cap_space *s, cap_t fd, u32 rights);
/* cap_borrow - as cap_get, but when the space has one user (no other thread can close the slot) no
 * reference is taken and *borrowed is true; give back with cap_release. For the duration of one
 * system call of current. */
struct object *cap_borrow(struct cap_space *s, cap_t fd, u32 rights, bool *borrowed);
static inline void cap_release(struct object *o, bool borrowed)
{
	if (!borrowed)
		object_put(o);
}
/* +1 (object or derived grant); err_ptr(-EBADF) */
struct grant *cap_get_grant(struct cap_space *s, cap_t fd);
/* cap_get_gift - the grant of slot @fd of @s, +1, to be put into another space. err_ptr(-EBADF
 * | -EACCES no CAP_TRANSFER | -EKEYREVOKED). */
struct grant *cap_get_gift(struct cap_space *s, cap_t fd);
void grant_get(struct grant *g);
void grant_put(struct grant *g);
static inline void grant_put_at(struct grant **g) /* for SCOPED; err_ptr and NULL are fine */
{
	if (*g && !is_err(*g))
		grant_put(*g);
}
/* cap_install - lowest free slot >= @from; takes over the grant reference on success. Return: slot
 * | -EMFILE (>= limit) | -ENOMEM. */
cap_t cap_install(struct cap_space *s, struct grant *g, u32 flags, cap_t from, u32 limit);
/* cap_reserve/cap_fill/cap_unreserve - for calls that must know the number before the object exists
 * (open, pipe2, accept). */
cap_t cap_reserve(struct cap_space *s, u32 flags, u32 limit);
void cap_fill(struct cap_space *s, cap_t fd, struct grant *g);
void cap_unreserve(struct cap_space *s, cap_t fd);
int cap_close(struct cap_space *s, cap_t fd) MUST_USE; /* -EBADF */
/* dup2/dup3; takes over g; -EBADF -ENOMEM -EBUSY reserved */
int cap_replace(struct cap_space *s, cap_t fd, struct grant *g, u32 flags, u32 limit) MUST_USE;
/* cap_flags - those that slot @fd had; @set: those that it gets, -1 = the same. -EBADF */
int cap_flags(struct cap_space *s, cap_t fd, int set) MUST_USE;
void cap_close_range(struct cap_space *s, u32 first, u32 last, bool cloexec_only);
/* next used slot >= from, -1 none (/proc/PID/fd) */
cap_t cap_next(struct cap_space *s, cap_t from);
/* cap_derive - a child of @g (borrowed), which holds it, with fewer rights. @expires_ns:
 * CLOCK_MONOTONIC, 0 = never; then it is revoked by itself; never later than @g's. Return: grant,
 * +1 | err_ptr(-EACCES | -EMLINK too deep | -EKEYEXPIRED past | -EKEYREVOKED | -ENOMEM). */
struct grant *cap_derive(struct grant *g, u32 rights, ns_t expires_ns);
/* cap_revoke - @g and all below it, or only what is below it. O(1) and threads. 0 | -EPERM a root
 * grant itself. Context: thread. */
int cap_revoke(struct grant *g, bool children_only) MUST_USE;
bool grant_live(const struct grant *g); /* neither it nor an ancestor is revoked */
ns_t grant_expires_ns(const struct grant *g);
/* grant_watch - current's call depends on the derived grant @g: a revocation will end its sleep.
 * Return: grant_live. Until the way back to user mode. */
bool grant_watch(const struct grant *g);
u64 grant_watch_bit(const struct grant *g);
void cap_watch(u64 objects); /* the same for a set of grant_watch_bit; ask grant_live afterwards */
/* cap_get_derived - the grant of slot @fd, +1, when it names @o and is derived. NULL it is o's root
 * grant | err_ptr(-EBADF). */
struct grant *cap_get_derived(struct cap_space *s, cap_t fd, const struct object *o);
/* cap_rights - what slot @fd allows, for the call that has just borrowed @o from it. 0 | -EBADF
 * another thread changed the slot. */
int cap_rights(struct cap_space *s, cap_t fd, const struct object *o, u32 *rights) MUST_USE;
/* cap_poke - [ops] posix_x: threads whose cap_watch meets @objects begin their calls again. */
void cap_poke(u64 objects);
/* Bits that some thread may be watching; else there is nobody to look for. grant_watch sets the
 * thread's bit and then reads this, cap_poke empties it and then reads the threads. */
extern u64 cap_watched;        /* [a] */
extern u64 cap_revocations;    /* [a] how often something was revoked */
#define CAP_POKED (1ULL << 63) /* in thread->cap_watch: it was */

/* ---- credentials: immutable, shared, replaced ---- */
struct cred_ids {
	u32 real, effective, saved, fs;
};
struct cred {
	u32 refs; /* [a] */
	union {
		struct {
			u32 uid, euid, suid, fsuid, gid, egid, sgid, fsgid;
		};
		struct cred_ids ids[2]; /* users, groups */
	};
	/* Linux capability bits */
	u64 cap_permitted, cap_effective, cap_inheritable, cap_bounding, cap_ambient;
	u32 securebits;
	u32 group_count;
	u32 *groups; /* [c] sorted; of a copy they stand behind it */
	struct rcu_head rcu;
};
extern struct cred cred_root; /* boot credentials */
struct cred *cred_get(struct cred *c);
void cred_put(struct cred *c);
static inline void cred_put_at(struct cred **c) /* for SCOPED; NULL is fine */
{
	if (*c)
		cred_put(*c);
}
/* refs 1, private until published; NULL = out of memory */
struct cred *cred_copy(const struct cred *c);
bool cred_in_group(const struct cred *c, u32 gid);
static inline bool cred_capable(const struct cred *c, unsigned cap)
{
	return c->cap_effective >> cap & 1;
}

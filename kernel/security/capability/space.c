/* Capability spaces: the table of descriptors. Layer: security.
 * Locks: space->lock (CAPSPACE) for every change; look-ups run under RCU without it. A slot is
 * taken by its bit in `used`; a taken slot without grant is reserved (open(2) in progress) and
 * looks closed. Limits: CAP_SLOTS_MAX slots a space. */
#include <exo/security.h>
#include <exo/errno.h>
#include <exo/log.h>
#include <exo/memory.h>
#include <exo/string.h>

#define CAP_SLOTS_MIN 64u
#define CAP_SLOTS_MAX (1u << 20)

static struct cap_table *table_create(u32 slots)
{
	size_t slot_bytes = slots * sizeof(struct cap_slot);
	struct cap_table *t = kmalloc(sizeof(*t) + slot_bytes + slots / 8, ALLOC_KERNEL);

	if (!t)
		return NULL;
	t->slots_max = slots;
	t->used = (u64 *)((u8 *)t->slots + slot_bytes);
	memset(t->slots, 0, slot_bytes + slots / 8);
	return t;
}

RCU_KFREE(table_free_rcu, struct cap_table, rcu)

/* Makes the table hold slot @fd. Called and returns with the lock held; may drop it meanwhile. 0 |
 * -ENOMEM | -EMFILE. */
static int table_grow_locked(struct cap_space *s, u32 fd)
{
	while (fd >= s->table->slots_max) {
		u32 slots = s->table->slots_max;
		struct cap_table *old, *new;

		if (fd >= CAP_SLOTS_MAX)
			return -EMFILE;
		while (slots <= fd)
			slots *= 2;
		spin_unlock(&s->lock);
		new = table_create(slots);
		spin_lock(&s->lock);
		if (!new)
			return -ENOMEM;
		old = s->table;
		if (old->slots_max >= slots) { /* somebody else grew it */
			kfree(new);
			continue;
		}
		memcpy(new->slots, old->slots, old->slots_max * sizeof(struct cap_slot));
		memcpy(new->used, old->used, old->slots_max / 8);
		rcu_assign_pointer(s->table, new);
		rcu_call(&old->rcu, table_free_rcu);
	}
	return 0;
}

struct cap_space *cap_space_create(void)
{
	struct cap_space *s = kzalloc(sizeof(*s), ALLOC_KERNEL);

	if (!s)
		return NULL;
	s->refs = 1;
	spin_init(&s->lock, RANK_CAPSPACE);
	s->table = table_create(CAP_SLOTS_MIN);
	if (!s->table) {
		kfree(s);
		return NULL;
	}
	return s;
}

static u32 highest_word(const struct cap_table *t) /* number of bitmap words in use */
{
	u32 words = t->slots_max / 64;

	while (words && !t->used[words - 1])
		words--;
	return words;
}

struct cap_space *cap_space_fork(struct cap_space *s)
{
	struct cap_space *c = cap_space_create();
	struct cap_table *from;
	u32 words;
	int err;

	if (!c)
		return err_ptr(-ENOMEM);
	spin_lock(&s->lock);
	for (;;) { /* the table may grow while ours is made to fit */
		words = highest_word(s->table);
		if (words * 64 <= c->table->slots_max)
			break;
		spin_unlock(&s->lock);
		spin_lock(&c->lock);
		err = table_grow_locked(c, words * 64 - 1);
		spin_unlock(&c->lock);
		if (err) {
			cap_space_put(c);
			return err_ptr(-ENOMEM);
		}
		spin_lock(&s->lock);
	}
	from = s->table;
	for (u32 w = 0; w < words; w++) {
		u32 bit;

		for_each_bit (bit, from->used[w]) {
			struct cap_slot *slot = &from->slots[w * 64 + bit];

			if (!slot->grant) /* reserved by another thread's open: not ours */
				continue;
			grant_get(slot->grant);
			c->table->slots[w * 64 + bit] = *slot;
			c->table->used[w] |= BIT(bit);
		}
	}
	c->next_hint = s->next_hint;
	c->confined = s->confined;
	spin_unlock(&s->lock);
	return c;
}

/* The grant left its slot: tell the object's room, then drop the reference. No lock held. */
static void slot_dropped(struct cap_space *s, struct grant *g)
{
	struct object *o = g->object;

	if (o->type->slot_closed)
		o->type->slot_closed(o, s);
	grant_put(g);
}

static void slot_release_locked(struct cap_space *s, u32 fd)
{
	bit_clear(s->table->used, fd);
	if (fd < s->next_hint)
		s->next_hint = fd;
}

/* Takes the grant out of slot @fd. NULL = empty or reserved. */
static struct grant *slot_take_locked(struct cap_space *s, u32 fd)
{
	struct cap_slot *slot;
	struct grant *g;

	if (fd >= s->table->slots_max)
		return NULL;
	slot = &s->table->slots[fd];
	g = slot->grant;
	if (g) {
		WRITE_ONCE(slot->grant, NULL);
		slot->flags = 0;
		slot_release_locked(s, fd);
	}
	return g;
}

void cap_space_put(struct cap_space *s)
{
	if (__atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL))
		return;
	cap_close_range(s, 0, ~0u, false);
	rcu_call(&s->table->rcu, table_free_rcu);
	kfree(s);
}

void cap_close_range(struct cap_space *s, u32 first, u32 last, bool cloexec_only)
{
	spin_lock(&s->lock);
	for (u64 fd = first; fd <= last && fd < s->table->slots_max; fd++) {
		struct cap_table *t = s->table;
		u64 word = t->used[fd / 64] >> (fd % 64);
		struct grant *g;

		if (!word) {
			fd |= 63;
			continue;
		}
		fd += bit_ffs(word);
		if (fd > last)
			break;
		if (cloexec_only && !(t->slots[fd].flags & CAP_CLOEXEC))
			continue;
		g = slot_take_locked(s, (u32)fd);
		if (!g)
			continue;
		spin_unlock(&s->lock);
		slot_dropped(s, g);
		spin_lock(&s->lock);
	}
	spin_unlock(&s->lock);
}

static ALWAYS_INLINE struct grant *slot_peek(struct cap_space *s, cap_t fd)
{
	struct cap_table *t = rcu_dereference(s->table);

	return likely((u32)fd < t->slots_max) ? rcu_dereference(t->slots[fd].grant) : NULL;
}

static ALWAYS_INLINE struct object *grant_check(const struct grant *g, u32 rights)
{
	if (unlikely(rights & ~g->rights))
		return err_ptr(-EACCES);
	if (unlikely(__atomic_load_n(&g->state, __ATOMIC_ACQUIRE)) && !grant_watch(g))
		return err_ptr(-EKEYREVOKED);
	return g->object;
}

struct object *cap_get(struct cap_space *s, cap_t fd, u32 rights)
{
	struct object *o;
	struct grant *g;

	rcu_read_lock();
	do {
		g = slot_peek(s, fd);
		if (!g) {
			o = err_ptr(-EBADF);
			break;
		}
		o = grant_check(g, rights);
		if (is_err(o))
			break;
		if (!ref_get_live(&o->refs))
			continue; /* it is being closed: look again */
		if (likely(slot_peek(s, fd) == g))
			break;
		rcu_read_unlock();
		object_put(o); /* the slot changed hands; the put may sleep */
		rcu_read_lock();
	} while (1);
	rcu_read_unlock();
	return o;
}

struct object *cap_borrow(struct cap_space *s, cap_t fd, u32 rights, bool *borrowed)
{
	struct grant *g;

	*borrowed = __atomic_load_n(&s->refs, __ATOMIC_RELAXED) == 1;
	if (unlikely(!*borrowed))
		return cap_get(s, fd, rights);
	g = slot_peek(s, fd);
	return likely(g) ? grant_check(g, rights) : err_ptr(-EBADF);
}

struct grant *cap_get_grant(struct cap_space *s, cap_t fd)
{
	spinlock_t *held SCOPED(spin_release) = spin_hold(&s->lock);
	struct grant *g = slot_peek(s, fd);

	if (!g)
		return err_ptr(-EBADF);
	grant_get(g);
	return g;
}

static u32 find_free(const struct cap_table *t, u32 from) /* slots_max when full */
{
	for (u32 w = from / 64; w < t->slots_max / 64; w++) {
		u64 free = ~t->used[w];

		if (w == from / 64)
			free &= ~0ULL << from % 64;
		if (free)
			return w * 64 + bit_ffs(free);
	}
	return MAX(t->slots_max, from);
}

/* Marks the lowest free slot >= @from as taken. Lock held; may drop it. Slot | -EMFILE | -ENOMEM.
 */
static cap_t slot_reserve_locked(struct cap_space *s, u32 flags, u32 from, u32 limit)
{
	for (;;) {
		u32 fd = find_free(s->table, MAX(from, s->next_hint));
		int err;

		if (fd >= limit)
			return -EMFILE;
		if (fd < s->table->slots_max) {
			bit_set(s->table->used, fd);
			s->table->slots[fd].flags = flags;
			if (from <= s->next_hint)
				s->next_hint = fd + 1;
			return (cap_t)fd;
		}
		err = table_grow_locked(s, fd);
		if (err)
			return err;
	}
}

static void slot_set_locked(struct cap_space *s, cap_t fd, struct grant *g)
{
	rcu_assign_pointer(s->table->slots[fd].grant, g); /* pairs with slot_peek */
}

cap_t cap_install(struct cap_space *s, struct grant *g, u32 flags, cap_t from, u32 limit)
{
	spinlock_t *held SCOPED(spin_release) = spin_hold(&s->lock);
	cap_t fd = slot_reserve_locked(s, flags, (u32)from, limit);

	if (fd >= 0)
		slot_set_locked(s, fd, g);
	return fd;
}

cap_t cap_reserve(struct cap_space *s, u32 flags, u32 limit)
{
	spinlock_t *held SCOPED(spin_release) = spin_hold(&s->lock);

	return slot_reserve_locked(s, flags, 0, limit);
}

void cap_fill(struct cap_space *s, cap_t fd, struct grant *g)
{
	spinlock_t *held SCOPED(spin_release) = spin_hold(&s->lock);

	slot_set_locked(s, fd, g);
}

void cap_unreserve(struct cap_space *s, cap_t fd)
{
	spinlock_t *held SCOPED(spin_release) = spin_hold(&s->lock);

	s->table->slots[fd].flags = 0;
	slot_release_locked(s, (u32)fd);
}

int cap_close(struct cap_space *s, cap_t fd)
{
	struct grant *g;

	spin_lock(&s->lock);
	g = slot_take_locked(s, (u32)fd);
	spin_unlock(&s->lock);
	if (!g)
		return -EBADF;
	slot_dropped(s, g);
	return 0;
}

int cap_replace(struct cap_space *s, cap_t fd, struct grant *g, u32 flags, u32 limit)
{
	struct grant *old;
	int err;

	if ((u32)fd >= limit)
		return -EBADF;
	spin_lock(&s->lock);
	err = table_grow_locked(s, (u32)fd);
	old = err ? NULL : s->table->slots[fd].grant;
	if (!err && !old && bit_test(s->table->used, (u32)fd))
		err = -EBUSY; /* reserved by an open in progress */
	if (!err) {
		bit_set(s->table->used, (u32)fd);
		s->table->slots[fd].flags = flags;
		slot_set_locked(s, fd, g);
	}
	spin_unlock(&s->lock);
	if (old)
		slot_dropped(s, old);
	return err == -EMFILE ? -EBADF : err;
}

int cap_flags(struct cap_space *s, cap_t fd, int set)
{
	spinlock_t *held SCOPED(spin_release) = spin_hold(&s->lock);
	int flags;

	if (!slot_peek(s, fd))
		return -EBADF;
	flags = (int)s->table->slots[fd].flags;
	if (set >= 0)
		s->table->slots[fd].flags = (u32)set;
	return flags;
}

cap_t cap_next(struct cap_space *s, cap_t from)
{
	cap_t fd = from;

	rcu_read_lock();
	while ((u32)fd < rcu_dereference(s->table)->slots_max && !slot_peek(s, fd))
		fd++;
	if ((u32)fd >= rcu_dereference(s->table)->slots_max)
		fd = -1;
	rcu_read_unlock();
	return fd;
}

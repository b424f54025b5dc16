/* Descriptors in flight: grants that wait in the queues of sockets (SCM_RIGHTS). Layer: net.
 *
 * A socket that waits in a queue which only sockets in such queues can read is lost: nobody can get
 * at it and no reference count falls to zero. unix_flight_collect finds those: a socket is reached
 * when its file has a reference that is not in flight, or when it waits in the queue of a socket
 * that is reached. What waits at the others is dropped. It runs when an AF_UNIX socket goes, and
 * before a user is told that too much is in flight.
 *
 * A derived grant holds its object too. It counts as in flight when all its references are, and its
 * own reference on its parent then counts like one.
 *
 * Putting a grant may close a socket in whose queue there are more: that goes by a list, not by
 * recursion.
 *
 * Locks: flight_lock (S_SOCKET, inside sockets' locks): every list of flights, the gc_ fields,
 * listener. burial_lock (S_BURIAL): who puts grants; never taken twice by one thread.
 *
 * Source: unix(7), cmsg(3), getrlimit(2). */
#include "unix_internal.h"

#include <exo/errno.h>
#include <exo/memory.h>
#include <exo/posix_x.h>
#include <exo/sched.h>
#include <exo/string.h>

static struct mutex flight_lock, burial_lock;
static struct list flights = LIST_INIT(flights); /* [flight_lock] scm_fds that wait in queues */
static u32 sockets_in_flight;                    /* [flight_lock; read racy] */
static struct list graves = LIST_INIT(graves);   /* [graves_lock] struct scm_fds to put */
static spinlock_t graves_lock = SPINLOCK_INIT(RANK_SOCKET_SPIN);

struct unix_socket *unix_granted(const struct grant *g)
{
	struct socket *s =
		g->object->type == &file_object_type ? socket_of(object_file(g->object)) : NULL;

	return s && s->family == AF_UNIX ? unix_of(s) : NULL;
}

static u32 sockets_among(const struct scm_fds *f)
{
	u32 n = 0;

	for (u32 i = 0; i < f->count; i++)
		n += unix_granted(f->grants[i]) != NULL;
	return n;
}

/* ---- sets of grants ---- */

int scm_fds_add(struct scm_fds **fds, const s32 *slots, u32 count)
{
	struct scm_fds *f = *fds;
	u32 had = f ? f->count : 0;
	int err = 0;

	if (count > SCM_FDS_MAX - had)
		return -EINVAL;
	if (!count)
		return 0;
	f = krealloc(f, sizeof(*f) + (had + count) * sizeof(f->grants[0]), ALLOC_KERNEL);
	if (!f)
		return -ENOMEM;
	list_init(&f->node);
	if (!had) {
		f->account = NULL;
		f->count = 0;
	}
	*fds = f;
	for (u32 i = 0; i < count && !err; i++) {
		struct grant *g = cap_get_gift(current->caps, slots[i]);

		if (is_err(g))
			err = (int)ptr_err(g);
		else
			f->grants[f->count++] = g;
	}
	if (!err && account_charge_flight(&f->account, count)) {
		unix_flight_collect(); /* a second look, without what nobody can get at */
		err = account_charge_flight(&f->account, count);
	}
	for (; err && f->count > had; f->count--) /* what is put later is what was charged */
		grant_put(f->grants[f->count - 1]);
	return err;
}

static void bury(struct scm_fds *f)
{
	for (u32 i = 0; i < f->count; i++)
		grant_put(f->grants[i]);
	kfree(f);
}

static struct scm_fds *grave_next(void)
{
	spinlock_t *held SCOPED(spin_release) = spin_hold(&graves_lock);

	return list_pop(&graves, struct scm_fds, node);
}

void scm_fds_free(struct scm_fds *f)
{
	if (!f)
		return;
	if (f->account)
		account_discharge(f->account, f->count, 0);
	spin_lock(&graves_lock);
	list_add_tail(&graves, &f->node);
	spin_unlock(&graves_lock);
	if (mutex_held(&burial_lock)) /* we are called from bury(), further up */
		return;
	mutex_lock(&burial_lock);
	while ((f = grave_next()))
		bury(f);
	mutex_unlock(&burial_lock);
	unix_flight_collect(); /* comes back here at most once: it finds all that is lost */
}

/* ---- queues ---- */

/* Who reads @f: of an end that nobody has accepted the listener. flight_lock held. */
static struct unix_socket *reader_of(const struct scm_fds *f)
{
	return f->holder->listener ? f->holder->listener : f->holder;
}

void unix_flight_begin(struct unix_socket *holder, struct scm_fds **message)
{
	struct scm_fds *f = *message;

	if (!f)
		return;
	struct mutex *held SCOPED(mutex_release) = mutex_hold(&flight_lock);
	f->holder = holder;
	f->message = message;
	list_add_tail(&flights, &f->node);
	WRITE_ONCE(sockets_in_flight, sockets_in_flight + sockets_among(f));
}

void unix_flight_end(struct scm_fds *f)
{
	if (!f)
		return;
	struct mutex *held SCOPED(mutex_release) = mutex_hold(&flight_lock);
	list_del(&f->node);
	WRITE_ONCE(sockets_in_flight, sockets_in_flight - sockets_among(f));
}

struct scm_fds *unix_flight_copy(struct scm_fds *f)
{
	size_t bytes = sizeof(*f) + f->count * sizeof(f->grants[0]);
	struct scm_fds *copy = kmalloc(bytes, ALLOC_KERNEL);

	if (!copy)
		return NULL;
	mutex_lock(&flight_lock); /* references do not grow under the collector */
	memcpy(copy, f, bytes);
	for (u32 i = 0; i < f->count; i++)
		grant_get(f->grants[i]);
	mutex_unlock(&flight_lock);
	copy->account = NULL;
	list_init(&copy->node);
	return copy;
}

void unix_flight_accepted(struct unix_socket *end)
{
	struct mutex *held SCOPED(mutex_release) = mutex_hold(&flight_lock);

	end->listener = NULL;
}

/* ---- the collector ---- */

/* Calls @fn for each grant of each flight. */
static void for_each_grant(void (*fn)(struct grant *g))
{
	struct scm_fds *f;

	list_for_each_entry (f, &flights, node)
		for (u32 i = 0; i < f->count; i++)
			fn(f->grants[i]);
}

static void forget_socket(struct unix_socket *s)
{
	s->gc_refs = 0;
	s->gc_reached = false;
	s->gc_flights = NULL;
}

static void forget(struct grant *g)
{
	struct unix_socket *s = unix_granted(g);

	if (s)
		forget_socket(s);
	for (; g->parent; g = g->parent)
		g->gc_refs = 0;
}

static void count(struct grant *g)
{
	struct unix_socket *s = unix_granted(g);

	if (!s)
		return;
	for (; g->parent; g = g->parent) {
		if (++g->gc_refs != __atomic_load_n(&g->refs, __ATOMIC_RELAXED))
			return; /* a part of it is held elsewhere */
		s->gc_refs++;   /* a derived grant's own hold on its object */
	}
	s->gc_refs++;
}

static struct unix_socket *reached; /* [flight_lock] to be looked at */

static void reach(struct unix_socket *s)
{
	if (s->gc_reached)
		return;
	s->gc_reached = true;
	s->gc_next = reached;
	reached = s;
}

static void reach_all(void)
{
	struct unix_socket *s, *t;

	while ((s = reached)) {
		reached = s->gc_next;
		for (const struct scm_fds *f = s->gc_flights; f; f = f->gc_next) {
			for (u32 i = 0; i < f->count; i++) {
				t = unix_granted(f->grants[i]);
				if (t)
					reach(t);
			}
		}
	}
}

void unix_flight_collect(void)
{
	struct list lost = LIST_INIT(lost);
	struct scm_fds *f, *next;
	struct unix_socket *s;

	if (!READ_ONCE(sockets_in_flight) ||
		mutex_held(&burial_lock)) /* who buries looks again at the end */
		return;
	mutex_lock(&flight_lock);
	list_for_each_entry (f, &flights, node)
		forget_socket(reader_of(f));
	for_each_grant(forget);
	for_each_grant(count);
	list_for_each_entry (f, &flights, node) {
		s = reader_of(f);
		f->gc_next = s->gc_flights;
		s->gc_flights = f;
	}
	list_for_each_entry (f, &flights, node) {
		struct file *file = reader_of(f)->socket.file;
		u32 refs = file ? __atomic_load_n(&file->object.refs, __ATOMIC_RELAXED) : 0;

		/* 0: nobody's yet, or who closes it purges it */
		if (!refs || refs != reader_of(f)->gc_refs)
			reach(reader_of(f));
	}
	reach_all();
	list_for_each_entry_safe (f, next, &flights, node) {
		if (reader_of(f)->gc_reached)
			continue;
		*f->message = NULL; /* which nobody will read */
		sockets_in_flight -= sockets_among(f);
		list_move_tail(&lost, &f->node);
	}
	mutex_unlock(&flight_lock);
	while ((f = list_pop(&lost, struct scm_fds, node)))
		scm_fds_free(f);
}

void unix_flight_init(void)
{
	mutex_init(&flight_lock, RANK_S_SOCKET);
	mutex_init(&burial_lock, RANK_S_BURIAL);
}

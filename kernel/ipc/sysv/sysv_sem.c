/* System V semaphores. Layer: ipc.
 *
 * A call does all its operations at once or queues itself; whoever changes a value does, in the
 * order of arrival, the operations of those that can go on now, so none of them is overtaken by a
 * newcomer and each happens once. SEM_UNDO notes what a process owes a set; processes that share
 * (CLONE_SYSVSEM) owe together, and the last of them that ends pays.
 *
 * Locks: object->lock; an ending process looks for what it owes under table->lock.
 * Limits: the four of /proc/sys/kernel/sem. Sources: semget(2), semop(2), semctl(2). */
#include <exo/sched.h>
#include "sysv_internal.h"

#define BLOCKED 1

struct semaphore_value {
	s32 value, pid; /* [o.lock] */
};
struct sem_set {
	struct sysv_object o;
	struct list waiting;           /* [o.lock] struct sem_wait */
	struct list undos;             /* [o.lock] struct sem_undo */
	struct semaphore_value sems[]; /* [o.size] */
};
struct sem_undo {
	struct list node;                  /* [o.lock of the set] */
	const struct sem_undo_list *owner; /* [c] only compared */
	s16 adjust[];                      /* [o.lock] of each semaphore */
};
struct sem_undo_list { /* who owes together */
	u32 refs;      /* [a] threads */
	bool used;     /* [a] some set may have an undo of it */
};
struct sem_wait {
	const struct sembuf_abi *ops; /* [c] */
	u32 count;                    /* [c] */
	bool alters;                  /* [c] */
	struct sem_undo *undo;        /* [c] NULL: none */
	pid_t pid;                    /* [c] */
	/* while it sleeps, [o.lock]: */
	struct list node;
	struct waitqueue wq;
	const struct sembuf_abi *blocked; /* the operation that must wait */
	s32 result;                       /* BLOCKED until it may go; read racy */
};

/* ---- operations ---- */

/* All or none. 0 | BLOCKED, w->blocked tells at which | -EAGAIN | -ERANGE */
static int try_locked(struct sem_set *s, struct sem_wait *w)
{
	const struct sembuf_abi *op = w->ops, *end = op + w->count;
	int ret = 0;

	for (; op < end; op++) {
		s16 *owed = op->flags & SEM_UNDO ? &w->undo->adjust[op->number] : NULL;
		s32 *value = &s->sems[op->number].value;

		if (op->change ? *value + op->change < 0 : *value)
			ret = op->flags & (s16)IPC_NOWAIT ? -EAGAIN : BLOCKED;
		else if (*value + op->change > SEM_VALUE_MAX ||
			 (owed && *owed - op->change != (s16)(*owed - op->change)))
			ret = -ERANGE;
		if (ret)
			break;
		*value += op->change;
		if (owed)
			*owed -= op->change;
	}
	w->blocked = op;
	while (op-- > w->ops) {
		if (!ret) {
			s->sems[op->number].pid = w->pid;
			continue;
		}
		s->sems[op->number].value -= op->change;
		if (op->flags & SEM_UNDO)
			w->undo->adjust[op->number] += op->change;
	}
	if (!ret)
		s->o.ds.sem.otime = sysv_now();
	return ret;
}

static void finish_locked(struct sem_wait *w, int result)
{
	list_del(&w->node);
	WRITE_ONCE(w->result, result);
	wake_all(&w->wq, 0); /* its frame stays: it takes the lock before it leaves */
}

/* A value changed: whoever can go on does. */
static void changed_locked(struct sem_set *s)
{
	struct sem_wait *w, *next;
	bool again;
	int ret;

	do {
		again = false;
		list_for_each_entry_safe (w, next, &s->waiting, node) {
			ret = try_locked(s, w);
			if (ret == BLOCKED)
				continue;
			again |= !ret && w->alters;
			finish_locked(w, ret);
		}
	} while (again);
}

/* ---- undoing ---- */

static struct sem_undo *undo_find_locked(struct sem_set *s, const struct sem_undo_list *owner)
{
	struct sem_undo *u;

	list_for_each_entry (u, &s->undos, node)
		if (u->owner == owner)
			return u;
	return NULL;
}

/* Current's list. NULL = out of memory. */
static struct sem_undo_list *undo_list_get(void)
{
	struct sem_undo_list **l = &current->sem_undos;

	if (!*l && (*l = kzalloc(sizeof(**l), ALLOC_KERNEL)))
		(*l)->refs = 1;
	return *l;
}

/* Current's undo for @s. The lock is let go for it. 0 | -ENOMEM | -EIDRM. */
static int undo_get_locked(struct sem_set *s, struct sem_undo **out)
{
	struct sem_undo_list *l;
	struct sem_undo *fresh;
	int err = 0;

	*out = current->sem_undos ? undo_find_locked(s, current->sem_undos) : NULL;
	if (*out)
		return 0;
	spin_unlock(&s->o.lock);
	l = undo_list_get();
	fresh = l ? kzalloc(sizeof(*fresh) + s->o.size * sizeof(s16), ALLOC_DATA) : NULL;
	spin_lock(&s->o.lock);
	*out = undo_find_locked(s, l); /* another thread of ours was faster */
	if (!fresh || s->o.removed) {
		err = fresh ? -EIDRM : -ENOMEM;
	} else if (!*out) {
		l->used = true;
		fresh->owner = l;
		list_add(&s->undos, &fresh->node);
		*out = fresh;
		return 0;
	}
	kfree(fresh);
	return err;
}

int sem_undo_share(struct thread *child)
{
	struct sem_undo_list *l = undo_list_get();

	if (!l)
		return -ENOMEM;
	__atomic_fetch_add(&l->refs, 1, __ATOMIC_RELAXED);
	child->sem_undos = l;
	return 0;
}

static void undo_pay(struct sem_set *s, const struct sem_undo_list *owner)
{
	spinlock_t *held SCOPED(spin_release) = spin_hold(&s->o.lock);
	struct sem_undo *u = undo_find_locked(s, owner);

	if (!u)
		return;
	for (u32 i = 0; i < s->o.size; i++) {
		s32 paid = MIN(MAX(s->sems[i].value + u->adjust[i], 0), SEM_VALUE_MAX);

		if (!u->adjust[i])
			continue;
		s->sems[i] = (struct semaphore_value){paid, sysv_pid()};
		s->o.ds.sem.otime = sysv_now();
	}
	list_del(&u->node);
	kfree(u);
	changed_locked(s);
}

void sem_undo_exit(struct thread *t)
{
	struct sysv_table *table = sysv_table(SYSV_SEM);
	struct sem_undo_list *l = t->sem_undos;

	t->sem_undos = NULL;
	if (!l || __atomic_sub_fetch(&l->refs, 1, __ATOMIC_ACQ_REL))
		return;
	if (l->used) {
		mutex_lock(&table->lock);
		for (u32 i = 0; i < table->slots_max; i++)
			if (table->slots[i])
				undo_pay(container_of(table->slots[i], struct sem_set, o), l);
		mutex_unlock(&table->lock);
	}
	kfree(l);
}

/* ---- calls ---- */

/* Sleeps until somebody did the operations, or the set went. Locked, and after it. */
static long sleep_locked(struct sem_set *s, struct sem_wait *w, ns_t deadline_ns)
{
	int err;

	waitqueue_init(&w->wq);
	w->result = BLOCKED;
	list_add_tail(&s->waiting, &w->node);
	spin_unlock(&s->o.lock);
	err = wait_event_timeout(&w->wq, READ_ONCE(w->result) != BLOCKED, deadline_ns);
	spin_lock(&s->o.lock);
	if (w->result != BLOCKED)
		return w->result;
	list_del(&w->node);
	return err == -ETIMEDOUT ? -EAGAIN : -EINTR;
}

long sem_operate(s32 id, const struct sembuf_abi USER *user, u32 count, ns_t deadline_ns)
{
	struct sembuf_abi *ops SCOPED(kfree_at) = NULL;
	struct sem_set *s SCOPED(sysv_unlock) = err_ptr(-EINVAL);
	struct sem_wait w = {.count = count, .pid = sysv_pid()};
	bool undo = false;
	u32 highest = 0;
	long ret = 0;

	if (count > READ_ONCE(sysv_table(SYSV_SEM)->other_max))
		return -E2BIG;
	if (!count)
		return -EINVAL;
	w.ops = ops = kmalloc(count * sizeof(*ops), ALLOC_KERNEL);
	if (!ops)
		return -ENOMEM;
	if (copy_from_user(ops, user, count * sizeof(*ops)))
		return -EFAULT;
	for (u32 i = 0; i < count; i++) {
		w.alters |= ops[i].change != 0;
		undo |= (ops[i].flags & SEM_UNDO) != 0;
		highest = MAX(highest, (u32)ops[i].number);
	}
	s = sysv_lock(sysv_table(SYSV_SEM), id, w.alters ? 0222 : 0444);
	if (is_err(s))
		return ptr_err(s);
	if (highest >= s->o.size)
		return -EFBIG;
	if (undo)
		ret = undo_get_locked(s, &w.undo);
	if (!ret)
		ret = try_locked(s, &w);
	if (!ret && w.alters)
		changed_locked(s);
	return ret == BLOCKED ? sleep_locked(s, &w, deadline_ns) : ret;
}

/* The values of some semaphores from number @first on. */
static int set_locked(struct sem_set *s, u32 first, u64 count, const u16 *values)
{
	struct sem_undo *u;

	for (u32 i = 0; i < count; i++)
		if (values[i] > SEM_VALUE_MAX)
			return -ERANGE;
	for (u32 i = 0; i < count; i++) {
		s->sems[first + i] = (struct semaphore_value){values[i], sysv_pid()};
		list_for_each_entry (u, &s->undos, node)
			u->adjust[first + i] = 0;
	}
	sysv_changed(&s->o);
	changed_locked(s);
	return 0;
}

/* How many wait until it is 0, or until it grows. */
static long waiting_locked(struct sem_set *s, u32 number, bool for_zero)
{
	struct sem_wait *w;
	long n = 0;

	list_for_each_entry (w, &s->waiting, node)
		n += w->blocked->number == number && !w->blocked->change == for_zero;
	return n;
}

long sem_value(s32 id, s32 number, s32 command, s32 value)
{
	struct sem_set *s SCOPED(sysv_unlock) =
		sysv_lock(sysv_table(SYSV_SEM), id, command == SEM_SETVAL ? 0222 : 0444);

	if (is_err(s))
		return ptr_err(s);
	if (number < 0 || (u64)number >= s->o.size)
		return -EINVAL;
	switch (command) {
	case SEM_GETVAL:
		return s->sems[number].value;
	case SEM_GETPID:
		return s->sems[number].pid;
	case SEM_GETNCNT:
	case SEM_GETZCNT:
		return waiting_locked(s, (u32)number, command == SEM_GETZCNT);
	}
	return value == (u16)value ? set_locked(s, (u32)number, 1, &(u16){(u16)value}) : -ERANGE;
}

long sem_values(s32 id, bool set, u16 USER *user)
{
	struct sem_set *s = sysv_lock(sysv_table(SYSV_SEM), id, set ? 0222 : 0444);
	u16 *values SCOPED(kfree_at) = NULL;
	size_t bytes;
	long err;

	if (is_err(s))
		return ptr_err(s);
	spin_unlock(&s->o.lock);
	bytes = s->o.size * sizeof(*values);
	values = kmalloc(bytes, ALLOC_KERNEL);
	err = !values ? -ENOMEM : set ? copy_from_user(values, user, bytes) : 0;
	spin_lock(&s->o.lock);
	if (!err)
		err = s->o.removed ? -EIDRM : set ? set_locked(s, 0, s->o.size, values) : 0;
	for (u32 i = 0; i < s->o.size && !err && !set; i++)
		values[i] = (u16)s->sems[i].value;
	sysv_unlock(&s);
	return err || set ? err : copy_to_user(user, values, bytes);
}

/* ---- the registry's side ---- */

static int sem_init(struct sysv_object *o, u32 flags)
{
	struct sem_set *s = container_of(o, struct sem_set, o);

	if (!o->size)
		return -EINVAL;
	o->ds.sem.count = o->size;
	list_init(&s->waiting);
	list_init(&s->undos);
	return 0;
}

static void sem_removed(struct sysv_object *o)
{
	struct sem_set *s = container_of(o, struct sem_set, o);
	struct sem_wait *w, *next;
	struct sem_undo *u, *next_undo;

	list_for_each_entry_safe (w, next, &s->waiting, node)
		finish_locked(w, -EIDRM);
	list_for_each_entry_safe (u, next_undo, &s->undos, node)
		kfree(u);
	list_init(&s->undos);
}

static void sem_show(struct seq *s, const union sysv_ds *ds)
{
	const struct ipc_perm_abi *p = &ds->perm;

	seq_printf(s, "%10lu %5u %5u %5u %5u %10ld %10ld\n", ds->sem.count, p->uid, p->gid, p->cuid,
		p->cgid, ds->sem.otime, ds->sem.ctime);
}

static size_t sem_info(const struct sysv_table *t, bool limits, union sysv_ds *ds)
{
	s32 all = (s32)t->total_max, ids = (s32)t->ids_max;

	ds->sem_info = (struct sem_info_abi){all, ids, all, all, (s32)t->size_max,
		(s32)t->other_max, 500, limits ? 20 : (s32)t->count, SEM_VALUE_MAX,
		limits ? SEM_VALUE_MAX : (s32)t->total};
	return sizeof(ds->sem_info);
}

const struct sysv_type sem_type = {
	.proc_header = "semid perms      nsems   uid   gid  cuid  cgid      otime      ctime",
	.bytes = sizeof(struct sem_set),
	.item_bytes = sizeof(struct semaphore_value),
	.ds_bytes = sizeof(struct sem_ds_abi),
	.ctime_at = offsetof(struct sem_ds_abi, ctime),
	.stat_command = SEM_STAT,
	.init = sem_init,
	.removed = sem_removed,
	.show = sem_show,
	.info = sem_info,
};

/* System V IPC: keys, numbers, permissions, statistics, removal. Layer: ipc.
 *
 * An object stands in its kind's table. Its number is its index there and a sequence that grows
 * when the search for a free index wraps, so that the number of a removed object names no other
 * for long. A call holds a reference while it works; `removed` tells whoever gets the lock
 * afterwards.
 *
 * Locks: table->lock (what a detach may take under S_SPACE), then object->lock. Limits: 32768
 * objects a kind, and the sysctls. Sources: sysvipc(7), ipc(2), proc(5). */
#include <exo/string.h>
#include "sysv_internal.h"

#define SHM_HUGE (~0ull - (1ull << 24)) /* Linux's default; memory is the limit */

struct ipc_namespace ipc_namespace_boot = {{
	/* type; limits of size, total, other, numbers; empty */
	{{0}, &shm_type, SHM_HUGE, SHM_HUGE, 0, 4096, 0, 0, 0, 0, NULL, 0},
	{{0}, &sem_type, 32000, 1024000000, 500, 32000, 0, 0, 0, 0, NULL, 0},
	{{0}, &msg_type, 8192, 0, 16384, 32000, 0, 0, 0, 0, NULL, 0},
}};

/* ---- the table ---- */

void sysv_put(struct sysv_object *o)
{
	if (!__atomic_sub_fetch(&o->refs, 1, __ATOMIC_ACQ_REL))
		kfree(o);
}

void sysv_unlock(void *at)
{
	struct sysv_object *o = *(struct sysv_object **)at;

	if (is_err(o))
		return;
	spin_unlock(&o->lock);
	sysv_put(o);
}

bool sysv_owned(const struct sysv_object *o)
{
	return current->cred->euid == o->ds.perm.cuid || current->cred->euid == o->ds.perm.uid;
}

static int access_locked(const struct sysv_object *o, u32 mode)
{
	const struct cred *c = current->cred;
	u32 have = o->ds.perm.mode, want = mode >> 6 | mode >> 3 | mode;

	if (sysv_owned(o))
		have >>= 6;
	else if (cred_in_group(c, o->ds.perm.cgid) || cred_in_group(c, o->ds.perm.gid))
		have >>= 3;
	return want & ~have & 7 && !cred_capable(c, LCAP_IPC_OWNER) ? -EACCES : 0;
}

void *sysv_lock(struct sysv_table *t, s32 id, u32 mode)
{
	u32 index = mode & SYSV_BY_INDEX ? (u32)id : (u32)id % SYSV_INDEX_MAX;
	struct sysv_object *o;
	int err = -EINVAL;
	struct mutex *held SCOPED(mutex_release) = mutex_hold(&t->lock);

	o = id >= 0 && index < t->slots_max ? t->slots[index] : NULL;
	if (o && (o->id == id || mode & SYSV_BY_INDEX)) {
		__atomic_fetch_add(&o->refs, 1, __ATOMIC_RELAXED);
		spin_lock(&o->lock);
		err = access_locked(o, mode & 0777);
		if (err)
			sysv_unlock(&o);
	}
	return err ? err_ptr(err) : o;
}

void sysv_forget(struct sysv_object *o)
{
	struct sysv_table *t = o->table;
	bool mine;

	mutex_lock(&t->lock);
	spin_lock(&o->lock);
	mine = !o->removed;
	o->removed = true;
	if (mine) {
		t->slots[(u32)o->id % SYSV_INDEX_MAX] = NULL;
		t->count--;
		t->total -= o->weight;
		if (t->type->removed)
			t->type->removed(o);
	}
	spin_unlock(&o->lock);
	mutex_unlock(&t->lock);
	if (mine)
		sysv_put(o);
}

/* ---- making ---- */

/* A free index; the next one first. -ENOSPC | -ENOMEM. Table locked. */
static int index_locked(struct sysv_table *t)
{
	u32 limit = (u32)MIN(READ_ONCE(t->ids_max), (u64)SYSV_INDEX_MAX);
	struct sysv_object **slots;
	u32 range, index;

	if (t->count >= limit)
		return -ENOSPC;
	range = MIN(MAX(t->count * 3 / 2, 64u), limit);
	if (range > t->slots_max) {
		slots = krealloc(t->slots, 2 * range * sizeof(*slots), ALLOC_KERNEL);
		if (!slots)
			return -ENOMEM;
		memset(slots + t->slots_max, 0, (2 * range - t->slots_max) * sizeof(*slots));
		t->slots = slots;
		t->slots_max = 2 * range;
	}
	for (index = t->last; index >= range || t->slots[index];)
		index = index + 1 < range ? index + 1 : 0;
	return (int)index;
}

/* A new object's number. Table locked. */
static long create_locked(struct sysv_table *t, s32 key, u64 size, u32 flags)
{
	const struct cred *c = current->cred;
	int index = index_locked(t), err;
	struct sysv_object *o;
	u64 weight = (size + (1u << t->type->weight_shift) - 1) >> t->type->weight_shift;

	if (index < 0)
		return index;
	if (weight > t->total_max - MIN(t->total, t->total_max))
		return -ENOSPC;
	o = kzalloc(t->type->bytes + size * t->type->item_bytes, ALLOC_DATA);
	if (!o)
		return -ENOMEM;
	*o = (struct sysv_object){.refs = 1, .table = t, .size = size, .weight = weight};
	t->seq = (t->seq + ((u32)index < t->last)) & 0xffff;
	o->id = (s32)(t->seq << SYSV_INDEX_BITS | (u32)index);
	o->ds.perm = (struct ipc_perm_abi){
		key, c->euid, c->egid, c->euid, c->egid, flags & 0777, (u16)t->seq, 0, 0, {0, 0}};
	sysv_changed(o);
	spin_init(&o->lock, RANK_IPC);
	err = t->type->init(o, flags);
	if (err) {
		kfree(o);
		return err;
	}
	t->last = (u32)index + 1;
	t->slots[index] = o;
	t->count++;
	t->total += o->weight;
	return o->id;
}

static struct sysv_object *find_key_locked(struct sysv_table *t, s32 key)
{
	for (u32 i = 0; key != IPC_PRIVATE && i < t->slots_max; i++)
		if (t->slots[i] && t->slots[i]->ds.perm.key == key)
			return t->slots[i];
	return NULL;
}

long sysv_get(enum sysv_kind kind, s32 key, u64 size, u32 flags)
{
	struct sysv_table *t = sysv_table(kind);
	struct sysv_object *o;
	long err;

	if (t->type->item_bytes && size > READ_ONCE(t->size_max))
		return -EINVAL;
	struct mutex *held SCOPED(mutex_release) = mutex_hold(&t->lock);
	o = find_key_locked(t, key);
	if (!o)
		return key != IPC_PRIVATE && !(flags & IPC_CREAT)
			       ? -ENOENT
			       : create_locked(t, key, size, flags);
	if ((flags & (IPC_CREAT | IPC_EXCL)) == (IPC_CREAT | IPC_EXCL))
		return -EEXIST;
	spin_lock(&o->lock);
	err = size > o->size ? -EINVAL : access_locked(o, flags & 0777);
	spin_unlock(&o->lock);
	return err ? err : o->id;
}

/* ---- control ---- */

/* Its number, and what IPC_STAT tells of it. */
static long object_stat(struct sysv_table *t, s32 id, u32 mode, union sysv_ds *ds)
{
	struct sysv_object *o SCOPED(sysv_unlock) = sysv_lock(t, id, mode);

	if (is_err(o))
		return ptr_err(o);
	*ds = o->ds;
	if (t->type->stat)
		t->type->stat(o, ds);
	return o->id;
}

static int set_locked(struct sysv_object *o, const union sysv_ds *ds)
{
	struct ipc_perm_abi *p = &o->ds.perm;
	int err = ds->perm.uid == ~0u || ds->perm.gid == ~0u ? -EINVAL : 0;

	if (!err && o->table->type->set)
		err = o->table->type->set(o, ds);
	if (err)
		return err;
	p->uid = ds->perm.uid;
	p->gid = ds->perm.gid;
	p->mode = (p->mode & ~0777u) | (ds->perm.mode & 0777);
	sysv_changed(o);
	return 0;
}

static long object_change(struct sysv_table *t, s32 id, s32 command, const union sysv_ds *ds)
{
	struct sysv_object *o = sysv_lock(t, id, 0);
	bool remove = command == IPC_RMID;
	long err = 0;

	if (is_err(o))
		return ptr_err(o);
	if (command != IPC_SET && !remove)
		err = t->type->other ? t->type->other(o, command) : -EINVAL;
	else if (!sysv_owned(o) && !cred_capable(current->cred, LCAP_SYS_ADMIN))
		err = -EPERM;
	else if (!remove)
		err = set_locked(o, ds);
	spin_unlock(&o->lock);
	if (!err && remove)
		(t->type->end ? t->type->end : sysv_forget)(o);
	sysv_put(o);
	return err;
}

/* What it tells of all objects. Return: the highest index in use, or 0. */
static long table_info(struct sysv_table *t, bool limits, union sysv_ds *ds, size_t *bytes)
{
	union sysv_ds one;
	long highest = 0;

	memset(ds, 0, sizeof(*ds));
	*bytes = t->type->info(t, limits, ds);
	for (u32 i = 0; i < READ_ONCE(t->slots_max); i++) {
		if (object_stat(t, (s32)i, SYSV_BY_INDEX, &one) < 0)
			continue;
		highest = i;
		if (!limits && t->type->sum)
			t->type->sum(ds, &one);
	}
	return highest;
}

long sysv_control(enum sysv_kind kind, s32 id, s32 command, void USER *user)
{
	struct sysv_table *t = sysv_table(kind);
	s32 special = command - t->type->stat_command; /* STAT, INFO, STAT_ANY */
	size_t bytes = t->type->ds_bytes;
	union sysv_ds ds;
	long ret;

	if (id < 0)
		return -EINVAL;
	if (command == IPC_INFO || special == 1)
		ret = table_info(t, command == IPC_INFO, &ds, &bytes);
	else if (command == IPC_STAT)
		ret = MIN(object_stat(t, id, 0444, &ds), 0l);
	else if (special == 0 || special == 2)
		ret = object_stat(t, id, SYSV_BY_INDEX | (special ? 0 : 0444), &ds);
	else if (command == IPC_SET && copy_from_user(&ds, user, bytes))
		return -EFAULT;
	else
		return object_change(t, id, command, &ds);
	return ret >= 0 && copy_to_user(user, &ds, bytes) ? -EFAULT : ret;
}

/* ---- /proc ---- */

static void show_objects(struct seq *s, const void *ctx)
{
	struct sysv_table *t = (void *)(uintptr_t)ctx;
	union sysv_ds ds = {0};
	long id;

	seq_printf(s, "       key      %s\n", t->type->proc_header);
	for (u32 i = 0; i < READ_ONCE(t->slots_max); i++) {
		id = object_stat(t, (s32)i, SYSV_BY_INDEX, &ds);
		if (id < 0)
			continue;
		seq_printf(s, "%10d %10ld  %4o ", ds.perm.key, id, ds.perm.mode);
		t->type->show(s, &ds);
	}
}

#define TABLE(kind) ipc_namespace_boot.tables[SYSV_##kind]
static const struct synth_file files[] = {
	{"sysvipc/shm", S_IFREG | 0444, show_objects, NULL, &TABLE(SHM)},
	{"sysvipc/sem", S_IFREG | 0444, show_objects, NULL, &TABLE(SEM)},
	{"sysvipc/msg", S_IFREG | 0444, show_objects, NULL, &TABLE(MSG)},
	PROC_NUMBERS("sys/kernel/shmmax", &TABLE(SHM).size_max, 1, ~0ull),
	PROC_NUMBERS("sys/kernel/shmall", &TABLE(SHM).total_max, 1, ~0ull),
	PROC_NUMBERS("sys/kernel/shmmni", &TABLE(SHM).ids_max, 1, SYSV_INDEX_MAX),
	PROC_NUMBERS("sys/kernel/sem", &TABLE(SEM).size_max, 4, INT32_MAX),
	PROC_NUMBERS("sys/kernel/msgmax", &TABLE(MSG).size_max, 1, INT32_MAX),
	PROC_NUMBERS("sys/kernel/msgmnb", &TABLE(MSG).other_max, 1, INT32_MAX),
	PROC_NUMBERS("sys/kernel/msgmni", &TABLE(MSG).ids_max, 1, SYSV_INDEX_MAX),
};

void sysv_init(void)
{
	for (u32 kind = 0; kind < SYSV_KINDS; kind++)
		mutex_init(&sysv_table(kind)->lock, RANK_S_MISC);
	proc_add(files, ARRAY_LEN(files));
}

/* System V shared memory. Layer: ipc.
 *
 * A segment is a nameless file of the tmpfs that memfds live in. Each mapping of it holds the file,
 * so the file's references but the segment's own are its attachments, and the file's release is
 * the last detach after IPC_RMID, or IPC_RMID itself: then the segment leaves the table.
 *
 * Locks: object->lock. The file is there as long as the segment is not `removed`.
 * Limits: shmmax, shmall, shmmni; what tmpfs may hold. Sources: shmget(2), shmat(2), shmctl(2). */
#include <exo/string.h>
#include <exo/vfs.h>
#include "sysv_internal.h"

static void shm_release(struct file *f)
{
	sysv_forget(f->priv);
}

static int shm_fsync(struct file *f, bool data_only)
{
	return 0; /* memory is all there is */
}

static const struct file_ops shm_file_ops = {.release = shm_release, .fsync = shm_fsync};

/* ---- the registry's side ---- */

static int shm_init(struct sysv_object *o, u32 flags)
{
	char name[16];

	if (!o->size || o->size > READ_ONCE(o->table->size_max))
		return -EINVAL;
	if (flags & SHM_HUGETLB || (o->weight > mem_pages_total() && !(flags & SHM_NORESERVE)))
		return -ENOMEM; /* no huge pages are set aside; it could never be filled */
	snprintf(name, sizeof(name), "%08x", (u32)o->ds.perm.key);
	o->file = memfd_create_file("SYSV", name, false);
	if (is_err(o->file))
		return (int)ptr_err(o->file);
	vm_object_set_size(&o->file->inode->pages, o->size);
	o->file->ops = &shm_file_ops;
	o->file->priv = o;
	o->ds.shm.cpid = sysv_pid();
	o->ds.shm.size = o->size;
	return 0;
}

/* IPC_RMID: the key is free at once, the number goes with the last attachment. */
static void shm_end(struct sysv_object *o)
{
	bool first;

	mutex_lock(&o->table->lock);
	spin_lock(&o->lock);
	first = !(o->ds.perm.mode & SHM_DEST);
	o->ds.perm.mode |= SHM_DEST;
	o->ds.perm.key = IPC_PRIVATE;
	spin_unlock(&o->lock);
	mutex_unlock(&o->table->lock);
	if (first)
		file_put(o->file);
}

static void shm_stat(struct sysv_object *o, union sysv_ds *ds)
{
	ds->shm.attached = READ_ONCE(o->file->object.refs) - !(o->ds.perm.mode & SHM_DEST);
	ds->resident = READ_ONCE(o->file->inode->pages.page_count);
}

/* Nothing is ever swapped out, so all memory is locked: the mark is what programs see. */
static int shm_other(struct sysv_object *o, s32 command)
{
	bool lock = command == SHM_LOCK;

	if (!lock && command != SHM_UNLOCK)
		return -EINVAL;
	if (!cred_capable(current->cred, LCAP_IPC_LOCK) &&
		(!sysv_owned(o) || (lock && !rlimit_current(RLIM_MEMLOCK))))
		return -EPERM;
	o->ds.perm.mode = (o->ds.perm.mode & ~SHM_LOCKED) | (lock ? SHM_LOCKED : 0);
	return 0;
}

static void shm_show(struct seq *s, const union sysv_ds *ds)
{
	const struct shm_ds_abi *d = &ds->shm;

	seq_printf(s, "%21lu %5d %5d  %5lu %5u %5u %5u %5u %10ld %10ld %10ld %21lu %21u\n", d->size,
		d->cpid, d->lpid, d->attached, d->perm.uid, d->perm.gid, d->perm.cuid, d->perm.cgid,
		d->atime, d->dtime, d->ctime, ds->resident * PAGE_SIZE, 0);
}

static size_t shm_info(const struct sysv_table *t, bool limits, union sysv_ds *ds)
{
	if (limits) {
		ds->shm_limits = (struct shm_limits_abi){
			t->size_max, 1, t->ids_max, t->ids_max, t->total_max, {0}};
		return sizeof(ds->shm_limits);
	}
	ds->shm_info = (struct shm_info_abi){.ids = (s32)t->count, .pages = t->total};
	return sizeof(ds->shm_info);
}

static void shm_sum(union sysv_ds *sum, const union sysv_ds *ds)
{
	sum->shm_info.pages_resident += ds->resident;
}

const struct sysv_type shm_type = {
	.proc_header = "shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  "
		       "cgid      atime      dtime      ctime                   rss                "
		       "  swap",
	.bytes = sizeof(struct sysv_object),
	.ds_bytes = sizeof(struct shm_ds_abi),
	.ctime_at = offsetof(struct shm_ds_abi, ctime),
	.weight_shift = PAGE_SHIFT,
	.stat_command = SHM_STAT,
	.init = shm_init,
	.end = shm_end,
	.stat = shm_stat,
	.other = shm_other,
	.show = shm_show,
	.info = shm_info,
	.sum = shm_sum,
};

/* ---- attaching ---- */

/* Notes that current came or went, and lets the segment go. */
static void note_put(struct sysv_object *o, s64 *when)
{
	spin_lock(&o->lock);
	*when = sysv_now();
	o->ds.shm.lpid = sysv_pid();
	spin_unlock(&o->lock);
	file_put(o->file);
}

long shm_attach(s32 id, vaddr_t addr, u32 flags)
{
	bool write = !(flags & SHM_RDONLY), exec = flags & SHM_EXEC, replace = flags & SHM_REMAP;
	struct vm_map_request r = {.flags = VM_SHARED | VM_READ | VM_MAYREAD | VM_MAYEXEC |
					    (write ? VM_WRITE | VM_MAYWRITE : 0) |
					    (exec ? VM_EXEC : 0),
		.fixed = replace};
	struct sysv_object *o;
	bool live;
	int err;

	if (flags & SHM_RND)
		addr &= PAGE_MASK;
	if (addr & ~PAGE_MASK || (!addr && replace))
		return -EINVAL;
	o = sysv_lock(sysv_table(SYSV_SHM), id, 0444 | (write ? 0222 : 0) | (exec ? 0111 : 0));
	if (is_err(o))
		return ptr_err(o);
	live = ref_get_live(&o->file->object.refs);
	r.addr = addr;
	r.noreplace = addr && !replace;
	r.len_bytes = o->size;
	r.file = o->file;
	sysv_unlock(&o); /* the file holds it now */
	if (!live)
		return -EIDRM;
	r.object = &r.file->inode->pages;
	err = vm_map(current->space, &r, &addr);
	if (!err)
		note_put(o, &o->ds.shm.atime);
	else
		file_put(r.file);
	return !err ? (long)addr : err == -EEXIST ? -EINVAL : err;
}

struct attachment {
	vaddr_t base;       /* where shmat had put it */
	struct file *file;  /* +1 once found */
	vaddr_t start, end; /* a part of it that is still mapped */
};

/* Stops at the first part of the attachment, or behind its end. */
static int find_part(void *ctx, struct vm_area *a)
{
	struct attachment *at = ctx;
	u64 offset = a->object_page << PAGE_SHIFT;

	if (at->file && a->start - at->base > at->file->inode->pages.size_bytes)
		return 1;
	if (!a->file || a->file->ops != &shm_file_ops || a->start - offset != at->base ||
		(at->file && a->file != at->file))
		return 0;
	if (!at->file)
		file_get(a->file);
	at->file = a->file;
	at->start = a->start;
	at->end = a->end;
	return 1;
}

long shm_detach(vaddr_t addr)
{
	struct attachment at = {.base = addr};
	long err = addr & ~PAGE_MASK ? -EINVAL : 0;
	struct sysv_object *o;

	while (!err) {
		at.end = 0;
		(void)vm_for_each_area(current->space, addr, find_part, &at);
		if (!at.end)
			break;
		err = vm_unmap(current->space, at.start, at.end - at.start);
	}
	if (!at.file)
		return -EINVAL;
	o = at.file->priv;
	note_put(o, &o->ds.shm.dtime);
	return err;
}

/* Accounting: a record of each process that ends, in a file. Layer: posix_x.
 *
 * Locks: acct_lock guards the file; it is written without, with a reference.
 *
 * Source: acct(2), acct(5) (struct acct_v3). */
#include <exo/fs.h>
#include <exo_abi/linux_core.h>
#include <exo_abi/linux_fs.h>
#include "posix_x_internal.h"

static spinlock_t acct_lock = SPINLOCK_INIT(RANK_SIGNAL);
static struct file *acct_file; /* [lock] +1; NULL = off. Its presence is read racy */

/* A base-8 exponent of 3 bits and a fraction of 13. */
static u16 compress(u64 v)
{
	u32 exponent = 0;

	for (; v > 8191 && exponent < 7; exponent++)
		v = (v >> 3) + (v >> 2 & 1);
	return (u16)(exponent << 13 | MIN(v, 8191ul));
}

/* @v as the bits of a float. */
static u32 float_bits(u64 v)
{
	u32 top = 63 - (u32)__builtin_clzll(v | 1);

	return v ? (127 + top) << 23 | ((u32)(v << (63 - top) >> 40) & 0x7fffff) : 0;
}

static u64 ticks(u64 ns)
{
	return ns / (NS_PER_SEC / USER_HZ);
}

static struct acct_record record_of(struct process *p, s32 status)
{
	struct spin_guard g SCOPED(spin_unguard) = process_guard(p);
	u64 lived_ns = clock_monotonic() - p->start_ns;
	struct acct_record r;
	struct usage u;

	process_usage_locked(p, &u);
	r = (struct acct_record){
		.flag = (u8)((p->did_exec ? 0 : AFORK) | (status & CORE_DUMPED ? ACORE : 0) |
			     (status & 0x7f ? AXSIG : 0)),
		.version = ACCT_VERSION,
		.exit_code = (u32)status,
		.uid = current->cred->uid,
		.gid = current->cred->gid,
		.pid = (u32)p->nr,
		.ppid = (u32)p->parent_nr,
		.begin_s = (u32)((clock_realtime() - lived_ns) / NS_PER_SEC),
		.elapsed = float_bits(ticks(lived_ns)),
		.user = compress(ticks(u.utime_ns)),
		.system = compress(ticks(u.stime_ns)),
		.memory_kb = compress(current->space ? current->space->pages_total * 4 : 0),
		.minflt = compress(u.min_flt),
		.majflt = compress(u.maj_flt)};
	str_copy(r.comm, current->name, sizeof(r.comm));
	return r;
}

void acct_process(struct process *p, s32 status)
{
	struct acct_record r;
	struct file *f;

	if (likely(!READ_ONCE(acct_file)))
		return;
	spin_lock(&acct_lock);
	f = acct_file;
	if (f)
		file_get(f);
	spin_unlock(&acct_lock);
	if (!f)
		return;
	r = record_of(p, status);
	(void)!file_write_kernel(f, &r, sizeof(r), 0);
	file_put(f);
}

long acct_set(struct file *f)
{
	struct file *old;

	if (f && !S_ISREG(f->inode->mode)) {
		file_put(f);
		return -EACCES;
	}
	acct_process(current->proc, 0); /* the last record is that of who ends it */
	spin_lock(&acct_lock);
	old = acct_file;
	WRITE_ONCE(acct_file, f);
	spin_unlock(&acct_lock);
	if (old)
		file_put(old);
	return 0;
}

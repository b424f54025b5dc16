/* What a process says of its own program: prctl(PR_SET_MM). Layer: posix_x.
 *
 * The marks are for /proc, and for who restores a process that was saved; the kernel itself goes by
 * those of the break alone, and checks what it finds there.
 *
 * Locks: space->lock.
 *
 * Source: prctl(2). */
#include <exo/string.h>
#include <arch/uaccess.h>
#include <exo_abi/linux_fs.h>
#include "posix_x_internal.h"

static int any_area(void *ctx, struct vm_area *a)
{
	return 1;
}

static int is_program(void *ctx, struct vm_area *a)
{
	const struct file *exe = a->space->exe;

	return a->file && exe && a->file->path.dentry == exe->path.dentry ? -EBUSY : 0;
}

/* Nothing of the old file may be mapped any more. */
static int program_set(struct vm_space *s, cap_t fd)
{
	struct file *f = fd < 0 ? err_ptr(-EBADF) : vfs_open_exec("", fd, AT_EMPTY_PATH), *old = f;
	int err = is_err(f) ? (int)ptr_err(f) : vm_for_each_area(s, 0, is_program, NULL);

	if (!err) {
		rwsem_write_lock(&s->lock);
		old = s->exe;
		s->exe = f;
		rwsem_write_unlock(&s->lock);
	}
	if (old && !is_err(old))
		file_put(old);
	return err == -ETXTBSY ? -EACCES : err;
}

long process_marks_set(u64 option, u64 value, u64 len_bytes, u64 rest)
{
	static const u8 place[] = {0, 1, 2, 3, 6, 4, 5, 7, 8, 9, 10}; /* of option 1, 2, ... */
	struct linux_mm_map m = {
		.auxv = value, .auxv_bytes = (u32)MIN(len_bytes, PAGE_SIZE), .exe_fd = (u32)value};
	bool all = option == PR_SET_MM_MAP, exe = option == PR_SET_MM_EXE_FILE, below;
	const struct cred *c = current->cred;
	struct vm_space *s = current->space;
	u64 v[ARRAY_LEN(s->auxv)] = {0};
	int err;

	if (rest || (len_bytes && (option < PR_SET_MM_AUXV || exe)) ||
		(all && len_bytes != sizeof(m)))
		return -EINVAL;
	if (option == PR_SET_MM_MAP_SIZE)
		return put_user_u32((u32 USER *)value, sizeof(m));
	if (all && copy_from_user(&m, (const void USER *)value, sizeof(m)))
		return -EFAULT;
	if (all && (!vm_marks_valid(s, &m.marks) || (m.auxv_bytes && !m.auxv)))
		return -EINVAL;
	exe |= all && m.exe_fd != ~0u;
	if ((!all && !cred_capable(c, LCAP_SYS_RESOURCE)) ||
		(all && exe && !cred_capable(c, LCAP_CHECKPOINT_RESTORE) &&
			!cred_capable(c, LCAP_SYS_ADMIN)))
		return -EPERM;
	if (!all)
		memcpy(v, s->auxv, sizeof(v)); /* what is not given stays */
	if (m.auxv_bytes > sizeof(v) || option - 1 >= PR_SET_MM_MAP)
		return -EINVAL;
	if (m.auxv_bytes && copy_from_user(v, (const void USER *)m.auxv, m.auxv_bytes))
		return -EFAULT;
	v[ARRAY_LEN(v) - 2] = v[ARRAY_LEN(v) - 1] = 0; /* it has an end */
	err = exe ? program_set(s, (cap_t)m.exe_fd) : 0;
	below = vm_for_each_area(s, value, any_area, NULL);
	struct rwsem *held SCOPED(write_release) = write_hold(&s->lock);
	if (m.auxv_bytes && !err)
		memcpy(s->auxv, v, sizeof(v));
	if (all && !err)
		s->marks = m.marks;
	if (option >= PR_SET_MM_AUXV)
		return err;
	m.marks = s->marks;
	(&m.marks.code)[place[option - 1]] = value;
	if (!vm_marks_valid(s, &m.marks))
		return -EINVAL;
	if (!below && (option == PR_SET_MM_START_STACK || option >= PR_SET_MM_ARG_START))
		return -EFAULT;
	s->marks = m.marks;
	return 0;
}

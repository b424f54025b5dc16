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

#define AUXV_WORDS ARRAY_LEN(current->space->auxv)

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

static int mark_set_locked(struct vm_space *s, u64 option, u64 addr, bool below)
{
	static const u8 place[] = {0, 1, 2, 3, 6, 4, 5, 7, 8, 9, 10}; /* of option 1, 2, ... */
	struct linux_mm_marks m = s->marks;

	if (option - 1 >= ARRAY_LEN(place))
		return -EINVAL;
	(&m.code)[place[option - 1]] = addr;
	if (!vm_marks_valid(s, &m))
		return -EINVAL;
	if (!below && (option == PR_SET_MM_START_STACK || option >= PR_SET_MM_ARG_START))
		return -EFAULT;
	s->marks = m;
	return 0;
}

static void vector_set_locked(struct vm_space *s, u64 *v)
{
	u32 n = 0;

	v[AUXV_WORDS - 2] = 0; /* it has an end */
	while (v[n])
		n += 2;
	memcpy(s->auxv, v, sizeof(s->auxv));
	s->auxv_len = n + 2;
}

long process_marks_set(u64 option, u64 value, u64 len_bytes, u64 rest)
{
	bool all = option == PR_SET_MM_MAP, vector = option == PR_SET_MM_AUXV, below;
	u64 v[AUXV_WORDS] = {0}, v_bytes = vector ? len_bytes : 0;
	struct vm_space *s = current->space;
	struct linux_mm_map m = {.auxv = value, .exe_fd = (u32)value};
	int err = 0;

	if (rest || (len_bytes && (option < PR_SET_MM_AUXV || option == PR_SET_MM_EXE_FILE)))
		return -EINVAL;
	if (option == PR_SET_MM_MAP_SIZE)
		return put_user_u32((u32 USER *)value, sizeof(m));
	if (all && len_bytes != sizeof(m))
		return -EINVAL;
	if (all && copy_from_user(&m, (const void USER *)value, sizeof(m)))
		return -EFAULT;
	if (all && (!vm_marks_valid(s, &m.marks) || (m.auxv_bytes && !m.auxv)))
		return -EINVAL;
	if (!all && !cred_capable(current->cred, LCAP_SYS_RESOURCE))
		return -EPERM;
	if (all)
		v_bytes = m.auxv_bytes;
	else
		memcpy(v, s->auxv, sizeof(v)); /* what is not given stays */
	if (v_bytes > sizeof(v))
		return -EINVAL;
	if (copy_from_user(v, (const void USER *)m.auxv, v_bytes))
		return -EFAULT;
	if (all && m.exe_fd != ~0u && !cred_capable(current->cred, LCAP_SYS_ADMIN) &&
		!cred_capable(current->cred, LCAP_CHECKPOINT_RESTORE))
		return -EPERM;
	if (option == PR_SET_MM_EXE_FILE || (all && m.exe_fd != ~0u))
		err = program_set(s, (cap_t)m.exe_fd);
	if (err || option == PR_SET_MM_EXE_FILE)
		return err;
	below = vm_for_each_area(s, value, any_area, NULL);
	struct rwsem *held SCOPED(write_release) = write_hold(&s->lock);
	if (v_bytes)
		vector_set_locked(s, v);
	if (all)
		s->marks = m.marks;
	return all || vector ? 0 : mark_set_locked(s, option, value, below);
}

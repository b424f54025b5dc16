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

#define AUXV_WORDS ARRAY_LEN(((struct vm_space *)NULL)->auxv)

static int any_area(void *ctx, struct vm_area *a)
{
	return 1;
}

static int set_one(struct vm_space *s, u64 option, u64 addr)
{
	static const u8 place[] = {0, 0, 1, 2, 3, 6, 4, 5, 7, 8, 9, 10}; /* in struct vm_marks */
	bool below = vm_for_each_area(s, addr, any_area, NULL);
	struct rwsem *held SCOPED(write_release) = write_hold(&s->lock);
	struct vm_marks m = s->marks;

	if (!option || option > PR_SET_MM_ENV_END)
		return -EINVAL;
	(&m.code)[place[option]] = addr;
	if (!vm_marks_valid(s, &m))
		return -EINVAL;
	if (!below && (option == PR_SET_MM_START_STACK || option >= PR_SET_MM_ARG_START))
		return -EFAULT;
	s->marks = m;
	return 0;
}

static int vector_get(u64 *v, u64 from, u64 len_bytes)
{
	if (len_bytes > AUXV_WORDS * sizeof(u64))
		return -EINVAL;
	if (copy_from_user(v, (const void USER *)from, len_bytes))
		return -EFAULT;
	v[AUXV_WORDS - 2] = v[AUXV_WORDS - 1] = 0;
	return 0;
}

static void vector_set(struct vm_space *s, const u64 *v)
{
	struct rwsem *held SCOPED(write_release) = write_hold(&s->lock);
	u32 n = 0;

	memcpy(s->auxv, v, sizeof(s->auxv));
	while (v[n])
		n += 2;
	s->auxv_len = n + 2;
}

/* What is not given stays. */
static int vector_change(struct vm_space *s, u64 from, u64 len_bytes)
{
	u64 v[AUXV_WORDS];
	int err;

	memcpy(v, s->auxv, sizeof(v));
	err = vector_get(v, from, len_bytes);
	if (!err)
		vector_set(s, v);
	return err;
}

static int is_program(void *ctx, struct vm_area *a)
{
	const struct file *exe = a->space->exe;

	return a->file && exe && a->file->path.dentry == exe->path.dentry;
}

/* Nothing of the old file may be mapped any more. */
static int program_set(struct vm_space *s, cap_t fd)
{
	struct file *f = fd < 0 ? err_ptr(-EBADF) : vfs_open_exec("", fd, AT_EMPTY_PATH), *old;
	int err = is_err(f) ? (int)ptr_err(f) : vm_for_each_area(s, 0, is_program, NULL);

	if (err == 1)
		file_put(f);
	if (err)
		return err == 1 ? -EBUSY : err == -ETXTBSY ? -EACCES : err;
	rwsem_write_lock(&s->lock);
	old = s->exe;
	s->exe = f;
	rwsem_write_unlock(&s->lock);
	if (old)
		file_put(old);
	return 0;
}

static int set_all(struct vm_space *s, u64 from, u64 len_bytes)
{
	const struct cred *c = current->cred;
	u64 v[AUXV_WORDS] = {0};
	struct linux_mm_map m;
	struct vm_marks marks;
	int err = 0;

	if (len_bytes != sizeof(m))
		return -EINVAL;
	if (copy_from_user(&m, (const void USER *)from, sizeof(m)))
		return -EFAULT;
	_Static_assert(sizeof(marks) == sizeof(m.marks), "they are the same");
	memcpy(&marks, m.marks, sizeof(marks));
	if (!vm_marks_valid(s, &marks) || (m.auxv_bytes && !m.auxv))
		return -EINVAL;
	if (m.auxv_bytes)
		err = vector_get(v, m.auxv, m.auxv_bytes);
	if (!err && m.exe_fd != ~0u)
		err = cred_capable(c, LCAP_SYS_ADMIN) || cred_capable(c, LCAP_CHECKPOINT_RESTORE)
			      ? program_set(s, (cap_t)m.exe_fd)
			      : -EPERM;
	if (err)
		return err;
	if (m.auxv_bytes)
		vector_set(s, v);
	struct rwsem *held SCOPED(write_release) = write_hold(&s->lock);
	s->marks = marks;
	return 0;
}

long process_marks_set(u64 option, u64 value, u64 len_bytes, u64 rest)
{
	struct vm_space *s = current->space;

	if (rest || (len_bytes && (option < PR_SET_MM_AUXV || option == PR_SET_MM_EXE_FILE)))
		return -EINVAL;
	if (option == PR_SET_MM_MAP_SIZE)
		return put_user_u32((u32 USER *)value, sizeof(struct linux_mm_map));
	if (option == PR_SET_MM_MAP)
		return set_all(s, value, len_bytes);
	if (!cred_capable(current->cred, LCAP_SYS_RESOURCE))
		return -EPERM;
	if (option == PR_SET_MM_EXE_FILE)
		return program_set(s, (cap_t)value);
	return option == PR_SET_MM_AUXV ? vector_change(s, value, len_bytes)
					: set_one(s, option, value);
}

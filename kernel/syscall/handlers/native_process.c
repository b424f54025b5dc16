/* Native calls on processes and threads. Layer: syscall. Source: docs/specs/CAPABILITY_SYSTEM.md.
 */
#include <exo/posix_calls.h>
#include <exo/sched.h>
#include <exo/syscalls.h>
#include <exo_abi/linux_fs.h>
#include <exo_abi/native.h>
#include <arch/uaccess.h>

/* One capability of the caller into the space of the child. */
static int give(struct cap_space *to, const struct exo_spawn_cap *c, u32 limit)
{
	struct grant *g = cap_get_gift(current->caps, c->from);
	int err;

	if (is_err(g))
		return (int)ptr_err(g);
	err = cap_replace(to, c->to, g, 0, limit);
	if (err)
		grant_put(g);
	return err;
}

static int give_all(struct cap_space *to, const struct exo_spawn_args *a)
{
	u32 limit = fd_limit();
	int err = 0;

	for (u32 i = 0; i < a->cap_count && !err; i++) {
		struct exo_spawn_cap c;

		err = copy_from_user(&c, (const void USER *)(a->caps + i * sizeof(c)), sizeof(c));
		if (!err)
			err = give(to, &c, limit);
	}
	return err;
}

long exo_spawn(u64 a0, u64 a1)
{
	struct exo_spawn_args a;
	char name[64] = "spawned";
	struct exec_request r = {.path = "", .name = name, .at_flags = AT_EMPTY_PATH};
	struct cap_space *caps;
	long ret = user_struct_get(&a, sizeof(a), sizeof(a), a0, a1);

	if (ret)
		return ret;
	if (a.flags & ~EXO_SPAWN_CONFINED || a.reserved || a.cap_count > EXO_SPAWN_CAPS_MAX ||
		a.program < 0)
		return -EINVAL;
	if (a.name) {
		ret = strncpy_from_user(name, (const char USER *)a.name, sizeof(name));
		if (ret < 0)
			return ret;
	}
	caps = cap_space_create();
	if (!caps)
		return -ENOMEM;
	caps->confined = a.flags & EXO_SPAWN_CONFINED || cap_confined();
	r.dirfd = a.program;
	r.argv = (const u64 USER *)a.argv;
	r.envp = (const u64 USER *)a.envp;
	ret = give_all(caps, &a);
	if (!ret)
		ret = process_spawn(&r, caps);
	cap_space_put(caps);
	return ret;
}

long exo_thread_open(u64 a0, u64 a1)
{
	if (a1 & ~(u64)EXO_CAP_CLOEXEC)
		return -EINVAL;
	return thread_open((pid_t)a0, a1 & EXO_CAP_CLOEXEC ? O_CLOEXEC : 0);
}

/* Native calls on capabilities. Layer: syscall. Source: docs/specs/CAPABILITY_SYSTEM.md. */
#include <exo/fs.h>
#include <exo/sched.h>
#include <exo/security.h>
#include <exo/syscalls.h>
#include <exo_abi/native.h>

_Static_assert(CAP_ALL == EXO_ALL && CAP_REVOKE == EXO_REVOKE && CAP_WAIT == EXO_WAIT,
	"rights are user ABI");

#define CAP_INFO_MIN 16

long exo_cap_inspect(u64 a0, u64 a1, u64 a2)
{
	struct grant *g SCOPED(grant_put_at) = cap_get_grant(current->caps, (cap_t)a0);
	struct exo_cap_info info = {0};

	if (is_err(g))
		return ptr_err(g);
	info.type = g->object->type->exo_type ? g->object->type->exo_type
					      : file_exo_type(object_file(g->object));
	info.rights = g->rights;
	info.depth = g->depth;
	info.expires_ns = grant_expires_ns(g);
	if (!grant_live(g))
		info.flags |= EXO_CAP_REVOKED;
	if (cap_flags(current->caps, (cap_t)a0, -1) == CAP_CLOEXEC)
		info.flags |= EXO_CAP_CLOEXEC;
	return user_struct_put(a1, a2, CAP_INFO_MIN, &info, sizeof(info));
}

long exo_cap_derive(u64 a0, u64 a1, u64 a2, u64 a3)
{
	struct grant *g SCOPED(grant_put_at) = cap_get_grant(current->caps, (cap_t)a0);

	if (a1 & ~(u64)EXO_ALL || a3 & ~(u64)EXO_CAP_CLOEXEC)
		return -EINVAL;
	if (is_err(g))
		return ptr_err(g);
	return fd_install_grant(
		cap_derive(g, (u32)a1, a2), a3 & EXO_CAP_CLOEXEC ? CAP_CLOEXEC : 0, 0);
}

long exo_cap_revoke(u64 a0, u64 a1)
{
	struct grant *g SCOPED(grant_put_at) = cap_get_grant(current->caps, (cap_t)a0);

	if (a1 & ~(u64)EXO_REVOKE_CHILDREN)
		return -EINVAL;
	if (is_err(g))
		return ptr_err(g);
	return g->rights & CAP_REVOKE ? cap_revoke(g, a1 & EXO_REVOKE_CHILDREN) : -EACCES;
}

long exo_cap_compare(u64 a0, u64 a1)
{
	struct grant *a SCOPED(grant_put_at) = cap_get_grant(current->caps, (cap_t)a0);
	struct grant *b SCOPED(grant_put_at) = cap_get_grant(current->caps, (cap_t)a1);

	if (is_err(a) || is_err(b))
		return ptr_err(is_err(a) ? a : b);
	return (a->object == b->object ? EXO_SAME_OBJECT : 0) | (a == b ? EXO_SAME_GRANT : 0);
}

long exo_cap_enter(u64 a0)
{
	struct cap_space *s = current->caps;

	if (a0 & ~(u64)EXO_ENTER_QUERY)
		return -EINVAL;
	if (a0 & EXO_ENTER_QUERY)
		return cap_confined();
	__atomic_store_n(&s->confined, true, __ATOMIC_SEQ_CST);
	return 0;
}

long exo_cap_close(u64 a0)
{
	return cap_close(current->caps, (cap_t)a0);
}

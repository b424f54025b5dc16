/* Native calls on capabilities: inspect. Layer: syscall.
 * Source: docs/specs/CAPABILITY_SYSTEM.md. */
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
	struct grant *g = cap_get_grant(current->caps, (cap_t)a0);
	struct exo_cap_info info = {0};
	u32 slot_flags = 0;

	if (is_err(g))
		return ptr_err(g);
	info.type = g->object->type->exo_type ? g->object->type->exo_type
					      : file_exo_type(object_file(g->object));
	info.rights = g->rights;
	for (const struct grant *p = g->parent; p; p = p->parent)
		info.depth++;
	if (__atomic_load_n(&g->revoked, __ATOMIC_ACQUIRE))
		info.flags |= EXO_CAP_REVOKED;
	if (!cap_get_flags(current->caps, (cap_t)a0, &slot_flags) && slot_flags & CAP_CLOEXEC)
		info.flags |= EXO_CAP_CLOEXEC;
	grant_put(g);
	return user_struct_put(a1, a2, CAP_INFO_MIN, &info, sizeof(info));
}

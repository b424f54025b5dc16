/* Credentials of the new program: set-user-ID files, Linux capabilities. Layer: posix_x.
 *
 * Source: capabilities(7) "Transformation of capabilities during execve()", execve(2), prctl(2)
 * PR_SET_NO_NEW_PRIVS. */
#include <exo/memory.h>
#include <exo/string.h>
#include <exo_abi/linux_fs.h>
#include <exo/vfs.h>
#include "exec_internal.h"

#define LCAP_ALL ((1ULL << LCAP_COUNT) - 1)

/* Root has every capability, unless SECBIT_NOROOT: as if the file granted them all. */
static void file_caps(const struct cred *c, u64 *inheritable, u64 *permitted, bool *effective)
{
	*inheritable = *permitted = 0;
	*effective = false;
	if (c->securebits & SECBIT_NOROOT)
		return;
	if (c->euid == 0 || c->uid == 0)
		*inheritable = *permitted = LCAP_ALL;
	*effective = c->euid == 0;
}

/* exec_prepare_cred - e->cred and e->secure from the caller's credentials and the program's mode. 0
 * | -ENOMEM. */
int exec_prepare_cred(struct exec *e)
{
	const struct cred *old = current->cred;
	const struct inode *i = e->program.file->inode;
	struct cred *c = cred_copy(old);
	u64 inheritable, permitted;
	bool effective, id_change;

	if (!c)
		return -ENOMEM;
	e->cred = c;
	if (!current->no_new_privs && !(e->program.file->mode & FMODE_NOSUID)) {
		if (i->mode & S_ISUID)
			c->euid = i->uid;
		if ((i->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
			c->egid = i->gid;
	}
	id_change = c->euid != old->euid || c->egid != old->egid;
	c->suid = c->fsuid = c->euid;
	c->sgid = c->fsgid = c->egid;
	file_caps(c, &inheritable, &permitted, &effective);
	if (id_change)
		c->cap_ambient = 0;
	c->cap_permitted =
		(c->cap_inheritable & inheritable) | (permitted & c->cap_bounding) | c->cap_ambient;
	if (current->no_new_privs)
		c->cap_permitted &= old->cap_permitted;
	c->cap_effective = effective ? c->cap_permitted : c->cap_ambient;
	c->securebits &= ~SECBIT_KEEP_CAPS;
	/* The dynamic loader must not trust its environment when the program has more rights than
	 * its caller. */
	e->secure = c->uid != c->euid || c->gid != c->egid ||
		    (c->uid != 0 && (c->cap_permitted & ~c->cap_ambient & ~old->cap_permitted));
	return 0;
}

void exec_cred_keep(struct cred *c, const struct cred *old)
{
	c->euid = c->suid = c->fsuid = old->euid;
	c->egid = c->sgid = c->fsgid = old->egid;
	c->cap_permitted &= old->cap_permitted;
	c->cap_effective &= c->cap_permitted;
}

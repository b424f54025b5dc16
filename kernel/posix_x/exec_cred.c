/* Credentials of the new program: set-user-ID files, Linux capabilities. Layer: posix_x.
 *
 * Source: capabilities(7) "Transformation of capabilities during execve()", execve(2), prctl(2)
 * PR_SET_NO_NEW_PRIVS. */
#include <exo/memory.h>
#include <exo/string.h>
#include <exo_abi/linux_fs.h>
#include <exo/vfs.h>
#include "exec_internal.h"

/* What the file grants (@f), and what root has, unless SECBIT_NOROOT, as if every file granted all.
 * A set-user-ID root program that names its capabilities has no more than those. 0 | -EPERM: it
 * would lack some of which it does not know that they can. */
static int grant_caps(struct cred *c, const struct file_caps *f, bool *effective)
{
	c->cap_permitted = (c->cap_bounding & f->permitted) | (c->cap_inheritable & f->inheritable);
	*effective = f->effective;
	if (*effective && f->permitted & ~c->cap_permitted)
		return -EPERM;
	if (c->securebits & SECBIT_NOROOT || (f->present && c->euid == 0 && c->uid != 0))
		return 0;
	if (c->euid == 0 || c->uid == 0)
		c->cap_permitted = c->cap_bounding | c->cap_inheritable;
	if (c->euid == 0)
		*effective = true;
	return 0;
}

/* exec_prepare_cred - e->cred and e->secure from the caller's credentials, the program's mode and
 * capabilities. 0 | -ENOMEM | -EPERM. */
int exec_prepare_cred(struct exec *e)
{
	const struct cred *old = current->cred;
	struct inode *i = e->program.file->inode;
	struct cred *c = cred_copy(old);
	bool suid = !(e->program.file->mode & FMODE_NOSUID), effective, id_change;
	struct file_caps f = {.present = false};
	int err;

	if (!c)
		return -ENOMEM;
	e->cred = c;
	if (suid)
		inode_file_caps(i, &f);
	if (suid && !current->no_new_privs) {
		if (i->mode & S_ISUID)
			c->euid = i->uid;
		if ((i->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
			c->egid = i->gid;
	}
	id_change = c->euid != old->euid || c->egid != old->egid;
	c->suid = c->fsuid = c->euid;
	c->sgid = c->fsgid = c->egid;
	err = grant_caps(c, &f, &effective);
	if (err)
		return err;
	if (id_change || f.present)
		c->cap_ambient = 0;
	if (current->no_new_privs)
		c->cap_permitted &= old->cap_permitted;
	c->cap_permitted |= c->cap_ambient;
	c->cap_effective = effective ? c->cap_permitted : c->cap_ambient;
	c->securebits &= ~SECBIT_KEEP_CAPS;
	/* The dynamic loader must not trust its environment when the program has more rights than
	 * its caller. */
	e->secure = c->uid != c->euid || c->gid != c->egid ||
		    (c->uid != 0 && (effective || c->cap_permitted & ~c->cap_ambient));
	return 0;
}

void exec_cred_keep(struct cred *c, const struct cred *old)
{
	c->euid = c->suid = c->fsuid = old->euid;
	c->egid = c->sgid = c->fsgid = old->egid;
	c->cap_permitted &= old->cap_permitted;
	c->cap_effective &= c->cap_permitted;
}

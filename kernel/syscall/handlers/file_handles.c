/* Files by handles: their numbers, which find them again in their file system. Layer: syscall.
 * Limits: file systems that keep all names in the dentry cache, which is searched from one end to
 * the other. Sources: open_by_handle_at(2). */
#include <exo/syscalls.h>
#include <exo/vfs.h>
#include <exo_abi/linux_capability.h>
#include <arch/uaccess.h>

static bool has_handles(const struct super_block *sb)
{
	return sb->type->mount; /* tmpfs, with its names pinned */
}

long sys_name_to_handle_at(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4)
{
	struct linux_file_handle h = {.bytes = sizeof(h.id), .type = FILEID_INO32_GEN};
	struct path p SCOPED(path_put) = {NULL, NULL};
	u32 flags = (u32)a4, room;
	struct stat_k st;
	long err;

	if (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	err = path_lookup_whole((cap_t)a0, (const char USER *)a1,
		(flags & AT_SYMLINK_FOLLOW ? LOOKUP_FOLLOW : 0) |
			(flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0),
		&p);
	if (!err && !has_handles(p.dentry->sb))
		err = -EOPNOTSUPP;
	if (err)
		return err;
	inode_getattr(&p, p.dentry->inode, &st);
	if (get_user_u32((u32 USER *)a2, &room))
		return -EFAULT;
	if (room > HANDLE_BYTES_MAX)
		return -EINVAL;
	h.id[1] = (u32)st.ino;
	h.id[2] = (u32)(st.ino >> 32);
	if (room < h.bytes)
		h.type = FILEID_INVALID;
	if (put_user_u32((u32 USER *)a3, (u32)st.mnt_id) ||
		copy_to_user((void USER *)a2, &h,
			room < h.bytes ? offsetof(struct linux_file_handle, id) : sizeof(h)))
		return -EFAULT;
	return room < h.bytes ? -EOVERFLOW : 0;
}

long sys_open_by_handle_at(u64 a0, u64 a1, u64 a2)
{
	struct path at SCOPED(path_put) = {NULL, NULL};
	struct linux_file_handle h = {0};
	struct dentry *found;
	int err;

	if (!cred_capable(current->cred, LCAP_DAC_READ_SEARCH))
		return -EPERM;
	if (copy_from_user(&h, (const void USER *)a1, offsetof(struct linux_file_handle, id)))
		return -EFAULT;
	if (!h.bytes || h.bytes > HANDLE_BYTES_MAX)
		return -EINVAL;
	if (copy_from_user(h.id, (const u8 USER *)a1 + offsetof(struct linux_file_handle, id),
		    MIN(h.bytes, (u32)sizeof(h.id))))
		return -EFAULT;
	err = path_lookup((cap_t)a0, "", LOOKUP_EMPTY, &at); /* any file of the file system */
	if (err)
		return err;
	if (h.bytes < sizeof(h.id) || h.id[0] || !has_handles(at.dentry->sb))
		return -ESTALE;
	found = dentry_find_ino(at.dentry->sb->root, h.id[1] | (u64)h.id[2] << 32);
	if (!found)
		return -ESTALE;
	dentry_put(at.dentry);
	at.dentry = found;
	err = fd_reserve((u32)a2);
	return err < 0 ? err : fd_fill(err, vfs_open_path(&at, (u32)a2 | O_LARGEFILE));
}

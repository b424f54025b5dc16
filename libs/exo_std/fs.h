/* exo_std/fs - files by capability: every name is looked up below a directory that the caller
 * holds, never above it, and no function takes an absolute path, so a program written with them
 * runs in capability mode as it is. C11 and C++11, Exo-OS and Linux (with _GNU_SOURCE).
 *
 * The right that each needs is that of the directory's capability. Errors beside the usual:
 * -EXDEV the name leads out of the directory (-EPERM in capability mode). */
#pragma once

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "../exo_abi/exo_native.h"
#include "../exo_types/exo_types.h"

/* exo_root - the directory that @path names, for a program that begins with all names: open what is
 * to be held, then confine. A capability | -errno. */
static inline exo_cap_t exo_root(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* Where the kernel has no openat2: a component at a time, following no link. */
static inline exo_cap_t exo_open_walk_(exo_cap_t dir, const char *name, int flags, unsigned mode)
{
	exo_cap_t at = dir, next;
	int last_errno;
	char part[256];

	if (*name == '/' || !*name)
		return *name ? -EXDEV : -ENOENT;
	for (;;) {
		size_t len = strcspn(name, "/");
		const char *rest = name + len + strspn(name + len, "/");

		if (len >= sizeof(part))
			next = -ENAMETOOLONG;
		else if (len == 2 && name[0] == '.' && name[1] == '.')
			next = -EXDEV;
		else {
			memcpy(part, name, len);
			part[len] = 0;
			next = openat(at, part,
				(*rest ? O_PATH | O_DIRECTORY : flags) | O_NOFOLLOW | O_CLOEXEC,
				mode);
			last_errno = errno;
			next = next < 0 ? -last_errno : next;
		}
		if (at != dir)
			close(at);
		if (next < 0 || !*rest)
			return next;
		at = next;
		name = rest;
	}
}

/* exo_open_at - @flags as of open(2), O_CLOEXEC is always set; @mode for O_CREAT. ".." may lead
 * about below
 * @dir and links may be followed there in capability mode and on Linux; elsewhere they are -EXDEV
 * and -ELOOP. Needs LOOKUP, and READ, WRITE, CREATE as the flags ask for. A capability | -errno. */
static inline exo_cap_t exo_open_at(exo_cap_t dir, const char *name, int flags, unsigned mode)
{
	struct open_how how;
	long fd;

	if (exo_cap_enter(EXO_ENTER_QUERY) == 1) { /* the kernel keeps names below @dir */
		fd = openat(dir, name, flags | O_CLOEXEC, mode);
		return fd < 0 ? -errno : (exo_cap_t)fd;
	}
	memset(&how, 0, sizeof(how));
	how.flags = (uint32_t)flags | O_CLOEXEC;
	how.mode = flags & O_CREAT ? mode : 0;
	how.resolve = RESOLVE_BENEATH;
	fd = syscall(SYS_openat2, dir, name, &how, sizeof(how));
	if (fd < 0 && errno == ENOSYS)
		return exo_open_walk_(dir, name, flags, mode);
	return fd < 0 ? -errno : (exo_cap_t)fd;
}

/* exo_mkdir_at, exo_remove_at, exo_rename_at - need CREATE; DELETE; DELETE of the old and CREATE of
 * the new directory. Names of one component (no '/'): -EINVAL otherwise. 0 | -errno. */
static inline bool exo_name_plain_(const char *name)
{
	for (; *name; name++)
		if (*name == '/')
			return false;
	return true;
}

static inline int exo_mkdir_at(exo_cap_t dir, const char *name, unsigned mode)
{
	if (!exo_name_plain_(name))
		return -EINVAL;
	return mkdirat(dir, name, mode) ? -errno : 0;
}

static inline int exo_remove_at(exo_cap_t dir, const char *name, bool directory)
{
	if (!exo_name_plain_(name))
		return -EINVAL;
	return unlinkat(dir, name, directory ? AT_REMOVEDIR : 0) ? -errno : 0;
}

static inline int exo_rename_at(exo_cap_t from, const char *name, exo_cap_t to, const char *as)
{
	if (!exo_name_plain_(name) || !exo_name_plain_(as))
		return -EINVAL;
	return renameat(from, name, to, as) ? -errno : 0;
}

/* exo_size - bytes of the file. Needs STAT. */
static inline int64_t exo_size(exo_cap_t cap)
{
	struct stat st;

	return fstat(cap, &st) ? -errno : st.st_size;
}

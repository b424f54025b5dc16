/* exo_types - what every library of Exo-OS says the same way. C11 and C++11, for Exo-OS and Linux;
 * header only, no system call.
 *
 * Results: a function returns >= 0, or a negative errno (-EACCES); errno itself is not touched.
 * Times are nanoseconds, of CLOCK_MONOTONIC unless the name says otherwise. Sizes are bytes. */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A capability: a slot of the process's capability space, which is its descriptor table. */
typedef int32_t exo_cap_t;
typedef uint64_t exo_ns_t; /* a duration, or a time of CLOCK_MONOTONIC */

#define EXO_CAP_NONE  (-1)
#define EXO_NS_PER_US 1000ull
#define EXO_NS_PER_MS 1000000ull
#define EXO_NS_PER_S  1000000000ull
#ifndef EXO_FOREVER /* exo_ipc has the same */
#define EXO_NO_WAIT 0ull
#define EXO_FOREVER (~0ull)
#endif

/* Bytes that belong to somebody else. */
struct exo_bytes {
	const void *at;
	size_t len;
};

/* exo_error_name - "EACCES" of -EACCES or EACCES; "E?" of what it does not know. Never NULL. */
static inline const char *exo_error_name(long error)
{
	switch (error < 0 ? -error : error) {
	case 0:
		return "OK";
#define EXO_ERROR_(name) \
	case name:       \
		return #name
		EXO_ERROR_(EPERM);
		EXO_ERROR_(ENOENT);
		EXO_ERROR_(ESRCH);
		EXO_ERROR_(EINTR);
		EXO_ERROR_(EIO);
		EXO_ERROR_(E2BIG);
		EXO_ERROR_(ENOEXEC);
		EXO_ERROR_(EBADF);
		EXO_ERROR_(ECHILD);
		EXO_ERROR_(EAGAIN);
		EXO_ERROR_(ENOMEM);
		EXO_ERROR_(EACCES);
		EXO_ERROR_(EFAULT);
		EXO_ERROR_(EEXIST);
		EXO_ERROR_(ENOTDIR);
		EXO_ERROR_(EISDIR);
		EXO_ERROR_(EINVAL);
		EXO_ERROR_(EMFILE);
		EXO_ERROR_(EFBIG);
		EXO_ERROR_(ENOSPC);
		EXO_ERROR_(EROFS);
		EXO_ERROR_(EMLINK);
		EXO_ERROR_(EPIPE);
		EXO_ERROR_(ENOSYS);
		EXO_ERROR_(ELOOP);
		EXO_ERROR_(EPROTO);
		EXO_ERROR_(EMSGSIZE);
		EXO_ERROR_(EOPNOTSUPP);
		EXO_ERROR_(ECONNREFUSED);
		EXO_ERROR_(ETIMEDOUT);
		EXO_ERROR_(EKEYEXPIRED);
		EXO_ERROR_(EKEYREVOKED);
#undef EXO_ERROR_
	}
	return "E?";
}

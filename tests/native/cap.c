/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Capabilities: inspect, derive, revoke, compare, close. */
#include "t_.h"
#include <exo_abi/exo_native.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

T_SUITE(cap);

static struct exo_cap_info info_of(int fd)
{
	struct exo_cap_info info = {0};

	t_eq(exo_cap_inspect(fd, &info, sizeof(info)), 0);
	return info;
}

T_CASE(inspect_tells_types)
{
	int p[2], s[2];

	t_ok(pipe(p));
	t_ok(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	t_eq(info_of(p[0]).type, EXO_TYPE_PIPE);
	t_eq(info_of(s[0]).type, EXO_TYPE_SOCKET);
	t_eq(info_of(open(".", O_RDONLY)).type, EXO_TYPE_DIRECTORY);
	t_eq(info_of(open("f", O_RDWR | O_CREAT, 0600)).type, EXO_TYPE_FILE);
	t_eq(info_of(open("f", O_PATH)).type, EXO_TYPE_PATH);
	t_eq(info_of(open("/dev/null", O_RDWR)).type, EXO_TYPE_DEVICE);
	t_eq(info_of(eventfd(0, 0)).type, EXO_TYPE_EVENT);
	t_eq(info_of(epoll_create1(0)).type, EXO_TYPE_EPOLL);
	t_eq(info_of((int)syscall(SYS_pidfd_open, getpid(), 0)).type, EXO_TYPE_PROCESS);
}

T_CASE(inspect_root_grant)
{
	int fd = open(".", O_RDONLY | O_CLOEXEC);
	struct exo_cap_info info = info_of(fd);

	t_eq(info.rights, EXO_ALL);
	t_eq(info.depth, 0);
	t_eq(info.expires_ns, 0);
	t_eq(info.flags, EXO_CAP_CLOEXEC);
}

T_CASE(inspect_sizes)
{
	struct {
		struct exo_cap_info info;
		uint64_t more[4];
	} big;
	int fd = open(".", O_RDONLY);

	memset(&big, 0xff, sizeof(big));
	t_eq(exo_cap_inspect(fd, &big.info, sizeof(big)), 0);
	t_eq(big.more[0] | big.more[3], 0);
	memset(&big, 0xff, sizeof(big));
	t_eq(exo_cap_inspect(fd, &big.info, 16), 0);
	t_eq(big.info.expires_ns, UINT64_MAX);
	t_eq(exo_cap_inspect(fd, &big.info, 15), -EINVAL);
	t_eq(exo_cap_inspect(fd, &big.info, 8192), -EINVAL);
	t_eq(exo_cap_inspect(fd, (void *)1, sizeof(big.info)), -EFAULT);
	t_eq(exo_cap_inspect(999, &big.info, sizeof(big.info)), -EBADF);
	t_eq(exo_cap_inspect(-1, &big.info, sizeof(big.info)), -EBADF);
}

T_CASE(absent_numbers)
{
	t_errno(syscall(1023), ENOSYS);
	t_errno(syscall(1279), ENOSYS);
	t_errno(syscall(1280), ENOSYS);
	t_errno(syscall(2047), ENOSYS);
	t_errno(syscall(-1L), ENOSYS);
	t_errno(syscall(0x40000000L), ENOSYS);
}

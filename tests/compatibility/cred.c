/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* cred.c - users, groups, capabilities and resource limits. */
#include "t_.h"

#include <grp.h>
#include <linux/capability.h>
#include <sys/auxv.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/xattr.h>

T_SUITE(cred);

/* real*1000000 + effective*1000 + saved, for small numbers */
static long users(void)
{
	uid_t r = 999, e = 999, s = 999;

	getresuid(&r, &e, &s);
	return r * 1000000l + e * 1000 + s;
}

static long groups_of(void)
{
	gid_t r = 999, e = 999, s = 999;

	getresgid(&r, &e, &s);
	return r * 1000000l + e * 1000 + s;
}

static uint64_t caps(int which)
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data) < 0)
		t_stop("capget failed");
	if (which == 'e')
		return data[0].effective | (uint64_t)data[1].effective << 32;
	if (which == 'p')
		return data[0].permitted | (uint64_t)data[1].permitted << 32;
	return data[0].inheritable | (uint64_t)data[1].inheritable << 32;
}

static int set_caps(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2] = {
		{(uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable},
		{(uint32_t)(effective >> 32), (uint32_t)(permitted >> 32),
			(uint32_t)(inheritable >> 32)}};

	return syscall(SYS_capset, &head, data);
}

#define BIT(cap) (1ull << (cap))

T_CASE(root_identity)
{
	t_eq(getuid(), 0);
	t_eq(geteuid(), 0);
	t_eq(getgid(), 0);
	t_eq(getegid(), 0);
	t_eq(users(), 0);
	t_eq(groups_of(), 0);
	t_errno(syscall(SYS_getresuid, (void *)8, NULL, NULL), EFAULT);
	t_errno(syscall(SYS_getresgid, (void *)8, NULL, NULL), EFAULT);
}

T_CASE(setuid_as_root_is_final)
{
	pid_t pid;

	T_CHILD(pid)
	{
		t_ret(setuid(100), 0);
		t_eq(users(), 100100100);
		t_errno(setuid(0), EPERM);
		t_errno(setuid(200), EPERM);
		t_ret(setuid(100), 0);
		t_errno(setgid(5), EPERM);
		t_errno(setgroups(0, NULL), EPERM);
	}
	t_exit(pid, 0);
	t_errno(setuid(-1), EINVAL);
	t_errno(setgid(-1), EINVAL);
}

T_CASE(seteuid_comes_back)
{
	pid_t pid;

	T_CHILD(pid)
	{
		t_ret(syscall(SYS_setresuid, -1, 100, -1), 0);
		t_eq(users(), 100000);
		t_errno(syscall(SYS_setresuid, 200, -1, -1), EPERM);
		t_ret(syscall(SYS_setresuid, -1, 0, -1), 0);
		t_eq(users(), 0);
		t_ret(syscall(SYS_setresuid, 1, 2, 3), 0);
		t_eq(users(), 1002003);
		t_ret(syscall(SYS_setresuid, 3, 1, 2), 0);
		t_eq(users(), 3001002);
		t_errno(syscall(SYS_setresuid, -1, 4, -1), EPERM);
	}
	t_exit(pid, 0);
}

T_CASE(setreuid_saves)
{
	pid_t pid;

	T_CHILD(pid)
	{
		t_ret(syscall(SYS_setregid, 7, 8), 0);
		t_eq(groups_of(), 7008008);
		t_ret(syscall(SYS_setreuid, 100, 200), 0);
		t_eq(users(), 100200200);
		t_ret(syscall(SYS_setreuid, 200, 100), 0); /* the two change places */
		t_eq(users(), 200100100);
		t_errno(syscall(SYS_setreuid, 300, -1), EPERM);
		t_errno(syscall(SYS_setregid, 300, -1), EPERM);
	}
	t_exit(pid, 0);
}

T_CASE(groups_round_trip)
{
	gid_t list[4] = {5, 3, 9, 3}, got[8] = {0};
	pid_t pid;

	T_CHILD(pid)
	{
		t_ret(setgroups(3, list), 0);
		t_ret(getgroups(0, NULL), 3);
		t_ret(getgroups(8, got), 3);
		t_eq(got[0] + got[1] * 100 + got[2] * 10000, 90503); /* kept in order of number */
		t_errno(getgroups(2, got), EINVAL);
		t_errno(getgroups(-1, got), EINVAL);
		t_errno(syscall(SYS_getgroups, 8, (void *)8), EFAULT);
		t_errno(syscall(SYS_setgroups, 65537, list), EINVAL);
		t_errno(syscall(SYS_setgroups, 2, (void *)8), EFAULT);
		t_ret(setresgid(1, 2, 3), 0);
		t_eq(groups_of(), 1002003);
		t_ret(setgroups(0, NULL), 0);
		t_ret(getgroups(8, got), 0);
	}
	t_exit(pid, 0);
}

T_CASE(supplementary_group_opens_files)
{
	gid_t list[1] = {77};
	pid_t pid;

	t_spew("f", "x");
	t_ret(chown("f", 0, 77), 0);
	t_ret(chmod("f", 0640), 0);
	T_CHILD(pid)
	{
		t_ret(setgroups(1, list), 0);
		t_ret(setgid(1000), 0);
		t_ret(setuid(1000), 0);
		t_ok(open("f", O_RDONLY));
		t_errno(open("f", O_WRONLY), EACCES);
	}
	t_exit(pid, 0);
}

T_CASE(fsuid_decides_about_files)
{
	pid_t pid;

	t_spew("f", "x");
	t_ret(chmod("f", 0600), 0);
	T_CHILD(pid)
	{
		t_eq(setfsuid(1000), 0);
		t_eq(setfsuid(-1), 1000);
		t_errno(open("f", O_RDONLY), EACCES);
		t_eq(setfsuid(0), 1000);
		t_ok(open("f", O_RDONLY));
		t_eq(setfsgid(5), 0);
		t_eq(setfsgid(-1), 5);
	}
	t_exit(pid, 0);
}

T_CASE(capabilities_and_setuid)
{
	uint64_t all = caps('p');
	pid_t pid;

	t_check((all & BIT(CAP_SETUID)) && (all & BIT(CAP_KILL)) && (all & BIT(CAP_CHOWN)));
	t_eq(caps('e'), all);
	T_CHILD(pid)
	{
		t_ret(syscall(SYS_setresuid, -1, 100, -1), 0);
		t_eq(caps('e'), 0); /* the effective set falls with the effective user */
		t_check(caps('p') == all);
		t_ret(syscall(SYS_setresuid, -1, 0, -1), 0);
		t_check(caps('e') == all);
		t_ret(setuid(100), 0);
		t_eq(caps('p'), 0);
		t_eq(caps('e'), 0);
	}
	t_exit(pid, 0);
	T_CHILD(pid)
	{
		t_ret(prctl(PR_SET_KEEPCAPS, 1), 0);
		t_ret(prctl(PR_GET_KEEPCAPS), 1);
		t_ret(setuid(100), 0);
		t_check(caps('p') == all);
		t_eq(caps('e'), 0);
		t_ret(set_caps(BIT(CAP_KILL), BIT(CAP_KILL), 0), 0);
		t_ret(kill(getppid(), 0), 0);
	}
	t_exit(pid, 0);
}

T_CASE(capset_rules)
{
	pid_t pid;

	T_CHILD(pid)
	{
		t_ret(set_caps(BIT(CAP_KILL), BIT(CAP_KILL) | BIT(CAP_CHOWN), 0), 0);
		t_eq(caps('e'), BIT(CAP_KILL));
		t_eq(caps('p'), BIT(CAP_KILL) | BIT(CAP_CHOWN));
		t_errno(set_caps(0, BIT(CAP_KILL) | BIT(CAP_SETUID), 0),
			EPERM); /* none come back */
		t_errno(set_caps(BIT(CAP_SETUID), BIT(CAP_KILL), 0), EPERM);
		t_errno(setuid(100), EPERM);
		t_errno(chroot("."), EPERM);
		t_spew("f", "");
		t_errno(chown("f", 5, 5), EPERM);
		t_ret(set_caps(BIT(CAP_CHOWN), BIT(CAP_CHOWN), 0), 0);
		t_ret(chown("f", 5, 5), 0);
		t_errno(chmod("f", 0600), EPERM); /* not the owner any more */
	}
	t_exit(pid, 0);
	struct __user_cap_header_struct head = {0x12345678, 0};
	struct __user_cap_data_struct data[2];
	t_errno(syscall(SYS_capget, &head, data), EINVAL);
	t_eq(head.version, _LINUX_CAPABILITY_VERSION_3); /* the kernel names its own */
	head.pid = 999999999;
	t_errno(syscall(SYS_capget, &head, data), ESRCH);
	head.pid = 1;
	t_errno(syscall(SYS_capset, &head, data), EPERM);
	t_errno(syscall(SYS_capget, (void *)8, data), EFAULT);
}

T_CASE(root_without_dac_override)
{
	pid_t pid;

	t_spew("f", "x");
	t_ret(chown("f", 5, 5), 0);
	t_ret(chmod("f", 0), 0);
	T_CHILD(pid)
	{
		t_ok(open("f", O_RDWR));
		uint64_t rest = caps('p') & ~(BIT(CAP_DAC_OVERRIDE) | BIT(CAP_DAC_READ_SEARCH));
		t_ret(set_caps(rest, rest, 0), 0);
		t_errno(open("f", O_RDONLY), EACCES);
		t_errno(open("f", O_WRONLY), EACCES);
	}
	t_exit(pid, 0);
}

T_HELPER(count_caps)
{
	return caps('e') ? 1 : 0;
}

T_CASE(bounding_and_exec)
{
	pid_t pid;

	t_ret(prctl(PR_CAPBSET_READ, CAP_KILL), 1);
	t_errno(prctl(PR_CAPBSET_READ, 63), EINVAL);
	T_CHILD(pid)
	{
		t_ret(prctl(PR_CAPBSET_DROP, CAP_KILL), 0);
		t_ret(prctl(PR_CAPBSET_READ, CAP_KILL), 0);
	}
	t_exit(pid, 0);
	T_CHILD(pid)
	{
		t_ret(set_caps(0, 0, 0), 0);
		execl(t_self, t_self, "-x", "count_caps", (char *)NULL);
	}
	t_exit(pid, 1); /* root gets them back by executing */
	T_CHILD(pid)
	{
		t_become(1000, 1000);
		execl(t_self, t_self, "-x", "count_caps", (char *)NULL);
	}
	t_exit(pid, 0);
}

T_HELPER(who_am_i)
{
	return users() == 5000 + 5 && groups_of() == 0 ? 40 : users() == 1000 * 1001001l ? 41 : 42;
}

static void copy_self(const char *to)
{
	static char block[65536];
	int in = open(t_self, O_RDONLY), out = open(to, O_WRONLY | O_CREAT, 0700);
	ssize_t n;

	while ((n = read(in, block, sizeof(block))) > 0) {
		if (write(out, block, n) != n)
			t_stop("cannot copy");
	}
	close(in);
	close(out);
}

T_CASE(setuid_program)
{
	pid_t pid;

	copy_self("su");
	t_ret(chown("su", 5, 5), 0);
	t_ret(chmod("su", 04755), 0);
	T_CHILD(pid)
	{
		execl("su", "su", "-x", "who_am_i", (char *)NULL);
	}
	t_exit(pid, 40); /* real 0, effective and saved 5 */
	T_CHILD(pid)
	{
		t_ret(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
		t_become(1000, 1000);
		execl("su", "su", "-x", "who_am_i", (char *)NULL);
	}
	t_exit(pid, 41); /* the bit means nothing then */
}

/* ---- capabilities of files ---- */

enum { E_RAW = 1, P_RAW = 2, P_KILL = 4, SECURE = 8, P_MORE = 16, A_KILL = 32 };

T_HELPER(tell_caps)
{
	uint64_t p = caps('p');

	return (caps('e') & BIT(CAP_NET_RAW) ? E_RAW : 0) | (p & BIT(CAP_NET_RAW) ? P_RAW : 0) |
	       (p & BIT(CAP_KILL) ? P_KILL : 0) | (getauxval(AT_SECURE) ? SECURE : 0) |
	       (p & ~(BIT(CAP_NET_RAW) | BIT(CAP_KILL)) ? P_MORE : 0) |
	       (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0) == 1 ? A_KILL : 0);
}

#define CAPS "security.capability"

static int give(const char *path, uint32_t flags, uint64_t permitted, uint64_t inheritable)
{
	struct vfs_cap_data d = {.magic_etc = VFS_CAP_REVISION_2 | flags,
		.data = {{(uint32_t)permitted, (uint32_t)inheritable},
			{(uint32_t)(permitted >> 32), (uint32_t)(inheritable >> 32)}}};

	return setxattr(path, CAPS, &d, XATTR_CAPS_SZ_2, 0);
}

/* What @path has for user 1000, who comes with @inheritable and, if asked, KILL as ambient. */
static int runs_with(const char *path, uint64_t inheritable, bool ambient)
{
	uint64_t all = caps('p');
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		prctl(PR_SET_KEEPCAPS, ambient, 0, 0, 0);
		set_caps(all, all, inheritable);
		t_become(1000, 1000);
		if (ambient) {
			set_caps(BIT(CAP_KILL), BIT(CAP_KILL), BIT(CAP_KILL));
			prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0);
		}
		execl(path, path, "-x", "tell_caps", (char *)NULL);
		_exit(errno == EPERM ? 100 : 101);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

T_CASE(file_capabilities)
{
	pid_t pid;

	copy_self("fc");
	copy_self("plain");
	t_ret(chmod("fc", 0755) | chmod("plain", 0755), 0);
	t_eq(runs_with("fc", 0, false), 0);
	t_ret(give("fc", VFS_CAP_FLAGS_EFFECTIVE, BIT(CAP_NET_RAW), 0), 0);
	t_eq(runs_with("fc", 0, false), E_RAW | P_RAW | SECURE);
	t_eq(runs_with("fc", BIT(CAP_KILL), false), E_RAW | P_RAW | SECURE);
	t_eq(runs_with("plain", 0, true), P_KILL | A_KILL);
	t_eq(runs_with("fc", 0, true), E_RAW | P_RAW | SECURE); /* no more ambient ones */
	T_CHILD(pid)
	{
		execl("fc", "fc", "-x", "tell_caps", (char *)NULL);
	}
	t_exit(pid, E_RAW | P_RAW | P_KILL | P_MORE); /* root has all */
	t_ret(give("fc", 0, BIT(CAP_NET_RAW), 0), 0);
	t_eq(runs_with("fc", 0, false), P_RAW | SECURE);
	t_ret(give("fc", 0, 0, BIT(CAP_KILL)), 0);
	t_eq(runs_with("fc", BIT(CAP_KILL) | BIT(CAP_NET_RAW), false), P_KILL | SECURE);
	t_eq(runs_with("fc", 0, false), 0);
	t_ret(give("fc", VFS_CAP_FLAGS_EFFECTIVE, 0, 0), 0);
	t_eq(runs_with("fc", 0, false), SECURE);
	/* set-user-ID root too: no more than the file names */
	t_ret(give("fc", VFS_CAP_FLAGS_EFFECTIVE, BIT(CAP_NET_RAW), 0), 0);
	t_ret(chmod("fc", 04755), 0);
	t_eq(runs_with("fc", 0, false), E_RAW | P_RAW | SECURE);
}

T_CASE(file_capabilities_that_cannot_be)
{
	pid_t pid;

	copy_self("fc");
	t_ret(chmod("fc", 0755), 0);
	t_ret(give("fc", VFS_CAP_FLAGS_EFFECTIVE, BIT(CAP_NET_RAW), 0), 0);
	T_CHILD(pid)
	{
		t_ret(prctl(PR_CAPBSET_DROP, CAP_NET_RAW), 0);
		t_eq(runs_with("fc", 0, false), 100); /* it counts on them */
		t_ret(give("fc", 0, BIT(CAP_NET_RAW), 0), 0);
		t_eq(runs_with("fc", 0, false), 0);
	}
	t_exit(pid, 0);
	t_ret(give("fc", VFS_CAP_FLAGS_EFFECTIVE, BIT(CAP_NET_RAW), 0), 0);
	T_CHILD(pid)
	{
		t_ret(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
		t_eq(runs_with("fc", 0, false), SECURE);
	}
	t_exit(pid, 0);
}

T_CASE(file_capabilities_are_set_by_few)
{
	struct vfs_ns_cap_data d = {
		.magic_etc = VFS_CAP_REVISION_3, .data = {{1u << CAP_NET_RAW, 0}, {0, 0}}};
	pid_t pid;

	copy_self("fc");
	t_ret(chmod("fc", 0755), 0);
	t_errno(setxattr("fc", CAPS, &d, 4, 0), EINVAL);
	t_errno(setxattr("fc", CAPS, &d, XATTR_CAPS_SZ_2, 0), EINVAL); /* of version 3 */
	t_errno(getxattr("fc", CAPS, NULL, 0), ENODATA);
	t_ret(setxattr("fc", CAPS, &d, sizeof(d), 0), 0);
	t_ret(getxattr("fc", CAPS, &d, sizeof(d)), XATTR_CAPS_SZ_2);
	t_eq(d.magic_etc, VFS_CAP_REVISION_2);
	t_eq(runs_with("fc", 0, false), P_RAW | SECURE);
	d.magic_etc = VFS_CAP_REVISION_3;
	d.rootid = 1000; /* for user namespaces of that user */
	t_ret(setxattr("fc", CAPS, &d, sizeof(d), 0), 0);
	t_ret(getxattr("fc", CAPS, &d, sizeof(d)), sizeof(d));
	t_eq(runs_with("fc", 0, false), 0);
	T_CHILD(pid)
	{
		t_become(1000, 1000);
		t_errno(give("fc", 0, 0, 0), EPERM);
		t_errno(removexattr("fc", CAPS), EPERM);
	}
	t_exit(pid, 0);
	T_CHILD(pid)
	{
		uint64_t rest = caps('p') & ~BIT(CAP_SETFCAP);

		t_ret(set_caps(rest, rest, 0), 0);
		t_errno(give("fc", 0, 0, 0), EPERM);
	}
	t_exit(pid, 0);
	t_ret(removexattr("fc", CAPS), 0);
	t_errno(removexattr("fc", CAPS), ENODATA);
}

T_CASE(file_capabilities_go_with_a_change)
{
	int fd;

	t_spew("f", "contents");
	t_ret(give("f", 0, BIT(CAP_NET_RAW), 0), 0);
	t_ret(chmod("f", 0755), 0);
	t_ret(getxattr("f", CAPS, NULL, 0), XATTR_CAPS_SZ_2);
	t_ret(chown("f", 0, 0), 0);
	t_errno(getxattr("f", CAPS, NULL, 0), ENODATA);
	t_ret(give("f", 0, BIT(CAP_NET_RAW), 0), 0);
	t_ok(fd = open("f", O_WRONLY));
	t_ret(getxattr("f", CAPS, NULL, 0), XATTR_CAPS_SZ_2);
	t_ret(write(fd, "x", 1), 1); /* by root, too */
	t_errno(getxattr("f", CAPS, NULL, 0), ENODATA);
	t_ret(give("f", 0, BIT(CAP_NET_RAW), 0), 0);
	t_ret(ftruncate(fd, 2), 0);
	t_errno(getxattr("f", CAPS, NULL, 0), ENODATA);
	close(fd);
}

/* ---- limits ---- */

T_CASE(rlimits_round_trip)
{
	const int kinds[] = {RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_DATA, RLIMIT_STACK, RLIMIT_CORE,
		RLIMIT_NPROC, RLIMIT_NOFILE, RLIMIT_AS, RLIMIT_SIGPENDING};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		struct rlimit limit, back;
		t_ret(getrlimit(kinds[i], &limit), 0);
		t_check(limit.rlim_cur <= limit.rlim_max);
		limit.rlim_cur = limit.rlim_max;
		t_ret(setrlimit(kinds[i], &limit), 0);
		t_ret(prlimit(0, kinds[i], NULL, &back), 0);
		t_eq(back.rlim_cur, limit.rlim_max);
	}
	struct rlimit bad = {10, 5};
	t_errno(setrlimit(RLIMIT_NOFILE, &bad), EINVAL);
	t_errno(getrlimit(99, &bad), EINVAL);
	t_errno(prlimit(999999999, RLIMIT_CPU, NULL, &bad), ESRCH);
	t_errno(syscall(SYS_prlimit64, 0, RLIMIT_CPU, NULL, (void *)8), EFAULT);
	t_errno(syscall(SYS_prlimit64, 0, RLIMIT_CPU, (void *)8, NULL), EFAULT);
}

T_CASE(hard_limit_only_falls)
{
	struct rlimit limit, old;
	pid_t pid;

	T_CHILD(pid)
	{
		t_become(1000, 1000);
		limit = (struct rlimit){100, 200};
		t_ret(prlimit(0, RLIMIT_NOFILE, &limit, &old), 0);
		t_check(old.rlim_max >= 200);
		limit.rlim_max = 300;
		t_errno(setrlimit(RLIMIT_NOFILE, &limit), EPERM);
		limit = (struct rlimit){200, 200};
		t_ret(setrlimit(RLIMIT_NOFILE, &limit), 0);
		pid_t inner;
		T_CHILD(inner)
		{
			t_ret(getrlimit(RLIMIT_NOFILE, &limit), 0);
			t_eq(limit.rlim_cur, 200);
		}
		t_exit(inner, 0);
	}
	t_exit(pid, 0);
}

T_CASE(limit_of_another_process)
{
	struct rlimit limit = {50, 60}, back;
	int hold[2];
	pid_t pid;

	t_pipe(hold);
	T_CHILD(pid)
	{
		t_get(hold[0]);
		t_ret(getrlimit(RLIMIT_NOFILE, &back), 0);
		t_eq(back.rlim_cur * 1000 + back.rlim_max, 50060);
	}
	t_ret(prlimit(pid, RLIMIT_NOFILE, &limit, NULL), 0);
	t_put(hold[1]);
	t_exit(pid, 0);
}

T_CASE(limit_of_processes)
{
	pid_t pid;

	T_CHILD(pid)
	{
		struct rlimit limit = {3, 3};
		t_become(4321, 4321); /* a user that owns no other process */
		t_ret(setrlimit(RLIMIT_NPROC, &limit), 0);
		int hold[2];
		t_pipe(hold);
		pid_t a, b, c;
		T_CHILD(a)
		{
			t_get(hold[0]);
		}
		T_CHILD(b)
		{
			t_get(hold[0]);
		}
		c = fork();
		if (c == 0)
			_exit(1);
		t_check(c < 0 && errno == EAGAIN);
		t_put(hold[1]);
		t_put(hold[1]);
		t_exit(a, 0);
		t_exit(b, 0);
		T_CHILD(c)
		{
		}
		t_exit(c, 0);
	}
	t_exit(pid, 0);
}

T_CASE(limit_of_processor_time)
{
	pid_t pid = t_fork();

	if (pid == 0) {
		struct rlimit limit = {1, 2};
		setrlimit(RLIMIT_CPU, &limit);
		for (;;)
			;
	}
	t_killed(pid, SIGXCPU);
}

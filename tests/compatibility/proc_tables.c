/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* proc_tables.c - texts of /proc that programs look into before they do something: limits and
 * switches of sysctl(8), kinds of devices, maps of users. That they hold is tried where it can be.
 */
#include "t_.h"

#include <arpa/inet.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

T_SUITE(proc_tables);

static char text[16384];

static const char *slurp(const char *path)
{
	memset(text, 0, sizeof(text));
	if (t_slurp(path, text, sizeof(text) - 1) < 0)
		text[0] = 0;
	return text;
}

/* The one number in a file, which ends with a newline. */
static long long number(const char *path)
{
	char *end;
	long long n = strtoll(slurp(path), &end, 10);

	return end != text && !strcmp(end, "\n") ? n : -1;
}

T_CASE(switches_are_numbers)
{
	static const char *const paths[] = {"kernel/dmesg_restrict", "kernel/tainted",
		"kernel/overflowuid", "kernel/overflowgid", "user/max_user_namespaces",
		"vm/mmap_min_addr", "vm/panic_on_oom", "vm/oom_kill_allocating_task",
		"vm/legacy_va_layout", "vm/nr_hugepages", "vm/overcommit_memory",
		"vm/overcommit_ratio", "vm/overcommit_kbytes", "vm/admin_reserve_kbytes",
		"vm/user_reserve_kbytes", "fs/mount-max", "fs/inotify/max_user_watches",
		"fs/inotify/max_queued_events", "net/core/rmem_default", "net/core/wmem_default",
		"net/core/rmem_max", "net/core/wmem_max", "net/unix/max_dgram_qlen",
		"net/ipv4/ip_forward"};
	char path[96];

	for (unsigned i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		snprintf(path, sizeof(path), "/proc/sys/%s", paths[i]);
		t_check_at(__FILE__, __LINE__, paths[i], number(path) >= 0);
	}
	t_errno(open("/proc/sys/kernel/none", O_RDONLY), ENOENT);
	t_eq(number("/proc/sys/kernel/overflowuid"), 65534);
	int fields[5] = {0};

	t_eq(sscanf(slurp("/proc/sys/kernel/printk"), "%d %d %d %d %d", fields, fields + 1,
		     fields + 2, fields + 3, fields + 4),
		4);
	t_check(strstr(slurp("/proc/sys/kernel/seccomp/actions_avail"), "kill_process ") == text);
	t_check(strstr(text, " user_notif ") && strstr(text, " allow\n"));
}

T_CASE(no_memory_below_the_lowest_address)
{
	long long lowest = number("/proc/sys/vm/mmap_min_addr");
	pid_t pid;

	t_check(lowest >= 4096);
	T_CHILD(pid)
	{
		if (geteuid() == 0)
			t_ok(setuid(1000));
		t_errno((long)mmap((void *)(lowest - 4096), 4096, PROT_READ,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
			EPERM);
		t_check(mmap((void *)lowest, 4096, PROT_READ,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
				0) == (void *)lowest);
	}
	t_exit(pid, 0);
}

T_CASE(ports_and_queues)
{
	int first = 0, last = 0, s = socket(AF_INET, SOCK_DGRAM, 0), u[2], sent = 0;
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);

	t_eq(sscanf(slurp("/proc/sys/net/ipv4/ip_local_port_range"), "%d\t%d\n", &first, &last), 2);
	t_check(first > 1023 && first < last && last < 65536);
	t_ret(bind(s, (struct sockaddr *)&a, len), 0);
	t_ret(getsockname(s, (struct sockaddr *)&a, &len), 0);
	t_check(ntohs(a.sin_port) >= first && ntohs(a.sin_port) <= last);
	struct sockaddr_un to = {AF_UNIX, "queue"};

	for (int i = 0; i < 2; i++)
		t_ok(u[i] = socket(AF_UNIX, SOCK_DGRAM, 0));
	t_ret(bind(u[1], (struct sockaddr *)&to, sizeof(to)), 0);
	while (sendto(u[0], "x", 1, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof(to)) == 1)
		sent++;
	t_eq(errno, EAGAIN);
	t_eq(sent, number("/proc/sys/net/unix/max_dgram_qlen") + 1);
	int bytes = 0;

	len = sizeof(bytes);
	t_ret(getsockopt(u[0], SOL_SOCKET, SO_SNDBUF, &bytes, &len), 0);
	t_eq(bytes, number("/proc/sys/net/core/wmem_default"));
}

T_CASE(the_log_is_for_all_or_not)
{
	char few[64];
	pid_t pid;

	if (geteuid())
		t_skip("only root can become nobody");
	long long restricted = number("/proc/sys/kernel/dmesg_restrict");

	T_CHILD(pid)
	{
		t_ok(setuid(65534));
		if (restricted)
			t_errno(klogctl(3, few, sizeof(few)), EPERM);
		else
			t_check(klogctl(3, few, sizeof(few)) >= 0);
	}
	t_exit(pid, 0);
}

T_CASE(maps_of_users)
{
	unsigned inside, outside, count;
	int fd;

	for (int i = 0; i < 3; i++) {
		static const char *const maps[] = {
			"/proc/self/uid_map", "/proc/self/gid_map", "/proc/self/projid_map"};

		t_eq(sscanf(slurp(maps[i]), "%u %u %u\n", &inside, &outside, &count), 3);
		t_check(inside == 0 && outside == 0 && count == 4294967295u);
		t_eq(strlen(text), 33);
		t_ok(fd = open(maps[i], O_WRONLY));
		t_errno(write(fd, "0 0 1\n", 6), EPERM);
		close(fd);
	}
	t_str(slurp("/proc/self/setgroups"), "allow\n");
	t_ok(fd = open("/proc/self/setgroups", O_WRONLY));
	t_errno(write(fd, "deny\n", 5), EPERM);
	t_str(slurp("/proc/self/sessionid"), "4294967295");
}

T_CASE(kinds_of_devices)
{
	struct stat st;

	slurp("/proc/devices");
	t_check(strstr(text, "Character devices:\n  1 mem\n") == text);
	t_check(strstr(text, "\n  4 tty") != NULL);
	t_check(strstr(text, "\n  5 /dev/tty\n") != NULL);
	t_check(strstr(text, "\n  5 /dev/ptmx\n") != NULL);
	t_check(strstr(text, "\n136 pts\n") != NULL);
	t_check(strstr(text, "\n\nBlock devices:\n") != NULL);
	t_check(strstr(slurp("/proc/partitions"), "major minor  #blocks  name\n\n") == text);
	t_check(!access("/proc/diskstats", R_OK));
	/* name, path, major, minors, kind */
	t_check(strstr(slurp("/proc/tty/drivers"), "/dev/tty ") == text);
	char *line = strstr(text, "pty_slave ");
	char path[32] = "", minors[32] = "", kind[32] = "";
	int major = 0;

	t_check(line &&
		sscanf(line, "pty_slave %31s %d %31s %31s", path, &major, minors, kind) == 4);
	t_str(path, "/dev/pts");
	t_eq(major, 136);
	t_str(kind, "pty:slave");
	t_ok(stat("/dev/pts/ptmx", &st));
	t_check(S_ISCHR(st.st_mode) && st.st_rdev == makedev(5, 2));
}

T_CASE(sync_a_range)
{
	int fd, fds[2];

	t_ok(fd = open("f", O_RDWR | O_CREAT, 0600));
	t_ret(write(fd, "text", 4), 4);
	t_ret(sync_file_range(fd, 0, 0, 0), 0);
	t_ret(sync_file_range(fd, 0, 4096, 7), 0);
	t_ret(sync_file_range(fd, 1 << 20, 0, 2), 0); /* beyond the end */
	t_errno(sync_file_range(fd, 0, 0, 8), EINVAL);
	t_errno(sync_file_range(fd, -1, 1, 0), EINVAL);
	t_errno(sync_file_range(fd, 4, -5, 0), EINVAL);
	t_errno(sync_file_range(fd, INT64_MAX, 2, 0), EINVAL);
	t_errno(sync_file_range(777, 0, 0, 0), EBADF);
	t_errno(sync_file_range(open("f", O_PATH), 0, 0, 0), EBADF);
	t_ret(sync_file_range(open("f", O_RDONLY), 0, 0, 1), 0);
	t_pipe(fds);
	t_errno(sync_file_range(fds[0], 0, 0, 0), ESPIPE);
	t_ret(sync_file_range(open(".", O_RDONLY), 0, 0, 0), 0);
}

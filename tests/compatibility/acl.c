/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* POSIX access control lists on tmpfs: acl(5), as attributes in the form of
 * <linux/posix_acl_xattr.h>. */
#include "t_.h"

#include <grp.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>

T_SUITE(acl);

#define ACCESS      "system.posix_acl_access"
#define DEFAULT     "system.posix_acl_default"
#define USER_OBJ    0x01
#define USER        0x02
#define GROUP_OBJ   0x04
#define GROUP       0x08
#define MASK        0x10
#define OTHER       0x20
#define NO_ID       0xffffffffu
#define ENTRIES_MAX 16

struct entry {
	uint16_t tag, perm;
	uint32_t id;
};
struct acl {
	uint32_t version;
	struct entry e[ENTRIES_MAX];
};

/* "u:rwx u1000:r-- g:r-x m:rwx o:---": short for what getfacl prints. */
static size_t acl_of(const char *text, struct acl *a)
{
	size_t n = 0;

	a->version = 2;
	while (*text) {
		struct entry *e = &a->e[n++];
		bool named = text[1] >= '0' && text[1] <= '9';
		char *end;

		e->tag = *text == 'u'   ? (named ? USER : USER_OBJ)
			 : *text == 'g' ? (named ? GROUP : GROUP_OBJ)
			 : *text == 'm' ? MASK
					: OTHER;
		e->id = named ? (uint32_t)strtoul(text + 1, &end, 10) : NO_ID;
		text = strchr(text, ':') + 1;
		e->perm = (text[0] == 'r') * 4 + (text[1] == 'w') * 2 + (text[2] == 'x');
		text += 3;
		while (*text == ' ')
			text++;
	}
	return 4 + n * sizeof(struct entry);
}

static int set_acl(const char *path, const char *name, const char *text)
{
	struct acl a;
	size_t size = acl_of(text, &a);

	return setxattr(path, name, &a, size, 0);
}

/* In the words of acl_of; "none" without one. */
static const char *acl_text(const char *path, const char *name)
{
	static char text[512];
	struct acl a;
	ssize_t size = getxattr(path, name, &a, sizeof(a));
	char *p = text;

	if (size < 0)
		return errno == ENODATA ? "none" : strerror(errno);
	if (a.version != 2 || (size - 4) % (ssize_t)sizeof(struct entry))
		return "malformed";
	for (size_t i = 0; i < ((size_t)size - 4) / sizeof(struct entry); i++) {
		const struct entry *e = &a.e[i];
		bool named = e->tag & (USER | GROUP);

		if (i)
			*p++ = ' ';
		*p++ = e->tag & (USER_OBJ | USER)     ? 'u'
		       : e->tag & (GROUP_OBJ | GROUP) ? 'g'
		       : e->tag == MASK               ? 'm'
						      : 'o';
		if (named)
			p += sprintf(p, "%u", e->id);
		else if (e->id != NO_ID)
			p += sprintf(p, "?");
		p += sprintf(p, ":%c%c%c", e->perm & 4 ? 'r' : '-', e->perm & 2 ? 'w' : '-',
			e->perm & 1 ? 'x' : '-');
	}
	*p = 0;
	return text;
}

static unsigned mode_of(const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		t_stop("lstat failed");
	return st.st_mode & 07777;
}

static void make(const char *path, mode_t mode)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);

	if (fd < 0 || fchmod(fd, mode) < 0)
		t_stop("cannot make a file");
	close(fd);
}

/* Which of "rwx" the user may, as access(2) says; @more: another group of his, or 0. */
static const char *may(const char *path, uid_t uid, gid_t gid, gid_t more)
{
	static char text[4];
	int fds[2];
	pid_t pid;

	t_pipe(fds);
	pid = t_fork();
	if (pid == 0) {
		char out[3];

		if (setgroups(more != 0, &more) || setgid(gid) || setuid(uid))
			t_stop("cannot become that user");
		out[0] = access(path, R_OK) ? '-' : 'r';
		out[1] = access(path, W_OK) ? '-' : 'w';
		out[2] = access(path, X_OK) ? '-' : 'x';
		_exit(write(fds[1], out, 3) != 3);
	}
	close(fds[1]);
	text[0] = 0;
	if (read(fds[0], text, 3) != 3)
		t_stop("no answer");
	text[3] = 0;
	close(fds[0]);
	waitpid(pid, NULL, 0);
	return text;
}

/* ---- the form ---- */

T_CASE(set_and_get)
{
	struct acl a;
	char small[12];
	int fd;

	make("f", 0640);
	t_str(acl_text("f", ACCESS), "none");
	t_errno(getxattr("f", ACCESS, small, sizeof(small)), ENODATA);
	t_errno(getxattr("f", DEFAULT, small, sizeof(small)), ENODATA);
	t_ret(set_acl("f", ACCESS, "u:rw- u1000:r-- g:r-- m:rwx o:---"), 0);
	t_str(acl_text("f", ACCESS), "u:rw- u1000:r-- g:r-- m:rwx o:---");
	t_ret(getxattr("f", ACCESS, NULL, 0), 4 + 5 * 8);
	t_errno(getxattr("f", ACCESS, small, sizeof(small)), ERANGE);
	t_eq(mode_of("f"), 0670);
	t_ok(fd = open("f", O_RDONLY));
	t_ret(fgetxattr(fd, ACCESS, &a, sizeof(a)), 4 + 5 * 8);
	t_eq(a.version, 2);
	t_eq(a.e[0].id, NO_ID);
	t_eq(a.e[1].id, 1000);
	/* ids of the unnamed are not kept */
	a.e[0].id = 17;
	a.e[2].id = 18;
	t_ret(fsetxattr(fd, ACCESS, &a, 4 + 5 * 8, 0), 0);
	t_str(acl_text("f", ACCESS), "u:rw- u1000:r-- g:r-- m:rwx o:---");
	t_ret(set_acl("f", ACCESS, "u:rwx u7:rwx u1000:--x g:r-x g5:-w- g6:--- m:r-x o:--x"), 0);
	t_str(acl_text("f", ACCESS), "u:rwx u7:rwx u1000:--x g:r-x g5:-w- g6:--- m:r-x o:--x");
	t_eq(mode_of("f"), 0751);
}

T_CASE(equal_to_a_mode)
{
	make("f", 04600);
	t_ret(set_acl("f", ACCESS, "u:rwx g:r-x o:--x"), 0);
	t_str(acl_text("f", ACCESS), "none");
	t_eq(mode_of("f"), 04751);
	t_ret(set_acl("f", ACCESS, "u:rwx g:r-x m:-wx o:--x"), 0);
	t_str(acl_text("f", ACCESS), "u:rwx g:r-x m:-wx o:--x");
	t_eq(mode_of("f"), 04731);
	t_ret(set_acl("f", ACCESS, "u:r-- g:r-- o:r--"), 0);
	t_str(acl_text("f", ACCESS), "none");
	t_eq(mode_of("f"), 04444);
}

T_CASE(flags_do_not_matter)
{
	struct acl a;
	size_t size = acl_of("u:rw- u1:r-- g:r-- m:r-- o:---", &a);

	make("f", 0600);
	t_ret(setxattr("f", ACCESS, &a, size, XATTR_REPLACE), 0);
	t_ret(setxattr("f", ACCESS, &a, size, XATTR_CREATE), 0);
	t_str(acl_text("f", ACCESS), "u:rw- u1:r-- g:r-- m:r-- o:---");
}

T_CASE(malformed)
{
	static const char *const bad[] = {
		"u:rwx g:r-x",             /* no others */
		"g:r-x o:---",             /* no owner */
		"u:rwx o:---",             /* no group */
		"u:rwx g:r-x o:--- o:---", /* twice */
		"u:rwx u:rwx g:r-x o:---",
		"u:rwx g:r-x g:r-x o:---",
		"u:rwx u5:rwx g:r-x m:rwx m:rwx o:---",
		"u:rwx u5:rwx g:r-x o:---", /* named, no mask */
		"u:rwx g:r-x g5:r-x o:---",
		"u5:rwx u:rwx g:r-x m:rwx o:---", /* order */
		"u:rwx g:r-x u5:rwx m:rwx o:---",
		"u:rwx g5:r-x g:r-x m:rwx o:---",
		"u:rwx g:r-x m:rwx g5:r-x o:---",
		"u:rwx g:r-x o:--- m:rwx",
		"g:r-x u:rwx o:---",
		"m:rwx",
	};
	struct acl a;
	size_t size;

	make("f", 0600);
	t_ret(mkdir("d", 0700), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		t_errno(set_acl("f", ACCESS, bad[i]), EINVAL);
		t_errno(set_acl("d", DEFAULT, bad[i]), EINVAL);
	}
	size = acl_of("u:rwx u5:r-- g:r-x m:rwx o:---", &a);
	t_errno(setxattr("f", ACCESS, &a, size - 1, 0), EINVAL);
	t_errno(setxattr("f", ACCESS, &a, size - 4, 0), EINVAL);
	t_errno(setxattr("f", ACCESS, &a, 3, 0), EINVAL);
	a.e[1].perm = 8;
	t_errno(setxattr("f", ACCESS, &a, size, 0), EINVAL);
	a.e[1].perm = 0x107;
	t_errno(setxattr("f", ACCESS, &a, size, 0), EINVAL);
	a.e[1].perm = 7;
	a.e[1].id = NO_ID;
	t_errno(setxattr("f", ACCESS, &a, size, 0), EINVAL);
	a.e[1].id = 5;
	a.e[1].tag = 3;
	t_errno(setxattr("f", ACCESS, &a, size, 0), EINVAL);
	a.e[1].tag = 0;
	t_errno(setxattr("f", ACCESS, &a, size, 0), EINVAL);
	a.e[1].tag = 0x40;
	t_errno(setxattr("f", ACCESS, &a, size, 0), EINVAL);
	a.e[1].tag = USER;
	a.version = 1;
	t_errno(setxattr("f", ACCESS, &a, size, 0), EOPNOTSUPP);
	a.version = 3;
	t_errno(setxattr("f", ACCESS, &a, size, 0), EOPNOTSUPP);
	a.version = 2;
	t_ret(setxattr("f", ACCESS, &a, size, 0), 0);
	t_str(acl_text("f", ACCESS), "u:rwx u5:rwx g:r-x m:rwx o:---");
	t_str(acl_text("d", DEFAULT), "none");
	t_eq(mode_of("d"), 0700);
}

T_CASE(same_name_twice)
{
	make("f", 0600);
	t_ret(set_acl("f", ACCESS, "u:rw- u9:r-- u5:r-- u5:-w- g:r-- m:rwx o:---"), 0);
	t_str(acl_text("f", ACCESS), "u:rw- u9:r-- u5:r-- u5:-w- g:r-- m:rwx o:---");
	t_ret(chmod(".", 0755), 0);
	t_str(may("f", 5, 5, 0), "r--");
}

T_CASE(taken_away)
{
	struct acl a;

	make("f", 0640);
	t_ret(mkdir("d", 0750), 0);
	t_ret(set_acl("f", ACCESS, "u:rw- u1000:rw- g:--- m:rw- o:---"), 0);
	t_ret(removexattr("f", ACCESS), 0);
	t_str(acl_text("f", ACCESS), "none");
	t_eq(mode_of("f"), 0660); /* the mask remains as the group's bits */
	t_ret(set_acl("d", DEFAULT, "u:rwx g:r-x o:---"), 0);
	t_str(acl_text("d", DEFAULT), "u:rwx g:r-x o:---");
	t_eq(mode_of("d"), 0750);
	t_ret(removexattr("d", DEFAULT), 0);
	t_str(acl_text("d", DEFAULT), "none");
	t_ret(set_acl("d", DEFAULT, "u:rwx g:r-x o:---"), 0);
	a.version = 2; /* an ACL of no entries is none */
	t_ret(setxattr("d", DEFAULT, &a, 4, 0), 0);
	t_str(acl_text("d", DEFAULT), "none");
	t_ret(set_acl("f", ACCESS, "u:rw- u1000:rw- g:--- m:rw- o:---"), 0);
	t_ret(setxattr("f", ACCESS, &a, 4, 0), 0);
	t_str(acl_text("f", ACCESS), "none");
}

/* Both names are there, in any order. */
static bool lists(const char *path, const char *name)
{
	char names[256];
	ssize_t n = listxattr(path, names, sizeof(names));

	for (char *p = names; n > 0 && p < names + n; p += strlen(p) + 1) {
		if (!strcmp(p, name))
			return true;
	}
	return false;
}

T_CASE(listed)
{
	t_ret(mkdir("d", 0750), 0);
	t_ret(listxattr("d", NULL, 0), 0);
	t_ret(set_acl("d", ACCESS, "u:rwx g:r-x m:r-x o:---"), 0);
	t_check(lists("d", ACCESS));
	t_check(!lists("d", DEFAULT));
	t_ret(set_acl("d", DEFAULT, "u:rwx g:r-x o:---"), 0);
	t_check(lists("d", ACCESS));
	t_check(lists("d", DEFAULT));
	t_ret(listxattr("d", NULL, 0), sizeof(ACCESS) + sizeof(DEFAULT));
	t_ret(set_acl("d", ACCESS, "u:rwx g:r-x o:---"), 0);
	t_ret(listxattr("d", NULL, 0), sizeof(DEFAULT));
}

/* ---- who may ---- */

T_CASE(only_the_owner_sets)
{
	pid_t pid;

	make("f", 0666);
	t_ret(mkdir("d", 0777), 0);
	t_ret(set_acl("f", ACCESS, "u:rw- u1000:rw- g:rw- m:rw- o:rw-"), 0);
	T_CHILD(pid)
	{
		t_become(1000, 1000);
		t_errno(set_acl("f", ACCESS, "u:rw- u1000:rwx g:rw- m:rwx o:rw-"), EPERM);
		t_errno(set_acl("d", DEFAULT, "u:rwx g:r-x o:---"), EPERM);
		t_errno(removexattr("f", ACCESS), EPERM);
		t_str(acl_text("f", ACCESS), "u:rw- u1000:rw- g:rw- m:rw- o:rw-");
	}
	t_exit(pid, 0);
	t_ret(chown("f", 1000, 1000), 0);
	t_ret(chown("d", 1000, 1000), 0);
	t_str(acl_text("f", ACCESS), "u:rw- u1000:rw- g:rw- m:rw- o:rw-");
	T_CHILD(pid)
	{
		t_become(1000, 1000);
		t_ret(set_acl("f", ACCESS, "u:rw- u1001:r-- g:--- m:r-- o:---"), 0);
		t_ret(set_acl("d", DEFAULT, "u:rwx g:r-x o:---"), 0);
	}
	t_exit(pid, 0);
	t_eq(mode_of("f"), 0640);
	/* to read it, no permission on the file is needed */
	T_CHILD(pid)
	{
		t_become(1005, 1005);
		t_errno(open("f", O_RDONLY), EACCES);
		t_str(acl_text("f", ACCESS), "u:rw- u1001:r-- g:--- m:r-- o:---");
	}
	t_exit(pid, 0);
}

T_CASE(kinds_of_files)
{
	int fd;

	make("f", 0600);
	t_errno(set_acl("f", DEFAULT, "u:rwx g:r-x o:---"), EACCES);
	t_ret(removexattr("f", DEFAULT), 0);
	t_ret(mkfifo("p", 0600), 0);
	t_ret(set_acl("p", ACCESS, "u:rw- u1000:r-- g:--- m:r-- o:---"), 0);
	t_str(acl_text("p", ACCESS), "u:rw- u1000:r-- g:--- m:r-- o:---");
	t_eq(mode_of("p"), 0640);
	t_errno(set_acl("p", DEFAULT, "u:rwx g:r-x o:---"), EACCES);
	t_ret(symlink("f", "l"), 0);
	t_errno(lgetxattr("l", ACCESS, NULL, 0), EOPNOTSUPP);
	t_errno(lsetxattr("l", ACCESS, &(struct acl){.version = 2}, 4, 0), EOPNOTSUPP);
	t_ret(set_acl("l", ACCESS, "u:rw- u1000:r-- g:--- m:r-- o:---"), 0);
	t_str(acl_text("f", ACCESS), "u:rw- u1000:r-- g:--- m:r-- o:---");
	t_errno(getxattr("/proc/self/status", ACCESS, NULL, 0), EOPNOTSUPP);
	t_errno(set_acl("/proc/self/status", ACCESS, "u:r-- g:r-- o:r--"), EOPNOTSUPP);
	t_errno(getxattr("/proc", DEFAULT, NULL, 0), EOPNOTSUPP);
	t_ok(fd = open("f", O_PATH));
	t_errno(fgetxattr(fd, ACCESS, NULL, 0), EBADF);
}

T_CASE(set_group_id)
{
	pid_t pid;

	make("f", 0600);
	t_ret(chown("f", 1000, 2000), 0);
	t_ret(chmod("f", 02750), 0);
	t_ret(set_acl("f", ACCESS, "u:rwx g:r-x m:r-x o:---"), 0);
	t_eq(mode_of("f"), 02750);
	T_CHILD(pid)
	{
		t_become(1000, 1000);
		t_ret(set_acl("f", ACCESS, "u:rwx g:rwx m:rwx o:---"), 0);
	}
	t_exit(pid, 0);
	t_eq(mode_of("f"), 0770);
	t_ret(chmod("f", 02770), 0);
	T_CHILD(pid)
	{
		t_become(1000, 2000);
		t_ret(set_acl("f", ACCESS, "u:rwx g:r-x m:r-x o:---"), 0);
	}
	t_exit(pid, 0);
	t_eq(mode_of("f"), 02750);
}

/* ---- what it allows ---- */

T_CASE(named_users)
{
	make("f", 0600);
	t_ret(chown("f", 1000, 1000), 0);
	t_ret(set_acl("f", ACCESS, "u:-w- u1001:r-x u1002:--- u1003:rwx g:rwx m:r-x o:--x"), 0);
	t_str(may("f", 1000, 1000, 0), "-w-"); /* the owner, whatever else says */
	t_str(may("f", 1000, 1000, 1001), "-w-");
	t_str(may("f", 1001, 1001, 0), "r-x");
	t_str(may("f", 1001, 1000, 0), "r-x"); /* before his groups */
	t_str(may("f", 1002, 1002, 0), "---"); /* less than others */
	t_str(may("f", 1002, 1000, 0), "---");
	t_str(may("f", 1003, 1003, 0), "r-x"); /* cut by the mask */
	t_str(may("f", 1004, 1000, 0), "r-x");
	t_str(may("f", 1004, 1004, 1000), "r-x");
	t_str(may("f", 1005, 1005, 0), "--x");
}

T_CASE(named_groups)
{
	make("f", 0600);
	t_ret(chown("f", 1000, 1000), 0);
	t_ret(set_acl("f", ACCESS, "u:rwx g:r-- g2001:-w- g2002:--- g2003:rwx m:rw- o:--x"), 0);
	t_str(may("f", 5000, 1000, 0), "r--");
	t_str(may("f", 5000, 2001, 0), "-w-");
	t_str(may("f", 5000, 2002, 0), "---"); /* a group that gives nothing: not others' */
	t_str(may("f", 5000, 2003, 0), "rw-");
	t_str(may("f", 5000, 1000, 2001), "rw-"); /* each by one that gives it... */
	t_str(may("f", 5000, 2002, 2001), "-w-");
	t_str(may("f", 5000, 3000, 0), "--x");
	t_str(may("f", 5000, 3000, 2002), "---");
}

T_CASE(both_by_one_entry)
{
	int fd;
	pid_t pid;

	make("f", 0600);
	t_ret(set_acl("f", ACCESS, "u:rwx g:--- g2001:r-- g2002:-w- m:rwx o:---"), 0);
	T_CHILD(pid)
	{
		gid_t groups[] = {2001, 2002};

		if (setgroups(2, groups) || setgid(3000) || setuid(3000))
			t_stop("cannot become that user");
		t_ok(fd = open("f", O_RDONLY));
		t_ok(fd = open("f", O_WRONLY));
		t_errno(open("f", O_RDWR), EACCES); /* ...but not both by two */
	}
	t_exit(pid, 0);
}

T_CASE(empty_mask)
{
	make("f", 0600);
	t_ret(set_acl("f", ACCESS, "u:rwx u1001:rwx g:rwx g2001:rwx m:--- o:r--"), 0);
	t_eq(mode_of("f"), 0704);
	t_str(may("f", 1001, 1001, 0), "r--"); /* with no group bits it is the mode that counts */
	t_str(may("f", 1002, 0, 0), "---");
	t_str(may("f", 1002, 2001, 0), "r--");
	t_str(may("f", 1003, 1003, 0), "r--");
}

T_CASE(root_may)
{
	int fd;

	make("f", 0600);
	t_ret(set_acl("f", ACCESS, "u:--- u1001:rwx g:--- m:rwx o:---"), 0);
	t_ok(fd = open("f", O_RDWR));
	t_ret(access("f", X_OK), 0); /* somebody may execute it: the mask says so */
	t_ret(chown("f", 1, 1), 0);
	t_ret(set_acl("f", ACCESS, "u:--- u0:--- g:--- m:rw- o:---"), 0);
	t_ret(access("f", R_OK | W_OK), 0);
	t_errno(access("f", X_OK), EACCES);
}

T_CASE(on_the_way)
{
	struct stat st;
	pid_t pid;

	t_ret(mkdir("d", 0700), 0);
	t_ret(mkdir("d/e", 0755), 0);
	make("d/e/f", 0644);
	T_CHILD(pid)
	{
		t_become(1001, 1001);
		t_errno(stat("d/e/f", &st), EACCES);
	}
	t_exit(pid, 0);
	t_ret(set_acl("d", ACCESS, "u:rwx u1001:--x g:--- m:--x o:---"), 0);
	T_CHILD(pid)
	{
		t_become(1001, 1001);
		t_ret(stat("d/e/f", &st), 0);
		t_ret(stat("d/e/../e/f", &st), 0);
		t_errno(open("d", O_RDONLY | O_DIRECTORY), EACCES);
	}
	t_exit(pid, 0);
	/* everybody may search it by its mode, and one may not */
	t_ret(set_acl("d", ACCESS, "u:rwx u1001:--- g:--x m:--x o:--x"), 0);
	t_eq(mode_of("d"), 0711);
	T_CHILD(pid)
	{
		t_become(1001, 1001);
		t_errno(stat("d/e/f", &st), EACCES);
		t_errno(stat("d/e", &st), EACCES);
		t_errno(open("d/e/f", O_RDONLY), EACCES);
	}
	t_exit(pid, 0);
	T_CHILD(pid)
	{
		t_become(1002, 1002);
		t_ret(stat("d/e/f", &st), 0);
	}
	t_exit(pid, 0);
	t_ret(set_acl("d", ACCESS, "u:rwx u1001:rwx g:--x m:rwx o:--x"), 0);
	T_CHILD(pid)
	{
		t_become(1001, 1001);
		t_ret(mkdir("d/mine", 0700), 0);
		t_ret(rmdir("d/mine"), 0);
		t_ret(rename("d/e/f", "d/e/f"), 0);
	}
	t_exit(pid, 0);
}

T_CASE(device)
{
	int fd;

	t_ret(mknod("n", S_IFCHR | 0600, makedev(1, 3)), 0);
	t_ret(set_acl("n", ACCESS, "u:rw- u1001:rw- g:--- m:rw- o:---"), 0);
	t_str(may("n", 1001, 1001, 0), "rw-");
	t_str(may("n", 1002, 1002, 0), "---");
	t_eq(mode_of("n"), 0660);
	t_ok(fd = open("n", O_RDWR));
}

/* ---- with the mode ---- */

T_CASE(chmod_follows)
{
	make("f", 0600);
	t_ret(set_acl("f", ACCESS, "u:rwx u1001:rwx g:r-x m:rwx o:r-x"), 0);
	t_ret(chmod("f", 0640), 0);
	t_str(acl_text("f", ACCESS), "u:rw- u1001:rwx g:r-x m:r-- o:---");
	t_eq(mode_of("f"), 0640);
	t_str(may("f", 1001, 1001, 0), "r--");
	t_ret(chmod("f", 06777), 0);
	t_str(acl_text("f", ACCESS), "u:rwx u1001:rwx g:r-x m:rwx o:rwx");
	t_eq(mode_of("f"), 06777);
	t_str(may("f", 1001, 1001, 0), "rwx");
	t_ret(chmod("f", 0), 0);
	t_str(acl_text("f", ACCESS), "u:--- u1001:rwx g:r-x m:--- o:---");
	t_ret(mkdir("d", 0755), 0);
	t_ret(set_acl("d", DEFAULT, "u:rwx g:r-x o:r-x"), 0);
	t_ret(chmod("d", 0700), 0);
	t_str(acl_text("d", DEFAULT), "u:rwx g:r-x o:r-x");
}

T_CASE(changes_ctime)
{
	struct stat before, after;

	make("f", 0600);
	t_ret(stat("f", &before), 0);
	t_sleep_ms(20);
	t_ret(set_acl("f", ACCESS, "u:rw- u1001:rw- g:--- m:rw- o:---"), 0);
	t_ret(stat("f", &after), 0);
	t_check(after.st_ctim.tv_sec > before.st_ctim.tv_sec ||
		after.st_ctim.tv_nsec > before.st_ctim.tv_nsec);
	t_eq(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
}

/* ---- default ones ---- */

T_CASE(inherited_by_files)
{
	int fd;

	umask(077);
	t_ret(mkdir("d", 0755), 0);
	t_ret(set_acl("d", DEFAULT, "u:rwx u1001:rwx g:r-x m:rwx o:r--"), 0);
	t_eq(mode_of("d"), 0700);
	t_ok(fd = open("d/f", O_CREAT | O_RDWR, 0666));
	t_str(acl_text("d/f", ACCESS), "u:rw- u1001:rwx g:r-x m:rw- o:r--");
	t_eq(mode_of("d/f"), 0664);
	t_str(acl_text("d/f", DEFAULT), "none");
	t_ok(fd = open("d/g", O_CREAT | O_RDWR, 0600));
	t_str(acl_text("d/g", ACCESS), "u:rw- u1001:rwx g:r-x m:--- o:---");
	t_eq(mode_of("d/g"), 0600);
	t_ret(mkfifo("d/p", 0666), 0);
	t_str(acl_text("d/p", ACCESS), "u:rw- u1001:rwx g:r-x m:rw- o:r--");
	t_ret(mknod("d/n", S_IFREG | 0640, 0), 0);
	t_str(acl_text("d/n", ACCESS), "u:rw- u1001:rwx g:r-x m:r-- o:---");
	t_ret(symlink("f", "d/l"), 0);
	t_eq(mode_of("d/l"), 0777);
	t_ok(fd = open("d", O_TMPFILE | O_RDWR, 0666));
	t_ret(fgetxattr(fd, ACCESS, NULL, 0), 4 + 5 * 8);
	/* what is linked or moved into it stays as it is */
	t_ok(fd = open("x", O_CREAT | O_RDWR, 0666));
	t_ret(link("x", "d/x"), 0);
	t_str(acl_text("d/x", ACCESS), "none");
	t_eq(mode_of("d/x"), 0600);
}

T_CASE(inherited_by_directories)
{
	umask(022);
	t_ret(mkdir("d", 0755), 0);
	t_ret(set_acl("d", DEFAULT, "u:rwx u1001:r-x g:rwx m:rwx o:---"), 0);
	t_ret(mkdir("d/e", 0777), 0);
	t_str(acl_text("d/e", ACCESS), "u:rwx u1001:r-x g:rwx m:rwx o:---");
	t_str(acl_text("d/e", DEFAULT), "u:rwx u1001:r-x g:rwx m:rwx o:---");
	t_eq(mode_of("d/e"), 0770);
	t_ret(mkdir("d/e/f", 0750), 0);
	t_str(acl_text("d/e/f", ACCESS), "u:rwx u1001:r-x g:rwx m:r-x o:---");
	t_str(acl_text("d/e/f", DEFAULT), "u:rwx u1001:r-x g:rwx m:rwx o:---");
	t_eq(mode_of("d/e/f"), 0750);
	t_ret(removexattr("d", DEFAULT), 0);
	t_ret(mkdir("d/g", 0777), 0);
	t_str(acl_text("d/g", ACCESS), "none");
	t_eq(mode_of("d/g"), 0755);
}

T_CASE(inherited_short)
{
	int fd;

	umask(077);
	t_ret(mkdir("d", 0755), 0);
	t_ret(set_acl("d", DEFAULT, "u:rw- g:r-x o:--x"), 0);
	t_ok(fd = open("d/f", O_CREAT | O_RDWR, 0777));
	t_str(acl_text("d/f", ACCESS), "none");
	t_eq(mode_of("d/f"), 0651);
	t_ret(mkdir("d/e", 0666), 0);
	t_str(acl_text("d/e", ACCESS), "none");
	t_str(acl_text("d/e", DEFAULT), "u:rw- g:r-x o:--x");
	t_eq(mode_of("d/e"), 0640);
	t_ret(chmod("d", 02755), 0);
	t_ret(mkdir("d/s", 0777), 0);
	t_eq(mode_of("d/s"), 02651);
}

T_CASE(inherited_by_sockets)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "d/s"};
	int fd;

	umask(0);
	t_ret(mkdir("d", 0755), 0);
	t_ret(set_acl("d", DEFAULT, "u:rwx u1001:rw- g:r-x m:rwx o:---"), 0);
	t_ok(fd = socket(AF_UNIX, SOCK_STREAM, 0));
	t_ret(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	t_str(acl_text("d/s", ACCESS), "u:rwx u1001:rw- g:r-x m:rwx o:---");
	t_eq(mode_of("d/s"), 0770);
}

/* ---- while others use it ---- */

/* One sets and removes the ACL, three look: each answer is that of one state or the other. */
T_CASE(changed_while_used)
{
	pid_t lookers[3];
	struct stat st;

	t_ret(mkdir("d", 0755), 0);
	make("d/f", 0644);
	for (int i = 0; i < 3; i++) {
		T_CHILD(lookers[i])
		{
			long wrong = 0;

			t_become(1001, 1001);
			for (int n = 0; n < 3000; n++) {
				if (stat("d/f", &st) < 0 && errno != EACCES)
					wrong++;
			}
			t_eq(wrong, 0);
		}
	}
	for (int n = 0; n < 300; n++) {
		if (set_acl("d", ACCESS, "u:rwx u1001:--- g:r-x m:r-x o:r-x") ||
			chmod("d", n & 1 ? 0711 : 0755) || removexattr("d", ACCESS))
			t_stop("cannot change the ACL");
	}
	for (int i = 0; i < 3; i++)
		t_exit(lookers[i], 0);
	t_ret(stat("d/f", &st), 0);
}

/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* mount_slaves.c - what is mounted on a master, seen from its slaves, their peers and their own
 * slaves. */
#include "t_mount.h"

T_SUITE(mount_slaves);

/* The number behind `shared:` or `master:` of the mount at @path; 0 = it has none. */
static int group(const char *path, const char *what)
{
	const char *at = strstr(field(path, F_PEERS), what);

	return at ? atoi(at + strlen(what)) : 0;
}

static int shared(const char *path)
{
	return group(path, "shared:");
}

static int master(const char *path)
{
	return group(path, "master:");
}

/* @to: a slave of @from, and master of others when @sharing. */
static void slave(const char *from, const char *to, bool sharing)
{
	t_ok(mount(from, to, NULL, MS_BIND, NULL));
	t_ok(mount(NULL, to, NULL, MS_SLAVE, NULL));
	if (sharing)
		t_ok(mount(NULL, to, NULL, MS_SHARED, NULL));
	t_eq(master(to), shared(from));
}

/* a is shared; b is its slave, c that of b, d that of c. */
static void chain(void)
{
	begin();
	dirs("a b c d e");
	t_ok(mount("none", "a", "tmpfs", 0, NULL));
	t_ok(mount(NULL, "a", NULL, MS_SHARED, NULL));
	slave("a", "b", true);
	slave("b", "c", true);
	slave("c", "d", false);
	dirs("a/x a/y a/y/z");
}

T_CASE(slaves_of_slaves_hear)
{
	chain();
	t_ok(mount("none", "a/x", "tmpfs", 0, NULL));
	t_spew("a/x/f", "x");
	t_check(has("b/x/f") && has("c/x/f") && has("d/x/f"));
	t_check(shared("a/x") && !master("a/x"));
	t_eq(master("b/x"), shared("a/x"));
	t_eq(master("c/x"), shared("b/x"));
	t_eq(master("d/x"), shared("c/x"));
	t_eq(shared("d/x"), 0);
	t_ok(mount("none", "c/y", "tmpfs", 0, NULL));
	t_check(has("a/y/z") && has("b/y/z") && !has("d/y/z"));
	t_ok(mount("none", "b/x", "tmpfs", 0, NULL)); /* upon what came */
	t_check(has("a/x/f") && !has("b/x/f") && !has("c/x/f") && !has("d/x/f"));
	t_ok(umount("b/x"));
	t_check(has("b/x/f") && has("c/x/f") && has("d/x/f"));
	t_ok(umount("a/x"));
	t_check(!has("a/x/f") && !has("b/x/f") && !has("c/x/f") && !has("d/x/f"));
	end();
}

T_CASE(busy_slave_of_a_slave)
{
	int fd;

	chain();
	t_ok(mount("none", "a/x", "tmpfs", 0, NULL));
	t_spew("a/x/f", "x");
	fd = open("d/x/f", O_RDONLY);
	t_ok(fd);
	t_errno(umount("a/x"), EBUSY);
	t_ok(close(fd));
	t_ok(umount("a/x"));
	t_check(!has("d/x/f"));
	end();
}

/* Copies for members of one group are members of one group. */
T_CASE(peers_of_slaves)
{
	chain();
	t_ok(mount("b", "e", NULL, MS_BIND, NULL));
	t_eq(shared("e"), shared("b"));
	t_eq(master("e"), shared("a"));
	t_ok(mount("none", "a/x", "tmpfs", 0, NULL));
	t_check(shared("b/x") != 0 && shared("b/x") != shared("a/x"));
	t_eq(shared("e/x"), shared("b/x"));
	t_eq(master("e/x"), shared("a/x"));
	t_eq(master("c/x"), shared("b/x"));
	t_ok(mkdir("a/x/in", 0755));
	t_ok(mount("none", "e/x/in", "tmpfs", 0, NULL));
	t_spew("e/x/in/f", "x");
	t_check(has("b/x/in/f") && has("c/x/in/f") && !has("a/x/in/f"));
	end();
}

/* Who loses its master gets the master's. */
T_CASE(master_in_the_middle_goes)
{
	chain();
	t_ok(umount("b"));
	t_eq(master("c"), shared("a"));
	t_ok(mount("none", "a/x", "tmpfs", 0, NULL));
	t_spew("a/x/f", "x");
	t_check(has("c/x/f") && has("d/x/f"));
	t_ok(mount(NULL, "c", NULL, MS_PRIVATE, NULL));
	t_eq(master("d"), shared("a"));
	t_ok(umount("a/x"));
	t_check(has("c/x/f") && !has("d/x/f"));
	t_ok(umount("a"));
	t_eq(master("d"), 0);
	end();
}

/* A part of the master is seen from a slave of a slave, not from the slave between. */
T_CASE(part_of_a_master)
{
	begin();
	dirs("a b c");
	t_ok(mount("none", "a", "tmpfs", 0, NULL));
	t_ok(mount(NULL, "a", NULL, MS_SHARED, NULL));
	dirs("a/x a/y");
	slave("a", "b", true);
	slave("b", "c", true);
	t_ok(umount("b"));
	t_ok(mount("a/y", "b", NULL, MS_BIND, NULL));
	t_ok(mount("none", "a/x", "tmpfs", 0, NULL));
	t_spew("a/x/f", "x");
	t_check(has("c/x/f"));
	t_eq(master("c/x"), shared("a/x"));
	end();
}

T_CASE(trees_come_along)
{
	chain();
	t_ok(mount("none", "e", "tmpfs", 0, NULL));
	t_ok(mkdir("e/in", 0755));
	t_ok(mount("none", "e/in", "tmpfs", 0, NULL));
	t_spew("e/in/f", "x");
	t_ok(mount("e", "a/x", NULL, MS_BIND | MS_REC, NULL));
	t_check(has("b/x/in/f") && has("c/x/in/f") && has("d/x/in/f"));
	t_eq(master("c/x/in"), shared("b/x/in"));
	t_eq(master("d/x/in"), shared("c/x/in"));
	t_ok(umount2("a/x", MNT_DETACH));
	t_check(!has("b/x/in") && !has("c/x/in") && !has("d/x/in"));
	end();
}

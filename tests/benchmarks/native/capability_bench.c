/* Capabilities as they stand in the kernel (arch/host, kmalloc is the C library's): the check at
 * each use, derivation, revocation. The way into the kernel is not in it; Linux's figures are whole
 * system calls, for it has no like of these outside of one.
 *
 * needs: kernel/security/capability/space.c kernel/security/capability/object.c
 * needs: kernel/security/credentials.c kernel/sync/spinlock.c
 */
#include <host.h>
#include <exo/security.h>
#include <fcntl.h>
#include <unistd.h>
#include "native_bench.h"

enum { TREE_MAX = 100000, LIMIT = TREE_MAX + 100 };

static struct grant *tree[TREE_MAX];

static void gone(struct object *o)
{
}
static const struct object_type type = {.name = "thing", .release = gone};
static struct object object;

static cap_t install(struct cap_space *s, struct grant *g)
{
	cap_t fd = cap_install(s, g, 0, 0, LIMIT);

	require(fd >= 0);
	return fd;
}

/* check - looks slot @fd up as each system call does, when one thread uses the space (no
 * reference) or several do. */
static void check(const char *name, struct cap_space *s, cap_t fd)
{
	NATIVE_BENCH(name, {
		bool borrowed;
		struct object *o = cap_borrow(s, fd, CAP_READ, &borrowed);

		require(o == &object);
		cap_release(o, borrowed);
	});
}

static void checks(struct cap_space *s)
{
	struct grant *g = &object.root, *child;
	cap_t fd;

	object_get(&object);
	fd = install(s, g);
	check("check_root", s, fd);
	s->refs++;
	check("check_root_shared_space", s, fd);
	s->refs--;
	NATIVE_BENCH("check_refused", {
		bool borrowed;

		require(is_err(cap_borrow(s, 1000, CAP_READ, &borrowed)));
	});
	for (int depth = 1; depth < GRANT_DEPTH_MAX; depth++, g = child) {
		child = cap_derive(g, CAP_ALL, 0);
		require(!is_err(child));
		if (depth > 1)
			grant_put(g);
		if (depth == 1 || depth == GRANT_DEPTH_MAX - 1) {
			grant_get(child);
			fd = install(s, child);
			check(depth == 1 ? "check_derived_once" : "check_derived_63_times", s, fd);
		}
	}
	grant_put(g);
}

/* A tree of @n below @top, ten children each. */
static void grow(struct grant *top, int n)
{
	for (int i = 0; i < n; i++) {
		tree[i] = cap_derive(i < 10 ? top : tree[i / 10], CAP_ALL, 0);
		require(!is_err(tree[i]));
	}
}
static void fell(int n)
{
	while (n--)
		grant_put(tree[n]);
	host_rcu_run();
}

/* What is done with a grant that has @n descendants. */
static void with_descendants(struct cap_space *s, int n, const char *const names[3])
{
	static double samples[200];
	struct grant *top = cap_derive(&object.root, CAP_ALL, 0);
	cap_t fd;

	require(!is_err(top));
	grow(top, n);
	grant_get(top);
	fd = install(s, top);
	check(names[0], s, fd);
	NATIVE_FEW(names[1], 2000, 16, 1, {
		struct grant *g = cap_derive(top, CAP_READ, 0);

		require(!is_err(g));
		grant_put(g);
		host_rcu_run();
	});
	require(!cap_close(s, fd));
	for (int i = -20; i < 200;
		i++) { /* children only: the tree dies once, the work is the same */
		uint64_t from = native_cycles();
		int err = cap_revoke(top, true);

		if (i >= 0)
			samples[i] = (double)(native_cycles() - from);
		require(!err);
	}
	for (int i = 0; i < n; i++)
		require(!grant_live(tree[i]));
	require(grant_live(top));
	native_report(names[2], "cycles", samples, 200);
	fell(n);
	grant_put(top);
	host_rcu_run();
}

int main(void)
{
	static const char *const names[3][3] = {
		{"check_with_1_descendant", "derive_drop_with_1_descendant", "revoke_1_descendant"},
		{"check_with_1000_descendants", "derive_drop_with_1000_descendants",
			"revoke_1000_descendants"},
		{"check_with_100000_descendants", "derive_drop_with_100000_descendants",
			"revoke_100000_descendants"},
	};
	struct cap_space *s = cap_space_create();
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC), n = 1;

	require(s && null >= 0);
	host_log_quiet = true;
	object_init(&object, &type, CAP_ALL);
	printf("# the check at each use\n");
	checks(s);
	printf("# derivation and revocation\n");
	for (int i = 0; i < 3; i++, n = i == 1 ? 1000 : TREE_MAX)
		with_descendants(s, n, names[i]);
	printf("# Linux: whole calls that look a descriptor up, or make one and close it\n");
	NATIVE_FEW("linux_fcntl_getfd", 5000, 16, 1, require(fcntl(null, F_GETFD) == FD_CLOEXEC));
	NATIVE_FEW("linux_dup_close", 5000, 16, 1, require(!close(dup(null))));
	return 0;
}

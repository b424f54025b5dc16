/* tmpfs against a model of it: random operations, then the same names, links, sizes, contents and order.
 * needs: kernel/fs/vfs/anon.c kernel/fs/vfs/attributes.c kernel/fs/vfs/dcache.c kernel/fs/vfs/file_object.c kernel/fs/vfs/fs_context.c
 * needs: kernel/fs/vfs/fs_init.c kernel/fs/vfs/inode.c kernel/fs/vfs/modify.c kernel/fs/vfs/mount_calls.c kernel/fs/vfs/mount_tree.c kernel/fs/vfs/open.c
 * needs: kernel/fs/vfs/path_text.c kernel/fs/vfs/path_walk.c kernel/fs/vfs/uio.c kernel/fs/vfs/acl.c kernel/fs/vfs/xattr.c
 * needs: kernel/fs/tmpfs/tmpfs_dir.c kernel/fs/tmpfs/tmpfs_file.c kernel/fs/tmpfs/tmpfs_super.c kernel/fs/tmpfs/tmpfs_xattr.c
 * needs: kernel/fs/tmpfs/memfd.c kernel/fs/devfs/devfs.c kernel/fs/pipe/pipe.c kernel/fs/poll/epoll.c
 * needs: kernel/fs/poll/inotify.c
 * needs: kernel/fs/locks/file_locks.c kernel/fs/locks/lock_ranges.c kernel/memory/virtual/vm_object.c kernel/memory/virtual/page_tree.c
 * needs: kernel/security/capability/space.c kernel/security/capability/object.c kernel/security/credentials.c
 * needs: kernel/sync/spinlock.c kernel/sync/lock_debug.c kernel/sync/mutex.c kernel/sync/rwsem.c kernel/sync/waitqueue.c
 */
#include "vfs_harness.h"
#include <stdlib.h>

/* ---- the model: a tree of nodes in an array ---- */

#define NODES 64
#define BYTES 20000
#define NAMES 5
struct node {
	bool used, dir;
	u32 nlink;              /* of a file: names */
	struct node *child[NAMES];
	u64 made[NAMES];        /* when the name was made: the order of readdir */
	u8 *data;
	size_t size;
};
static struct node nodes[NODES], *root_node;
static u64 now_made;
static const char *const names[NAMES] = { "a", "b", "name-of-thirty-nine-bytes-abcdefghijklmn", "a-name-that-is-longer-than-what-a-dentry-holds-inline", "e" };

static u64 random_state;
static u32 rnd(u32 n)
{
	random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (u32)(random_state >> 33) % n;
}

static struct node *node_new(bool dir)
{
	for (int i = 0; i < NODES; i++) {
		struct node *n = &nodes[i];

		if (!n->used) {
			*n = (struct node){ .used = true, .dir = dir, .nlink = dir ? 0 : 1 };
			if (!dir)
				n->data = calloc(1, BYTES);
			return n;
		}
	}
	return NULL;
}

static void node_free(struct node *n)
{
	free(n->data);
	n->used = false;
	n->data = NULL;
}

static bool node_empty(const struct node *n)
{
	for (int i = 0; i < NAMES; i++) {
		if (n->child[i])
			return false;
	}
	return true;
}

static u32 node_subdirs(const struct node *n)
{
	u32 dirs = 0;

	for (int i = 0; i < NAMES; i++)
		dirs += n->child[i] && n->child[i]->dir;
	return dirs;
}

struct spot { /* a path: where its last name stands */
	char text[512];
	u32 depth, index[4];
	struct node *parent; /* NULL: no such directory */
	int error;           /* then why */
};
static struct node **slot(const struct spot *s)
{
	return &s->parent->child[s->index[s->depth - 1]];
}

static struct spot spot_random(void)
{
	struct spot s = { .depth = 1 + rnd(3), .parent = root_node };

	strcpy(s.text, "/model");
	for (u32 i = 0; i < s.depth; i++) {
		s.index[i] = rnd(NAMES);
		strcat(s.text, "/");
		strcat(s.text, names[s.index[i]]);
		if (i + 1 == s.depth || !s.parent)
			continue;
		if (!s.parent->child[s.index[i]])
			s.error = -ENOENT;
		else if (!s.parent->child[s.index[i]]->dir)
			s.error = -ENOTDIR;
		s.parent = s.error ? NULL : s.parent->child[s.index[i]];
	}
	return s;
}

static void name_make(const struct spot *s, struct node *n)
{
	*slot(s) = n;
	s->parent->made[s->index[s->depth - 1]] = ++now_made;
}

/* @a stands at or above the directory of @b. */
static bool is_above(const struct node *a, const struct spot *b)
{
	const struct node *n = root_node;

	for (u32 i = 0; i + 1 < b->depth; i++) {
		n = n->child[b->index[i]];
		if (n == a)
			return true;
	}
	return false;
}

/* ---- one step each: does it in the model, and says what the call must answer ---- */

static void step_mkdir(void)
{
	struct spot s = spot_random();
	int want = s.parent ? (*slot(&s) ? -EEXIST : 0) : s.error;

	u_eq(t_mkdir(s.text), want);
	if (!want)
		name_make(&s, node_new(true));
}

static void step_rmdir(void)
{
	struct spot s = spot_random();
	struct node *n = s.parent ? *slot(&s) : NULL;
	int want = !s.parent ? s.error : !n ? -ENOENT : !n->dir ? -ENOTDIR : !node_empty(n) ? -ENOTEMPTY : 0;

	u_eq(t_rmdir(s.text), want);
	if (!want) {
		*slot(&s) = NULL;
		node_free(n);
	}
}

static void name_remove(const struct spot *s)
{
	struct node *n = *slot(s);

	*slot(s) = NULL;
	if (n->dir || !--n->nlink)
		node_free(n);
}

static void step_unlink(void)
{
	struct spot s = spot_random();
	struct node *n = s.parent ? *slot(&s) : NULL;
	int want = !s.parent ? s.error : !n ? -ENOENT : n->dir ? -EISDIR : 0;

	u_eq(t_unlink(s.text), want);
	if (!want)
		name_remove(&s);
}

static void step_write(void)
{
	struct spot s = spot_random();
	struct node *n = s.parent ? *slot(&s) : NULL;
	int want = !s.parent ? s.error : n && n->dir ? -EISDIR : 0;
	bool cut = rnd(4) == 0, exclusive = rnd(4) == 0;
	u32 pos = rnd(BYTES), len = rnd(BYTES - pos);
	static u8 data[BYTES];
	struct file *f;

	if (!want && n && exclusive)
		want = -EEXIST;
	if (n && n->dir && exclusive)
		want = -EEXIST;
	f = vfs_open(AT_FDCWD, s.text, O_CREAT | O_RDWR | (cut ? O_TRUNC : 0) | (exclusive ? O_EXCL : 0), 0644);
	u_eq(is_err(f) ? ptr_err(f) : 0, want);
	if (is_err(f))
		return;
	if (!n) {
		n = node_new(false);
		name_make(&s, n);
	}
	if (cut) {
		memset(n->data, 0, BYTES);
		n->size = 0;
	}
	memset(data, 'A' + (int)rnd(50), len);
	u_eq(file_write_kernel(f, data, len, pos), len);
	memcpy(n->data + pos, data, len);
	if (len && pos + len > n->size)
		n->size = pos + len;
	file_put(f);
}

static void step_truncate(void)
{
	struct spot s = spot_random();
	struct node *n = s.parent ? *slot(&s) : NULL;
	u32 size = rnd(BYTES);
	struct path p;
	int err = path_lookup(AT_FDCWD, s.text, LOOKUP_FOLLOW, &p);

	u_eq(err, !s.parent ? s.error : n ? 0 : -ENOENT);
	if (err)
		return;
	u_eq(vfs_truncate(&p, size), n->dir ? -EISDIR : 0);
	path_put(&p);
	if (n->dir)
		return;
	if (size < n->size)
		memset(n->data + size, 0, n->size - size);
	n->size = size;
}

static void step_punch(void)
{
	struct spot s = spot_random();
	struct node *n = s.parent ? *slot(&s) : NULL;
	u32 pos = rnd(BYTES), len = 1 + rnd(BYTES - pos);
	struct file *f;

	if (!n || n->dir)
		return;
	f = vfs_open(AT_FDCWD, s.text, O_RDWR, 0);
	u_need(!is_err(f));
	u_eq(f->ops->fallocate(f, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, pos, len), 0);
	memset(n->data + pos, 0, len);
	file_put(f);
}

static void step_link(void)
{
	struct spot a = spot_random(), b = spot_random();
	struct node *n = a.parent ? *slot(&a) : NULL;
	int want = !a.parent ? a.error : !n ? -ENOENT : !b.parent ? b.error : *slot(&b) ? -EEXIST : n->dir ? -EPERM : 0;

	u_eq(t_link(a.text, b.text), want);
	if (!want) {
		n->nlink++;
		name_make(&b, n);
	}
}

static int rename_want(const struct spot *a, const struct spot *b, u32 flags)
{
	struct node *n, *m;

	if (!a->parent)
		return a->error;
	if (!b->parent)
		return b->error;
	n = *slot(a);
	m = *slot(b);
	if (!n)
		return -ENOENT;
	if (flags & RENAME_NOREPLACE && m)
		return -EEXIST;
	if (flags & RENAME_EXCHANGE && !m)
		return -ENOENT;
	if (n->dir && is_above(n, b))
		return -EINVAL;
	if (m && m->dir && is_above(m, a))
		return flags & RENAME_EXCHANGE ? -EINVAL : -ENOTEMPTY;
	if (n == m)
		return 1; /* nothing happens */
	if (m && !(flags & RENAME_EXCHANGE)) {
		if (n->dir != m->dir)
			return n->dir ? -ENOTDIR : -EISDIR;
		if (m->dir && !node_empty(m))
			return -ENOTEMPTY;
	}
	return 0;
}

static void step_rename(void)
{
	struct spot a = spot_random(), b = spot_random();
	u32 flags = rnd(3) ? 0 : 1 + rnd(2);
	int want = rename_want(&a, &b, flags);
	struct node *n, *m;

	u_eq(t_rename(a.text, b.text, flags), want > 0 ? 0 : want);
	if (want)
		return;
	n = *slot(&a);
	m = *slot(&b);
	if (flags & RENAME_EXCHANGE) { /* each takes the other's place in the order */
		*slot(&a) = m;
		*slot(&b) = n;
		return;
	}
	if (m)
		name_remove(&b);
	*slot(&a) = NULL;
	name_make(&b, n);
}

/* ---- comparing ---- */

static void compare_file(const char *path, const struct node *n)
{
	static u8 data[BYTES + 10];
	struct file *f = vfs_open(AT_FDCWD, path, O_RDONLY, 0);

	u_need(!is_err(f));
	u_eq(file_read_kernel(f, data, sizeof(data), 0), n->size);
	u_mem_eq(data, n->data, n->size);
	file_put(f);
}

static void compare_tree(const char *path, const struct node *n)
{
	char want[1024] = "", child[1024];
	struct stat_k st;
	u64 after = 0;

	u_eq(t_stat(path, &st), 0);
	u_eq(S_ISDIR(st.mode), n->dir);
	u_eq(st.nlink, n->dir ? 2 + node_subdirs(n) : n->nlink);
	if (!n->dir) {
		u_eq(st.size, n->size);
		compare_file(path, n);
		return;
	}
	for (;;) { /* in the order in which the names were made */
		int next = -1;

		for (int i = 0; i < NAMES; i++) {
			if (n->child[i] && n->made[i] > after && (next < 0 || n->made[i] < n->made[next]))
				next = i;
		}
		if (next < 0)
			break;
		after = n->made[next];
		strcat(want, *want ? " " : "");
		strcat(want, names[next]);
		snprintf(child, sizeof(child), "%s/%s", path, names[next]);
		compare_tree(child, n->child[next]);
	}
	u_str_eq(t_list(path), want);
}

static void remove_tree(const char *path, struct node *n)
{
	char child[1024];

	for (int i = 0; i < NAMES; i++) {
		struct node *c = n->child[i];

		if (!c)
			continue;
		snprintf(child, sizeof(child), "%s/%s", path, names[i]);
		if (c->dir)
			remove_tree(child, c);
		u_eq(c->dir ? t_rmdir(child) : t_unlink(child), 0);
		n->child[i] = NULL;
		if (c->dir || !--c->nlink)
			node_free(c);
	}
}

U_TEST_LIMIT(random_operations, 60)
{
	static void (*const steps[])(void) = { step_mkdir, step_mkdir, step_rmdir, step_unlink, step_write, step_write, step_write,
		step_truncate, step_punch, step_link, step_rename, step_rename, step_rename };

	fs_start();
	for (u64 seed = 1; seed <= 6; seed++) {
		random_state = seed;
		u_need(!t_mkdir("/model"));
		root_node = node_new(true);
		for (int i = 0; i < 2500 && !u_failures; i++) {
			int used = 0;

			for (int k = 0; k < NODES; k++)
				used += nodes[k].used;
			if (used > NODES - 4) /* the model is full */
				step_unlink();
			else
				steps[rnd(ARRAY_LEN(steps))]();
			if (i % 50 == 0)
				compare_tree("/model", root_node);
			if (u_failures)
				u_note("seed %llu, step %d", (unsigned long long)seed, i);
		}
		remove_tree("/model", root_node);
		u_eq(t_rmdir("/model"), 0);
		memset(nodes, 0, sizeof(nodes));
	}
}

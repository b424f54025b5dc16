/* Names of AF_UNIX sockets: paths in the file system and abstract ones, /proc/net/unix. Layer: net.
 * A bound path is found by its inode, so links and other names of the same node work.
 *
 * Locks: bound_lock (S_SOCKET). all_lock (SOCKET_SPIN): the list of all sockets. */
#include "unix_internal.h"

#include <exo/errno.h>
#include <exo/sched.h>
#include <exo/string.h>
#include <exo_abi/linux_fs.h>

#define BUCKETS       64u /* power of two */
#define AUTOBIND_MASK 0xfffffu

static struct mutex bound_lock;
static struct list all_sockets = LIST_INIT(all_sockets); /* [all_lock] */
static spinlock_t all_lock = SPINLOCK_INIT(RANK_SOCKET_SPIN);
static struct hlist buckets[BUCKETS]; /* [bound_lock] */

/* Abstract names are apart for each type of socket. */
static u32 name_hash(const struct sockaddr_k *a, int type)
{
	u32 h = 2166136261u ^ (u32)type; /* FNV-1a */

	for (u32 i = 0; i < a->len_bytes - 2; i++)
		h = (h ^ a->data[i]) * 16777619u;
	return h & (BUCKETS - 1);
}

static u32 inode_hash(const struct inode *i)
{
	return (u32)(i->ino ^ i->ino >> 7) & (BUCKETS - 1);
}

/* Sun path as a string; -EINVAL when empty or too long. */
static int path_of(const struct sockaddr_k *a, char path[UNIX_PATH_MAX + 1])
{
	u32 n = a->len_bytes - 2;

	if (a->family != AF_UNIX || a->len_bytes <= 2 || n > UNIX_PATH_MAX)
		return -EINVAL;
	memcpy(path, a->data, n);
	path[n] = 0;
	return 0;
}

static struct unix_socket *find_abstract_locked(const struct sockaddr_k *a, int type)
{
	struct unix_socket *s;

	hlist_for_each_entry (s, &buckets[name_hash(a, type)], bound_node) {
		if (!s->bound_path.dentry && s->socket.type == type &&
			s->name.len_bytes == a->len_bytes &&
			!memcmp(s->name.data, a->data, a->len_bytes - 2))
			return s;
	}
	return NULL;
}

static struct unix_socket *find_inode_locked(const struct inode *i)
{
	struct unix_socket *s;

	hlist_for_each_entry (s, &buckets[inode_hash(i)], bound_node) {
		if (s->bound_path.dentry && s->bound_path.dentry->inode == i)
			return s;
	}
	return NULL;
}

static int bind_path(const char *path, struct path *out)
{
	u32 umask = current->fs ? __atomic_load_n(&current->fs->umask, __ATOMIC_RELAXED) : 022;
	int err = vfs_mknod(path, S_IFSOCK | (0777 & ~umask), 0);

	if (err)
		return err == -EEXIST ? -EADDRINUSE : err;
	err = path_lookup(AT_FDCWD, path, 0, out);
	if (!err && (out->dentry->inode->mode & S_IFMT) !=
			    S_IFSOCK) { /* somebody put another file there meanwhile */
		path_put(out);
		*out = (struct path){NULL, NULL};
		err = -EADDRINUSE;
	}
	return err;
}

/* An abstract name of five digits that nobody has. bound_lock held. */
static int bind_automatically(struct unix_socket *s)
{
	static u32 last; /* [bound_lock] */
	char digits[8];

	for (u32 tries = 0; tries <= AUTOBIND_MASK; tries++) {
		struct sockaddr_k a = {.family = AF_UNIX, .len_bytes = 2 + 1 + 5};

		last = (last + 1) & AUTOBIND_MASK;
		snprintf(digits, sizeof(digits), "%05x", last);
		memcpy(a.data + 1, digits, 5);
		if (find_abstract_locked(&a, s->socket.type))
			continue;
		mutex_lock(&s->lock);
		s->name = a;
		mutex_unlock(&s->lock);
		hlist_add(&buckets[name_hash(&a, s->socket.type)], &s->bound_node);
		return 0;
	}
	return -ENOSPC;
}

int unix_autobind(struct unix_socket *s)
{
	struct mutex *held SCOPED(mutex_release) = mutex_hold(&bound_lock);

	return s->name.len_bytes ? 0 : bind_automatically(s);
}

int unix_bind(struct socket *sock, const struct sockaddr_k *a)
{
	struct unix_socket *s = unix_of(sock);
	char path[UNIX_PATH_MAX + 1];
	int err;

	if (a->family == AF_UNIX && a->len_bytes == 2)
		return unix_autobind(s);
	err = path_of(a, path);
	if (err)
		return err;
	struct mutex *held SCOPED(mutex_release) = mutex_hold(&bound_lock);
	if (s->name.len_bytes)
		return -EINVAL;
	if (path[0])
		err = bind_path(path, &s->bound_path);
	else if (find_abstract_locked(a, sock->type))
		err = -EADDRINUSE;
	if (err)
		return err;
	mutex_lock(&s->lock);
	s->name = *a;
	if (path[0]) /* the name is reported with its NUL, as Linux does */
		s->name.len_bytes = 2 + (u32)strlen(path) + 1;
	mutex_unlock(&s->lock);
	hlist_add(&buckets[path[0] ? inode_hash(s->bound_path.dentry->inode)
				   : name_hash(a, sock->type)],
		&s->bound_node);
	return 0;
}

void unix_unbind(struct unix_socket *s)
{
	struct path path SCOPED(path_put) = {NULL, NULL};
	struct mutex *held SCOPED(mutex_release) = mutex_hold(&bound_lock);

	hlist_del(&s->bound_node);
	path = s->bound_path;
	s->bound_path = (struct path){NULL, NULL};
}

struct unix_socket *unix_find(const struct sockaddr_k *a, int type)
{
	char path_name[UNIX_PATH_MAX + 1];
	struct path path SCOPED(path_put) = {NULL, NULL};
	struct unix_socket *s;
	int err = path_of(a, path_name);

	if (err)
		return err_ptr(err);
	if (path_name[0]) {
		err = path_lookup(a->dir, path_name, a->lookup_flags, &path);
		if (err)
			return err_ptr(err);
		err = inode_permission(path.dentry->inode, MAY_WRITE);
		if (!err && (path.dentry->inode->mode & S_IFMT) != S_IFSOCK)
			err = -ECONNREFUSED;
		if (err)
			return err_ptr(err);
	}
	struct mutex *held SCOPED(mutex_release) = mutex_hold(&bound_lock);
	s = path.dentry ? find_inode_locked(path.dentry->inode) : find_abstract_locked(a, type);
	if (!s || s->socket.type != type)
		return err_ptr(s ? -EPROTOTYPE : -ECONNREFUSED);
	unix_get(s);
	return s;
}

/* ---- all sockets, /proc/net/unix ---- */

void unix_list_add(struct unix_socket *s)
{
	spinlock_t *held SCOPED(spin_release) = spin_hold(&all_lock);

	list_add_tail(&all_sockets, &s->all_node);
}

void unix_list_del(struct unix_socket *s)
{
	spinlock_t *held SCOPED(spin_release) = spin_hold(&all_lock);

	list_del(&s->all_node);
}

struct unix_socket *unix_next(struct unix_socket *s, int family)
{
	struct unix_socket *before SCOPED(unix_put_at) = s;
	spinlock_t *held SCOPED(spin_release) = spin_hold(&all_lock);

	for (struct list *at = s ? &s->all_node : &all_sockets; (at = at->next) != &all_sockets;) {
		s = container_of(at, struct unix_socket, all_node);
		if (s->socket.family == family &&
			ref_get_live(&s->refs)) /* else it goes and waits for our lock */
			return s;
	}
	return NULL;
}

static void show_sockets(struct seq *seq, const void *ctx)
{
	seq_printf(seq, "Num       RefCount Protocol Flags    Type St Inode Path\n");
	for (struct unix_socket *s = NULL; (s = unix_next(s, AF_UNIX));) {
		/* No lock: S_SOCKET comes before those of who reads. A name is set once, in place;
		 * one that is being set may show in part. */
		bool listens = READ_ONCE(s->state) == UNIX_LISTENING;
		u32 len = MIN(MAX(READ_ONCE(s->name.len_bytes), 2u) - 2, (u32)sizeof(s->name.data));

		seq_printf(seq, "%016x: %08X 00000000 %08X %04X %02X %5lu", 0, s->refs - 1,
			listens ? 0x10000 : 0, s->socket.type, s->state == UNIX_CONNECTED ? 3 : 1,
			s->socket.ino);
		for (u32 i = 0; i < len && (s->name.data[i] || !s->name.data[0]); i++)
			seq_printf(seq, i ? "%c" : " %c", s->name.data[i] ? s->name.data[i] : '@');
		seq_printf(seq, "\n");
	}
}

void unix_name_init(void)
{
	static const struct synth_file files[] = {
		{"net/unix", S_IFREG | 0444, show_sockets, NULL, NULL},
		SYNTH_NUMBER("sys/net/unix/max_dgram_qlen", DATAGRAMS_MAX),
		SYNTH_NUMBER("sys/net/core/rmem_default", SOCKET_BUFFER_BYTES),
		SYNTH_NUMBER("sys/net/core/wmem_default", SOCKET_BUFFER_BYTES),
		SYNTH_NUMBER("sys/net/core/rmem_max", SOCKET_BUFFER_BYTES),
		SYNTH_NUMBER("sys/net/core/wmem_max", SOCKET_BUFFER_BYTES)};

	proc_add(files, ARRAY_LEN(files));
	mutex_init(&bound_lock, RANK_S_SOCKET);
}

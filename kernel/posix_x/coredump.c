/* When a process leaves a core file, and where. Layer: posix_x.
 *
 * A signal whose default action is a core ends the process as any other does; but first the thread
 * that took it waits until the others stand still (those on their way to user mode, with a whole
 * frame) or have left, and writes. Nothing can be sent to it meanwhile but SIGKILL.
 *
 * Locks: process->lock guards process->dumper and its counts; core_lock the pattern.
 *
 * Source: core(5), signal(7), getrlimit(2) RLIMIT_CORE, prctl(2) PR_SET_DUMPABLE. */
#include <exo/memory.h>
#include <exo/uts.h>
#include <exo/vfs.h>
#include <exo_abi/linux_core.h>
#include <exo_abi/linux_fs.h>
#include "coredump_internal.h"

#define PATTERN_BYTES 128
#define ARGS_MAX      16

static spinlock_t core_lock = SPINLOCK_INIT(RANK_SIGNAL);
static char core_pattern[PATTERN_BYTES] = "core"; /* [lock] */
u32 core_uses_pid;

void core_pattern_get(char *out)
{
	spin_lock(&core_lock);
	memcpy(out, core_pattern, sizeof(core_pattern));
	spin_unlock(&core_lock);
}

void core_pattern_set(const char *text, size_t len_bytes)
{
	size_t n = MIN(len_bytes, sizeof(core_pattern) - 1);

	while (n && text[n - 1] == '\n')
		n--;
	spin_lock(&core_lock);
	memcpy(core_pattern, text, n);
	memset(core_pattern + n, 0, sizeof(core_pattern) - n);
	spin_unlock(&core_lock);
}

void process_core_filter_set(struct process *p, u64 filter)
{
	WRITE_ONCE(p->core_filter, (u16)(filter & DUMP_FILTER_MASK));
}

/* ---- the name ---- */

struct core_name {
	char text[PATH_MAX_BYTES];
	size_t len;
	const char *args[ARGS_MAX + 1]; /* of a helper: strings of text, NULL behind the last */
	u32 arg_count;
	bool too_long;
};

/* @plain: a slash stays one. */
static void name_add(struct core_name *n, const char *s, bool plain)
{
	for (; *s && n->len + 1 < sizeof(n->text); s++)
		n->text[n->len++] = *s == '/' && !plain ? '!' : *s;
	n->too_long |= *s;
}

static void name_add_number(struct core_name *n, u64 v)
{
	char text[24];

	snprintf(text, sizeof(text), "%lu", v);
	name_add(n, text, true);
}

static void name_add_exe(struct core_name *n, bool last_only)
{
	struct file *exe = current->space->exe;
	char *path = kmalloc(PATH_MAX_BYTES, ALLOC_KERNEL);
	const char *last;
	int len = path && exe ? file_path_text(exe, path, PATH_MAX_BYTES - 1) : -1;

	if (len >= 0) {
		path[len] = '\0';
		last = last_only ? strrchr(path, '/') : NULL;
		name_add(n, last ? last + 1 : path, false);
	}
	kfree(path);
}

static void name_expand(struct core_name *n, char what, const struct siginfo *info)
{
	const struct process *p = current->proc;
	const struct {
		char letter;
		u64 value;
	} numbers[] = {{'p', (u64)p->nr}, {'P', (u64)p->nr}, {'i', (u64)current->tid},
		{'I', (u64)current->tid}, {'u', current->cred->uid}, {'g', current->cred->gid},
		{'d', p->dumpable}, {'s', (u64)info->signo}, {'t', clock_realtime() / NS_PER_SEC},
		{'c', rlimit_current(RLIM_CORE)}};
	struct uts_names uts;

	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		if (numbers[i].letter == what)
			name_add_number(n, numbers[i].value);
	if (what == '%') {
		name_add(n, "%", true);
	} else if (what == 'h') {
		uts_get(&uts);
		name_add(n, uts.nodename, false);
	} else if (what == 'e') {
		name_add(n, current->name, false);
	} else if (what == 'f' || what == 'E') {
		name_add_exe(n, what == 'f');
	}
}

/* A helper's words are split before they are filled in. */
static void name_make(struct core_name *n, const char *pattern, const struct siginfo *info)
{
	bool helper = *pattern == '|', pid = false, space = true;

	for (const char *p = pattern + helper; *p; p++) {
		if (helper && *p == ' ') {
			n->len += !space && n->len + 1 < sizeof(n->text);
			space = true;
			continue;
		}
		if (space && n->arg_count < ARGS_MAX)
			n->args[n->arg_count++] = n->text + n->len;
		space = false;
		if (*p != '%') {
			name_add(n, (char[]){*p, '\0'}, true);
		} else if (*++p) {
			pid |= *p == 'p';
			name_expand(n, *p, info);
		} else {
			break;
		}
	}
	if (core_uses_pid && !pid && !helper) {
		name_add(n, ".", true);
		name_add_number(n, (u64)current->proc->nr);
	}
}

/* ---- the target ---- */

/* A new file, in the place of whatever has that name. */
static struct file *open_file(const char *name)
{
	struct file *f;

	(void)!vfs_remove_text(AT_FDCWD, name, false); /* what stays shows at the opening */
	f = vfs_open(AT_FDCWD, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0600);
	if (is_err(f) || (f->inode->uid == current->cred->fsuid && (f->inode->mode & 0677) == 0600))
		return f;
	file_put(f); /* not ours, or for others to read */
	return err_ptr(-EPERM);
}

static struct file *open_helper(const struct core_name *n)
{
	struct cap_space *caps = cap_space_create();
	struct file *ends[2];
	int err = caps ? pipe_create(0, &ends[0], &ends[1]) : -ENOMEM;

	if (err)
		goto put_caps;
	if (cap_install(caps, &ends[0]->object.root, 0, 0, 1) < 0) {
		file_put(ends[0]);
		err = -ENOMEM;
	} else {
		err = process_start_helper(n->args, caps);
	}
	if (err)
		file_put(ends[1]);
put_caps:
	if (caps)
		cap_space_put(caps);
	return err ? err_ptr(err) : ends[1];
}

static struct file *open_target(struct core_dump *d)
{
	struct core_name *n = kzalloc(sizeof(*n), ALLOC_KERNEL);
	char pattern[PATTERN_BYTES];
	struct file *f = err_ptr(-ENOMEM);

	core_pattern_get(pattern);
	d->stream = *pattern == '|';
	d->limit_bytes = d->stream ? ~0ULL : rlimit_current(RLIM_CORE);
	if (d->limit_bytes < PAGE_SIZE || (d->stream && rlimit_current(RLIM_CORE) == 1))
		f = err_ptr(-EFBIG); /* 1 is a helper's own: it would never end */
	else if (n)
		name_make(n, pattern, d->info);
	if (n && ptr_err(f) == -ENOMEM)
		f = n->too_long || !n->len ? err_ptr(-ENAMETOOLONG)
		    : d->stream            ? open_helper(n)
					   : open_file(n->text);
	kfree(n);
	return f;
}

/* ---- standing still ---- */

void core_stand_still(struct task *t)
{
	struct process *p = t->thread.proc;
	ulong flags = process_lock(p);
	bool stand = p->dumper && p->dumper != t;

	if (stand) {
		t->job |= TASK_DUMPED;
		p->standing++;
	}
	process_unlock(p, flags);
	if (!stand)
		return;
	wake_all(&p->alone_wq, 0);
	wait_event_uninterruptible(&p->alone_wq, !READ_ONCE(p->dumper));
}

/* Every other thread ends, and waits for us to look at it. False: the process ends already. */
static bool take_over(struct task *t, int signo)
{
	struct process *p = t->thread.proc;
	ulong flags = process_lock(p);
	bool first = !(p->flags & (PROC_GROUP_EXIT | PROC_EXEC));

	if (first) {
		p->dumper = t;
		p->standing = 0;
		signal_group_exit_locked(p, signo);
		t->pending.set &= ~SIGBIT(SIGKILL);
		work_clear(&t->thread, WORK_SIGNAL);
	}
	process_unlock(p, flags);
	if (first)
		wait_event_uninterruptible(
			&p->alone_wq, READ_ONCE(p->standing) + 1 >= READ_ONCE(p->thread_count));
	else
		core_stand_still(t);
	return first;
}

static bool list_threads(struct core_dump *d)
{
	struct process *p = current->proc;
	struct task *t;
	ulong flags;

	d->threads = kmalloc((p->standing + 1) * sizeof(*d->threads), ALLOC_KERNEL);
	if (!d->threads)
		return false;
	flags = process_lock(p);
	d->threads[d->thread_count++] = current_task();
	list_for_each_entry (t, &p->threads, thread_node)
		if (t->job & TASK_DUMPED)
			d->threads[d->thread_count++] = t;
	process_unlock(p, flags);
	for (u32 i = 1; i < d->thread_count; i++)
		while (__atomic_load_n(&d->threads[i]->thread.on_cpu, __ATOMIC_ACQUIRE))
			cond_resched();
	return true;
}

static void finish(struct process *p, bool dumped)
{
	struct spin_guard g SCOPED(spin_unguard) = process_guard(p);

	if (dumped)
		p->exit_code |= CORE_DUMPED;
	p->dumper = NULL;
	wake_all(&p->alone_wq, 0);
}

void core_dump(const struct siginfo *info)
{
	struct core_dump d = {.info = info};
	struct process *p = current->proc;
	bool dumped = false;

	if (!take_over(current_task(), info->signo))
		return;
	d.file = p->dumpable == 1 ? open_target(&d) : err_ptr(-EPERM);
	if (!is_err(d.file)) {
		dumped = list_threads(&d) && core_elf_write(&d);
		kfree(d.threads);
		file_put(d.file);
	}
	finish(p, dumped);
}

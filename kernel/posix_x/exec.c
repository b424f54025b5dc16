/* exec: a process gets a new program. Layer: posix_x.
 *
 * Prepare: open, follow `#!`, check, copy the arguments, build the whole new address space - all of
 * it may fail with an error and without a trace. Commit: the other threads end, then nothing fails
 * any more but for want of memory, which kills.
 *
 * Locks: none is held over the long parts; tree and process->lock inside.
 *
 * Source: execve(2), signal(7), POSIX.1-2017 exec. */
#include <exo/log.h>
#include <exo/memory.h>
#include <exo/string.h>
#include <arch/uaccess.h>
#include <exo_abi/linux_fs.h>
#include "exec_internal.h"
#include "trace.h"

static void exec_free(struct exec *e)
{
	exec_file_close(&e->program);
	exec_file_close(&e->interp);
	arg_list_free(&e->argv);
	arg_list_free(&e->envp);
	for (u32 i = 0; i < e->prefix_count; i++)
		kfree(e->prefix[i]);
	kfree(e->path);
	vm_space_put(e->space);
	cred_put_at(&e->cred);
	kfree(e);
}

/* The program is a script: its name, which stands there already when it was the interpreter of the
 * one before, the argument and the interpreter go in front of what was behind argv[0]. */
static int push_script(struct exec *e, const char *interp, const char *arg)
{
	const char *front[] = {e->prefix_count ? NULL : e->path, arg, interp};

	for (u32 i = 0; i < ARRAY_LEN(front); i++) {
		if (!front[i])
			continue;
		e->prefix[e->prefix_count] = kstrdup(front[i], ALLOC_KERNEL);
		if (!e->prefix[e->prefix_count++])
			return -ENOMEM;
	}
	return 0;
}

/* Opens the program, going through `#!` lines to one that is no script. */
static int open_program(struct exec *e, cap_t dirfd, const char *path, u32 at_flags)
{
	struct exec_file *f = &e->program;
	char *interp, *arg;
	int err = exec_file_open(f, dirfd, path, at_flags);

	for (u32 depth = 0; !err; depth++) {
		char line[EXEC_SCRIPT_BYTES];
		u32 n = MIN(f->head_bytes, (u32)sizeof(line) - 1);

		if (n < 2 || f->head[0] != '#' || f->head[1] != '!')
			break;
		if (depth == EXEC_SCRIPTS_MAX)
			return -ELOOP;
		memcpy(line, f->head, n);
		line[n] = '\0';
		err = elf_script_line(line, n + 1, f->bytes <= n, &interp, &arg);
		if (!err)
			err = push_script(e, interp, arg);
		if (err)
			return err;
		exec_file_close(f);
		err = exec_file_open(f, AT_FDCWD, e->prefix[e->prefix_count - 1], 0);
	}
	return err;
}

static int open_interpreter(struct exec *e)
{
	const struct elf_image *img = &e->program.image;
	char *path SCOPED(kfree_at) = NULL;
	ssize_t n;
	int err;

	if (!img->interp_bytes)
		return 0;
	path = kmalloc(img->interp_bytes, ALLOC_KERNEL);
	if (!path)
		return -ENOMEM;
	n = file_read_kernel(e->program.file, path, img->interp_bytes, img->interp_offset);
	if (n != (ssize_t)img->interp_bytes || path[n - 1])
		return -ENOEXEC;
	err = exec_file_open(&e->interp, AT_FDCWD, path, 0);
	if (err)
		return err;
	err = exec_read_segments(&e->interp);
	return err == -ENOEXEC ? -ELIBBAD : err;
}

/* Everything that may fail. The arguments are in e already. */
static int prepare(struct exec *e, cap_t dirfd, const char *path, u32 at_flags)
{
	int err = open_program(e, dirfd, path, at_flags);

	if (!err)
		err = exec_read_segments(&e->program);
	if (!err)
		err = open_interpreter(e);
	if (!err)
		err = exec_prepare_cred(e);
	if (err)
		return err;
	e->space = vm_space_create();
	if (!e->space)
		return -ENOMEM;
	if (current->space) /* not so of the first program */
		e->space->no_huge = current->space->no_huge;
	exec_layout(e);
	err = exec_map_images(e);
	if (!err)
		err = exec_build_stack(e);
	return err;
}

/* Tells the other threads to end. 0 there are none | 1 | -EAGAIN the process ends or another thread
 * was first. */
static int end_others(struct task *t)
{
	struct process *p = t->thread.proc;
	struct spin_guard g SCOPED(spin_unguard) = process_guard(p);
	struct task *o;

	if (p->flags & (PROC_GROUP_EXIT | PROC_EXEC))
		return -EAGAIN;
	if (p->thread_count == 1)
		return 0;
	p->flags |= PROC_EXEC;
	list_for_each_entry (o, &p->threads, thread_node) {
		if (o == t || (o->job & TASK_EXITING))
			continue;
		o->job |= TASK_EXEC_KILL;
		task_kill_locked(o);
	}
	return 1;
}

/* Ends the other threads. 0 | -EAGAIN */
static int become_alone(struct task *t)
{
	struct process *p = t->thread.proc;
	int err = end_others(t);

	if (err != 1)
		return err;
	err = wait_event_killable(&p->alone_wq, READ_ONCE(p->thread_count) == 1);
	struct spin_guard g SCOPED(spin_unguard) = process_guard(p);
	p->flags &= ~PROC_EXEC;
	return err ? -EAGAIN : 0;
}

/* The one thread left takes the number of the process. */
static void become_leader(struct task *t)
{
	struct process *p = t->thread.proc, *child;
	pid_t old = t->thread.tid;
	struct spin_guard g SCOPED(spin_unguard) = tree_guard();
	struct trace *r;

	if (old == p->nr)
		return;
	rcu_assign_pointer(t->pid->task, NULL);
	pid_unuse(t->pid);
	t->pid = p->pid;
	pid_use(p->pid);
	rcu_assign_pointer(p->pid->task, t);
	t->thread.tid = p->nr;
	list_for_each_entry (child, &p->children, sibling)
		if (child->parent_tid == old)
			child->parent_tid = p->nr;
	list_for_each_entry (r, &p->tracees, node)
		if (r->tracer_tid == old)
			r->tracer_tid = p->nr;
}

int process_unshare_caps(void)
{
	struct cap_space *copy;

	if (__atomic_load_n(&current->caps->refs, __ATOMIC_ACQUIRE) == 1)
		return 0;
	copy = cap_space_fork(current->caps);
	if (is_err(copy))
		return (int)ptr_err(copy);
	cap_space_put(part_switch(&current->caps, copy));
	return 0;
}

/* A process that shares its handlers or descriptors with another gets its own. */
static int unshare_tables(struct process *p)
{
	struct sighand *own;

	if (__atomic_load_n(&p->sighand->refs, __ATOMIC_ACQUIRE) > 1) {
		own = sighand_create(p->sighand);
		if (!own)
			return -ENOMEM;
		sighand_put(part_switch(&p->sighand, own));
	}
	return process_unshare_caps();
}

static void reset_signals(struct task *t)
{
	struct process *p = t->thread.proc;
	struct sighand *h = p->sighand;
	struct spin_guard g SCOPED(spin_unguard) = process_guard(p);

	spin_lock(&h->lock);
	sighand_reset(h);
	spin_unlock(&h->lock);
	t->alt = (struct sigstack_abi){.flags = SS_DISABLE};
	t->restart.fn = NULL;
}

static void set_identity(struct exec *e, struct task *t)
{
	struct process *p = t->thread.proc;
	struct cred *old = t->thread.cred;
	const char *slash = strrchr(e->path, '/');
	ulong flags = tree_lock(); /* nobody begins to trace us in between */
	bool gained;

	if (!trace_gains_locked(t))
		exec_cred_keep(e->cred, old);
	gained = e->cred->euid != old->euid || e->cred->egid != old->egid ||
		 (e->cred->cap_permitted & ~old->cap_permitted);
	rcu_assign_pointer(t->thread.cred, e->cred);
	e->cred = NULL;
	tree_unlock(flags);
	p->personality &= ~READ_IMPLIES_EXEC;
	if (gained || e->secure) {
		t->pdeath_signal = 0;
		p->personality &= ~PER_CLEAR_ON_SETID;
	}
	p->dumpable = gained || e->secure ? 0 : 1;
	cred_put(old);
	str_copy(t->thread.name, slash ? slash + 1 : e->path, sizeof(t->thread.name));
	p->exit_signal = SIGCHLD;
	p->did_exec = true;
}

/* The point of no return. The other threads are gone. */
static void commit(struct exec *e, struct task *t, struct trap_frame *f)
{
	struct process *p = t->thread.proc;

	if (t->thread.space) {
		process_release_user(t);
		process_record_rss(p, t->thread.space);
	}
	e->space->exe = e->program.file;
	file_get(e->program.file);
	vm_space_put(space_switch(e->space));
	e->space = NULL;
	process_vfork_done(t);
	cap_close_range(t->thread.caps, 0, ~0u, true);
	reset_signals(t);
	posix_timers_exec(p);
	set_identity(e, t);
	t->set_child_tid = NULL;
	t->dispatch.on = false;
	arch_frame_exec(f, e->entry, e->sp);
}

static long exec_run(struct exec *e, const struct exec_request *r, struct trap_frame *f)
{
	struct task *t = current_task();
	pid_t old_tid = t->thread.tid;
	long err = prepare(e, r->dirfd, r->path, r->at_flags);

	if (!err)
		err = become_alone(t);
	if (err)
		return err;
	become_leader(t);
	err = unshare_tables(t->thread.proc);
	if (err) {
		signal_force(SIGKILL, SI_KERNEL, 0);
		return err;
	}
	commit(e, t, f);
	trace_exec(old_tid);
	return 0;
}

/* A request's name, arguments and environment; @argv and @envp: the kernel's in place of the
 * user's. err_ptr. */
static struct exec *exec_create(
	const struct exec_request *r, const char *const argv[], const char *const envp[])
{
	struct exec *e = kzalloc(sizeof(*e), ALLOC_KERNEL);
	u64 quarter = rlimit_current(RLIM_STACK) / 4;
	int err = -ENOMEM;

	if (!e)
		return err_ptr(err);
	e->args_left = MAX(MIN(quarter, (u64)EXEC_ARGS_MAX), (u64)EXEC_ARGS_MIN);
	e->path = kstrdup(r->name, ALLOC_KERNEL);
	if (e->path)
		err = arg_list_fill(&e->argv, argv, r->argv, &e->args_left);
	if (!err && !e->argv.count) /* a program is never started without a name */
		err = arg_list_fill(&e->argv, (const char *const[]){"", NULL}, NULL, &e->args_left);
	if (!err)
		err = arg_list_fill(&e->envp, envp, r->envp, &e->args_left);
	if (!err)
		return e;
	exec_free(e);
	return err_ptr(err);
}

/* process_exec - execve and execveat. @path: kernel string. On success @f is the new program's
 * first frame. */
long process_exec(const struct exec_request *r, struct trap_frame *f)
{
	struct task *t = current_task();
	struct exec *e;
	long err;

	if (t->nproc_exceeded && (u64)__atomic_load_n(&t->account->threads, __ATOMIC_RELAXED) >
					 rlimit_current(RLIM_NPROC))
		return -EAGAIN;
	t->nproc_exceeded = false;
	e = exec_create(r, NULL, NULL);
	if (is_err(e))
		return ptr_err(e);
	err = exec_run(e, r, f);
	exec_free(e);
	return err;
}

/* ---- programs that do not replace one ---- */

static void first_entry(void *arg)
{
	struct exec *e = arg;

	commit(e, current_task(), arch_thread_frame(current));
	exec_free(e);
	arch_enter_user();
}

/* The caller does what may fail; the child only moves in. */
long process_spawn(const struct exec_request *r, struct cap_space *caps)
{
	struct clone_request c = {
		.flags = CLONE_PIDFD, .exit_signal = SIGCHLD, .entry = first_entry, .caps = caps};
	struct exec *e = exec_create(r, NULL, NULL);
	long err;

	if (is_err(e))
		return ptr_err(e);
	err = prepare(e, r->dirfd, r->path, r->at_flags);
	c.entry_arg = e;
	if (!err)
		err = process_clone(&c, NULL);
	if (err < 0) {
		exec_free(e);
		return err;
	}
	return c.pidfd_slot;
}

/* ---- programs of the kernel's ---- */

/* The child lets go of all that it has of the process that made it. */
static int become_kernels(void)
{
	struct fs_context *boot = fs_context_copy(NULL);
	struct process *p = current->proc;
	long err = process_cred_change(&cred_root);

	if (!boot)
		return -ENOMEM;
	fs_context_put(part_switch(&current->fs, boot));
	seccomp_exit(current_task());
	current->no_new_privs = false;
	rlimits_init(p);
	p->limits[RLIM_CORE] = (struct rlimit64){1, 1}; /* no core of who takes a core */
	p->personality = 0;
	return err ? (int)err : MIN((int)process_setsid(), 0);
}

static void helper_entry(void *arg)
{
	struct exec *e = arg;
	int err = become_kernels();

	if (!err)
		err = prepare(e, AT_FDCWD, e->path, 0);
	if (!err)
		first_entry(e);
	log_warn("%s: error %d: it does not run", e->path, -err);
	exec_free(e);
	process_group_exit(127 << 8);
}

int process_start_helper(const char *const argv[], struct cap_space *caps)
{
	static const char *const envp[] = {
		"HOME=/", "TERM=linux", "PATH=/sbin:/usr/sbin:/bin:/usr/bin", NULL};
	struct exec *e = exec_create(&(struct exec_request){.name = argv[0]}, argv, envp);
	struct clone_request c = {.entry = helper_entry, .entry_arg = e, .caps = caps};
	long err;

	if (is_err(e))
		return (int)ptr_err(e);
	err = process_clone(&c, NULL);
	if (err < 0)
		exec_free(e);
	return (int)MIN(err, 0l);
}

/* ---- the first program ---- */

/* Descriptors 0, 1, 2 on the console, as far as there is one. */
static struct cap_space *init_descriptors(void)
{
	struct cap_space *caps = cap_space_create();
	struct file *console;

	if (!caps)
		return NULL;
	console = vfs_open(AT_FDCWD, "/dev/console", O_RDWR, 0);
	if (is_err(console)) {
		log_warn("init: no /dev/console, error %ld: it starts without descriptors",
			-ptr_err(console));
		return caps;
	}
	for (cap_t fd = 0; fd < 3; fd++) {
		file_get(console);
		if (cap_install(caps, &console->object.root, 0, fd, 3) < 0)
			file_put(console);
	}
	file_put(console);
	return caps;
}

/* A process without program. Its session and group have number 0, so that it may make its own, as
 * on Linux. */
static struct task *init_task_create(struct session *s)
{
	struct task *t = task_alloc("init");
	struct process *p = process_alloc();

	if (!t || !p)
		panic("init: out of memory");
	p->sighand = sighand_create(NULL);
	p->pid = pid_create();
	t->account = account_get(0);
	t->thread.cred = cred_get(&cred_root);
	t->thread.fs = fs_context_copy(current->fs);
	t->thread.caps = init_descriptors();
	if (!p->sighand || !p->pid || !t->account || !t->thread.caps || !t->thread.fs ||
		arch_fpu_alloc(&t->thread))
		panic("init: out of memory");
	rlimits_init(p);
	process_get(p);
	t->thread.proc = p;
	t->thread.timer_slack_ns = t->default_slack_ns = 50000;
	p->session = s;
	p->flags = PROC_UNKILLABLE;
	return t;
}

static void init_publish(struct task *t)
{
	struct process *p = t->thread.proc;
	struct spin_guard g SCOPED(spin_unguard) = tree_guard();

	if (pid_table_insert_at(&pids, p->pid, 1))
		panic("init: number 1 is taken");
	pids.last = 1;
	p->nr = 1;
	pid_use(p->pid);
	p->session->pid = &pid_zero;
	pid_use(&pid_zero);
	task_link(p, t, p->pid);
	process_link_locked(p, NULL);
	process_set_group_locked(p, &pid_zero);
	rcu_assign_pointer(p->pid->process, p);
}

int process_start_init(const char *path, const char *const argv[], const char *const envp[])
{
	struct exec *e;
	struct session *s;
	struct task *t;
	int err;

	if (!current->cred)
		current->cred = cred_get(&cred_root); /* a kernel thread has none */
	e = exec_create(&(struct exec_request){.name = path}, argv, envp);
	if (is_err(e))
		return (int)ptr_err(e);
	err = prepare(e, AT_FDCWD, path, 0);
	s = err ? NULL : session_create();
	if (!s) {
		exec_free(e);
		return err ? err : -ENOMEM;
	}
	t = init_task_create(s);
	init_process = t->thread.proc;
	init_publish(t);
	arch_thread_init_kernel(&t->thread, first_entry, e);
	thread_start(&t->thread);
	thread_exit();
}

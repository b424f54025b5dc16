/* Arguments of exec: from the caller's memory to the new program's stack. Layer: posix_x.
 *
 * Stack from its top: 8 zero bytes, path, environment, arguments, platform, 16 random bytes, then
 * aligned to 16 the auxiliary vector, envp[], argv[], argc. Strings are copied once and stay in
 * order.
 *
 * Source: execve(2), getauxval(3), x86-64 psABI 3.4.1. */
#include <exo/memory.h>
#include <exo/string.h>
#include <arch/cpu.h>
#include <arch/uaccess.h>
#include "exec_internal.h"

#define AUX_MAX 24

static int chunk_add(struct arg_list *l)
{
	struct arg_chunk *c = kmalloc(sizeof(*c), ALLOC_KERNEL);

	if (!c)
		return -ENOMEM;
	c->next = NULL;
	if (l->last)
		l->last->next = c;
	else
		l->first = c;
	l->last = c;
	l->last_used = 0;
	return 0;
}

static int string_begin(struct arg_list *l)
{
	if (l->count == l->room) {
		u32 room = l->room ? l->room * 2 : 64;
		u32 *offset = krealloc(l->offset, room * sizeof(u32), ALLOC_KERNEL);

		if (!offset)
			return -ENOMEM;
		l->offset = offset;
		l->room = room;
	}
	l->offset[l->count++] = (u32)l->bytes;
	return 0;
}

/* As strncpy_from_user, of the kernel's own strings. */
static long copy_kernel(char *to, const char *from, size_t room)
{
	size_t n = strnlen(from, room);

	memcpy(to, from, MIN(n + 1, room));
	return n == room ? -ENAMETOOLONG : (long)n;
}

/* Copies one string, of the kernel or of the user. *left: bytes that all arguments may still take,
 * pointers included. */
static int add(struct arg_list *l, const char *kernel, const char USER *user, size_t *left)
{
	size_t whole = 0;
	long n = -ENAMETOOLONG;
	int err = string_begin(l);

	if (err)
		return err;
	while (n == -ENAMETOOLONG) { /* goes on in the next chunk */
		size_t room, done;
		char *to;

		if (!l->last || l->last_used == sizeof(l->last->data)) {
			err = chunk_add(l);
			if (err)
				return err;
		}
		room = MIN(sizeof(l->last->data) - l->last_used, EXEC_STRING_MAX - whole);
		if (!room || whole >= *left)
			return -E2BIG;
		to = (char *)l->last->data + l->last_used;
		n = kernel ? copy_kernel(to, kernel + whole, room)
			   : strncpy_from_user(to, user + whole, room);
		if (n < 0 && n != -ENAMETOOLONG)
			return (int)n;
		done = n < 0 ? room : (size_t)n + 1;
		whole += done;
		l->last_used += done;
		l->bytes += done;
	}
	if (whole > *left)
		return -E2BIG;
	*left -= whole;
	return 0;
}

int arg_list_fill(struct arg_list *l, const char *const *kernel, const u64 USER *user, size_t *left)
{
	u64 p = 0;
	int err;

	for (u32 i = 0; kernel || user; i++) {
		if (!kernel && get_user_u64((u64 USER *)(uintptr_t)&user[i], &p))
			return -EFAULT;
		if (kernel ? !kernel[i] : !p)
			break;
		if (*left < sizeof(p))
			return -E2BIG;
		*left -= sizeof(p);
		err = add(l, kernel ? kernel[i] : NULL, (const char USER *)p, left);
		if (err)
			return err;
		if (thread_fatal_pending(current))
			return -EINTR;
	}
	return 0;
}

void arg_list_free(struct arg_list *l)
{
	struct arg_chunk *c = l->first, *next;

	for (; c; c = next) {
		next = c->next;
		kfree(c);
	}
	kfree(l->offset);
	*l = (struct arg_list){0};
}

/* ---- the stack of the new program ---- */

static int put(struct vm_space *s, vaddr_t va, const void *data, size_t len)
{
	ssize_t n = vm_access(s, va, (void *)data, len, true);

	if (n < 0)
		return (int)n;
	return (size_t)n == len ? 0 : -EFAULT;
}

/* Writes the list's bytes from @skip on to @va. */
static int put_list(struct vm_space *s, vaddr_t va, const struct arg_list *l, size_t skip)
{
	for (struct arg_chunk *c = l->first; c; c = c->next) {
		size_t n = c == l->last ? l->last_used : sizeof(c->data), from = MIN(skip, n);
		int err = n > from ? put(s, va, c->data + from, n - from) : 0;

		if (err)
			return err;
		va += n - from;
		skip -= from;
	}
	return 0;
}

struct stack_plan {
	vaddr_t path, env, args, prefix, platform, random, vector; /* where each begins */
	size_t args_skip; /* bytes of argv[0] when a script's interpreter takes its place */
	u32 args_from;    /* first argument that counts */
	u32 argc;
};

static const char platform[] = "x86_64";

static void plan_stack(struct exec *e, struct stack_plan *s)
{
	size_t words;

	s->args_from = e->prefix_count && e->argv.count ? 1 : 0;
	s->args_skip = !s->args_from ? 0 : e->argv.count > 1 ? e->argv.offset[1] : e->argv.bytes;
	s->argc = e->prefix_count + e->argv.count - s->args_from;
	s->path = e->space->stack_top - 8 - (strlen(e->path) + 1);
	s->env = s->path - e->envp.bytes;
	s->args = s->env - (e->argv.bytes - s->args_skip);
	s->prefix = s->args;
	for (u32 i = 0; i < e->prefix_count; i++)
		s->prefix -= strlen(e->prefix[i]) + 1;
	s->platform = ALIGN_DOWN(s->prefix, 16) - sizeof(platform);
	s->random = ALIGN_DOWN(s->platform, 16) - 16;
	words = 1 + s->argc + 1 + e->envp.count + 1 + 2 * AUX_MAX;
	s->vector = ALIGN_DOWN(s->random - words * 8, 16);
}

static int put_strings(struct exec *e, const struct stack_plan *s)
{
	vaddr_t at = s->prefix;
	int err = put(e->space, s->path, e->path, strlen(e->path) + 1);

	if (!err)
		err = put_list(e->space, s->env, &e->envp, 0);
	if (!err)
		err = put_list(e->space, s->args, &e->argv, s->args_skip);
	for (u32 i = e->prefix_count; !err && i--;) {
		err = put(e->space, at, e->prefix[i], strlen(e->prefix[i]) + 1);
		at += strlen(e->prefix[i]) + 1;
	}
	if (!err)
		err = put(e->space, s->platform, platform, sizeof(platform));
	if (!err)
		err = put(e->space, s->random, e->random, sizeof(e->random));
	return err;
}

static u32 fill_aux(const struct exec *e, const struct stack_plan *s, u64 *aux)
{
	const struct elf_image *img = &e->program.image;
	const u64 all[][2] = {{e->space->vdso ? AT_SYSINFO_EHDR : AT_IGNORE, e->space->vdso},
		{AT_HWCAP, arch_elf_hwcap()}, {AT_MINSIGSTKSZ, arch_signal_stack_min()},
		{AT_PAGESZ, PAGE_SIZE}, {AT_CLKTCK, USER_HZ},
		{AT_PHDR, img->headers_vaddr ? img->headers_vaddr + e->program_bias : 0},
		{AT_PHENT, sizeof(struct elf64_segment)}, {AT_PHNUM, img->segment_count},
		{AT_BASE, e->interp_base}, {AT_FLAGS, 0}, {AT_ENTRY, img->entry + e->program_bias},
		{AT_UID, e->cred->uid}, {AT_EUID, e->cred->euid}, {AT_GID, e->cred->gid},
		{AT_EGID, e->cred->egid}, {AT_SECURE, e->secure}, {AT_RANDOM, s->random},
		{AT_HWCAP2, arch_elf_hwcap2()}, {AT_RSEQ_FEATURE_SIZE, 28},
		{AT_RSEQ_ALIGN, RSEQ_SIZE}, {AT_EXECFN, s->path}, {AT_PLATFORM, s->platform},
		{AT_NULL, 0}};

	_Static_assert(ARRAY_LEN(all) <= AUX_MAX, "planned for");
	memcpy(aux, all, sizeof(all));
	return sizeof(all) / sizeof(u64);
}

/* argc, argv[], envp[], auxv: one vector, written in one go. */
static int put_vector(struct exec *e, const struct stack_plan *s)
{
	size_t words = 1 + s->argc + 1 + e->envp.count + 1 + 2 * AUX_MAX, bytes = words * 8, n = 0;
	u64 *v = bytes > 65536 ? vmalloc(bytes, ALLOC_KERNEL) : kmalloc(bytes, ALLOC_KERNEL);
	vaddr_t at = s->prefix;
	u32 aux_words;
	int err;

	if (!v)
		return -ENOMEM;
	v[n++] = s->argc;
	for (u32 i = e->prefix_count; i--;) {
		v[n++] = at;
		at += strlen(e->prefix[i]) + 1;
	}
	for (u32 i = s->args_from; i < e->argv.count; i++)
		v[n++] = s->args + e->argv.offset[i] - s->args_skip;
	v[n++] = 0;
	for (u32 i = 0; i < e->envp.count; i++)
		v[n++] = s->env + e->envp.offset[i];
	v[n++] = 0;
	aux_words = fill_aux(e, s, v + n);
	memcpy(e->space->auxv, v + n, aux_words * 8);
	err = put(e->space, s->vector, v, (n + aux_words) * 8);
	if (bytes > 65536)
		vfree(v);
	else
		kfree(v);
	return err;
}

/* exec_build_stack - maps the stack of e->space and writes it; e->sp is the first program's stack
 * pointer. 0 | -ENOMEM -E2BIG -EFAULT. */
int exec_build_stack(struct exec *e)
{
	struct vm_space *space = e->space;
	struct stack_plan s;
	struct vm_map_request r = {0};
	vaddr_t low, out;
	int err;

	plan_stack(e, &s);
	low = ALIGN_DOWN(s.vector, PAGE_SIZE) - EXEC_STACK_SLACK;
	r.addr = low;
	r.len_bytes = ALIGN_UP(space->stack_top, PAGE_SIZE) - low;
	r.flags =
		VM_READ | VM_WRITE | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC | VM_STACK | VM_ACCOUNT;
	if (e->program.image.stack_exec)
		r.flags |= VM_EXEC;
	r.fixed = r.noreplace = r.grows_down = true;
	err = vm_map(space, &r, &out);
	if (!err)
		err = put_strings(e, &s);
	if (!err)
		err = put_vector(e, &s);
	if (err)
		return err;
	e->sp = s.vector;
	space->marks.stack = s.vector;
	space->marks.arg_start = s.prefix;
	space->marks.arg_end = space->marks.env_start = s.env;
	space->marks.env_end = s.path;
	return 0;
}

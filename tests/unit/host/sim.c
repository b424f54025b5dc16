/* host: the simulator. Several CPUs on one host thread, repeatable from a seed.
 *
 * Every kernel thread is a fiber; every CPU is "the fiber that it runs now" plus an interrupt flag,
 * pending interrupts and a clock of its own. At a point of choice (each branch of kernel code built
 * with -fsanitize-coverage=trace-pc, each pause of a spin loop, each enabling of interrupts) the
 * CPU's clock moves on, its due interrupts are taken, and the simulator may go on with another CPU.
 * CPUs are kept close in time: one that is more than SKEW_NS ahead waits, as two real CPUs would
 * run side by side. */
#include <host.h>
#include <arch/boot.h>
#include <arch/irq.h>
#include <exo/errno.h>
#include <exo/log.h>
#include <exo/sched.h>
#include <exo/time.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define STACK_BYTES (256 * 1024)
#define SKEW_NS     5000
#define START_NS    1000 /* 0 means "not running" */

#ifdef __has_feature
#if __has_feature(address_sanitizer) && !defined(__SANITIZE_ADDRESS__)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
void __sanitizer_start_switch_fiber(void **fake, const void *bottom, size_t size);
void __sanitizer_finish_switch_fiber(void *fake, const void **bottom, size_t *size);
void __asan_unpoison_memory_region(const volatile void *at, size_t bytes);
#else
#define __asan_unpoison_memory_region(at, bytes)            ((void)(at))
#define __sanitizer_start_switch_fiber(fake, bottom, size)  ((void)(fake))
#define __sanitizer_finish_switch_fiber(fake, bottom, size) ((void)(bottom))
#endif
void __sanitizer_cov_trace_pc(void);
int __lsan_is_turned_off(void);
void host_sim_irqs_on(void);
bool host_sim_ipi(u32 cpu, enum ipi kind);
u64 host_sim_now(void);

struct fiber {
	void *sp; /* while it does not run */
	void *stack;
	size_t stack_bytes;
	void (*fn)(void *arg);
	void *arg;
};
struct sim_cpu {
	struct fiber *fiber; /* what it runs */
	ns_t now;
	ns_t timer_at;
	ns_t ipi_at; /* earliest message not yet taken; NS_FOREVER = none */
	bool idle;
};
static struct sim_cpu sim_cpus[CPUS_MAX];
static struct host_sim sim;
static bool active, inside; /* inside: in the simulator itself */
static u64 random_state;
u64 host_branches;
static struct fiber host_fiber; /* the program's own stack */
static struct fiber *running;
static int result;
static void (*sim_main)(void *arg);
static void *sim_arg;

void rcu_init(void) WEAK;
void sched_cpu_init(u32 cpu) WEAK;
void sched_init(void) WEAK;
void sched_topology(u32 (*distance)(u32 from, u32 to)) WEAK;
void clock_init(void) WEAK;

/* A simulated system is left running, with all that it has allocated: host_heap_live() tells a test
 * what it wants to know. */
int __lsan_is_turned_off(void)
{
	return 1;
}

u64 host_sim_random(void) /* xorshift64* */
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * 0x2545f4914f6cdd1dULL;
}

u64 host_sim_now(void)
{
	return active ? sim_cpus[host_cpu].now : 0;
}

/* ---- fibers ---- */
/* fiber_swap_stacks(save, load): callee-saved registers on the stack, as the x86-64 ABI has them.
 * The host is x86_64. */
void fiber_swap_stacks(void **save, void *load);
__asm__(".text\n.globl fiber_swap_stacks\n.type fiber_swap_stacks, @function\nfiber_swap_stacks:\n"
	"	pushq %rbp\n	pushq %rbx\n	pushq %r12\n	pushq %r13\n	pushq %r14\n	"
	"pushq %r15\n"
	"	movq %rsp, (%rdi)\n	movq %rsi, %rsp\n"
	"	popq %r15\n	popq %r14\n	popq %r13\n	popq %r12\n	popq %rbx\n	"
	"popq %rbp\n	ret\n");
static void fiber_swap(struct fiber *to)
{
	struct fiber *from = running;
	void *fake = NULL;

	if (to == from)
		return;
	running = to;
	__sanitizer_start_switch_fiber(&fake, to->stack, to->stack_bytes);
	fiber_swap_stacks(&from->sp, to->sp);
	__sanitizer_finish_switch_fiber(fake, NULL, NULL);
}

static void fiber_start(void)
{
	const void *bottom = NULL;
	size_t size = 0;

	__sanitizer_finish_switch_fiber(NULL, &bottom, &size);
	if (!host_fiber.stack) { /* the first fiber of all learns where the program's own stack is
				  */
		host_fiber.stack = (void *)bottom;
		host_fiber.stack_bytes = size;
	}
	inside = false;
	running->fn(running->arg);
	panic("a fiber came to its end");
}

static struct fiber *fiber_new(void (*fn)(void *arg), void *arg)
{
	struct fiber *f = calloc(1, sizeof(*f));
	u64 *top;

	ASSERT(f);
	f->stack_bytes = STACK_BYTES;
	f->stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ASSERT(f->stack != MAP_FAILED);
	/* a thread that ended there has left its marks */
	__asan_unpoison_memory_region(f->stack, STACK_BYTES);
	f->fn = fn;
	f->arg = arg;
	top = (u64 *)((u8 *)f->stack + f->stack_bytes);
	top -= 8; /* six registers, the address to start at, and what keeps the stack aligned as
		     after a call */
	top[6] = (u64)fiber_start;
	f->sp = top;
	return f;
}

static void leave(int r)
{
	result = r;
	active = false;
	fiber_swap(&host_fiber);
}

/* ---- CPUs ---- */
/* When the CPU can do something; NS_FOREVER = only if another sends it a message. */
static ns_t next_time(const struct sim_cpu *c)
{
	ns_t event = MIN(c->timer_at, c->ipi_at);

	return c->idle ? (event == NS_FOREVER ? event : MAX(event, c->now)) : c->now;
}

static u32 earliest_cpu(void)
{
	u32 best = 0;

	for (u32 c = 1; c < sim.cpus; c++)
		if (next_time(&sim_cpus[c]) < next_time(&sim_cpus[best]))
			best = c;
	return best;
}

/* Goes on with @cpu; comes back when somebody goes on with this one. */
static void go_on_with(u32 cpu)
{
	u32 self = host_cpu;

	sim_cpus[self].fiber = running;
	host_cpu = cpu;
	fiber_swap(sim_cpus[cpu].fiber);
	inside = false;
}

static void take_interrupts(void)
{
	for (;;) {
		struct sim_cpu *c = &sim_cpus[host_cpu];
		bool timer = c->timer_at <= c->now;

		if (!timer && c->ipi_at > c->now)
			return;
		arch_irq_disable();
		host_set_interrupt(true);
		rcu_irq_enter();
		if (timer) {
			c->timer_at = NS_FOREVER;
			timer_interrupt();
		} else {
			c->ipi_at = NS_FOREVER;
			preempt_set_resched();
		}
		host_set_interrupt(false);
		if (this_cpu_read(preempt_count) == 0)
			sched_preempt_irq(); /* may come back on another CPU */
		host_irq_flag_on();
	}
}

static void choose(bool must)
{
	struct sim_cpu *c = &sim_cpus[host_cpu];
	u32 other = earliest_cpu();
	ns_t front = next_time(&sim_cpus[other]);

	if (c->now > sim.time_limit_ns)
		leave(-ETIMEDOUT);
	if (sim.cpus < 2)
		return;
	if (!must && c->now <= front + SKEW_NS &&
		(!sim.switch_one_in || host_sim_random() % sim.switch_one_in))
		return;
	if (c->now <= front + SKEW_NS) {
		other = (u32)(host_sim_random() % sim.cpus);
		if (next_time(&sim_cpus[other]) > c->now + SKEW_NS) /* asleep, or too far ahead */
			return;
	}
	if (other != host_cpu) {
		inside = true;
		go_on_with(other);
	}
}

static void point(bool must, ns_t ns)
{
	if (!active || inside)
		return;
	sim_cpus[host_cpu].now += ns;
	if (arch_irq_enabled())
		take_interrupts();
	choose(must);
	if (arch_irq_enabled())
		take_interrupts();
}

void host_sim_point(void)
{
	point(true, sim.ns_per_point);
}

void __sanitizer_cov_trace_pc(void)
{
	host_branches++;
	if (active)
		point(false, sim.ns_per_point);
}

void host_sim_irqs_on(void)
{
	point(false, 0);
}

bool host_sim_ipi(u32 cpu, enum ipi kind)
{
	struct sim_cpu *c = &sim_cpus[cpu];
	ns_t at = sim_cpus[host_cpu].now + 200;

	if (!active)
		return false;
	ASSERT(kind == IPI_RESCHED && cpu < sim.cpus);
	c->ipi_at = MIN(c->ipi_at, at);
	return true;
}

void arch_timer_arm(ns_t deadline_ns)
{
	if (active)
		sim_cpus[host_cpu].timer_at = deadline_ns;
}

void arch_cpu_idle(void)
{
	struct sim_cpu *c = &sim_cpus[host_cpu]; /* an idle thread stays on its CPU */
	u32 other;

	c->idle = true;
	while (c->timer_at > c->now && c->ipi_at > c->now) {
		other = earliest_cpu();
		if (next_time(&sim_cpus[other]) == NS_FOREVER)
			leave(-EDEADLK);
		if (next_time(&sim_cpus[other]) > sim.time_limit_ns)
			leave(-ETIMEDOUT);
		if (&sim_cpus[other] == c) {
			c->now = next_time(c);
		} else {
			inside = true;
			go_on_with(other);
		}
	}
	c->idle = false;
	arch_irq_enable();
}

/* ---- threads ---- */
static void thread_first(void *p)
{
	struct thread *t = p;

	sched_first_switch();
	arch_irq_enable();
	t->arch.fn(t->arch.arg);
	panic("a thread's function returned");
}

void arch_thread_init_kernel(struct thread *t, void (*fn)(void *arg), void *arg)
{
	t->arch.fn = fn;
	t->arch.arg = arg;
	t->arch.fiber = fiber_new(thread_first, t);
}

void arch_fpu_free(struct thread *t)
{
	struct fiber *f = t->arch.fiber;

	if (!f)
		return;
	ASSERT(f != running);
	munmap(f->stack, f->stack_bytes);
	free(f);
	t->arch.fiber = NULL;
}

struct thread *arch_switch(struct thread *prev, struct thread *next)
{
	if (!prev->arch.fiber)
		prev->arch.fiber = running; /* an idle thread: its CPU's first fiber */
	this_cpu_write(current_thread, next);
	sim_cpus[host_cpu].fiber = next->arch.fiber;
	fiber_swap(next->arch.fiber);
	inside = false;
	return prev;
}

bool irq_interrupted_user(void)
{
	return current->arch.frame.user;
}

void host_sim_user_mode(bool on)
{
	current->arch.frame.user = on;
}

void host_sim_work(ns_t ns)
{
	while (ns) {
		ns_t chunk = MIN(ns, 1000UL);

		point(false, chunk);
		ns -= chunk;
	}
}

/* ---- start ---- */
static void main_thread(void *arg)
{
	if (rcu_init)
		rcu_init();
	sim_main(sim_arg);
	leave(0);
}

static void boot_cpu(void *arg)
{
	clock_init();
	sched_init();
	for (u32 c = 1; c < sim.cpus; c++)
		sched_cpu_init(c);
	if (sim.distance)
		sched_topology(sim.distance);
	arch_irq_enable();
	ASSERT(kthread_create("sim", main_thread, NULL));
	sched_idle();
}

static void other_cpu(void *arg)
{
	secondary_main((u32)(uintptr_t)arg);
}

int host_sim_run(const struct host_sim *s, void (*main_fn)(void *arg), void *arg)
{
	sim = *s;
	if (!sim.ns_per_point)
		sim.ns_per_point = 50;
	sim_main = main_fn;
	sim_arg = arg;
	random_state = sim.seed * 2 + 1;
	host_log_quiet = true;
	cpu_count = sim.cpus;
	cpu_online_mask = 0;
	for (u32 c = 0; c < sim.cpus; c++) {
		sim_cpus[c] = (struct sim_cpu){
			.now = START_NS, .timer_at = NS_FOREVER, .ipi_at = NS_FOREVER};
		sim_cpus[c].fiber =
			c ? fiber_new(other_cpu, (void *)(uintptr_t)c) : fiber_new(boot_cpu, NULL);
		current_thread[c] = NULL;
	}
	/* The others sleep until the boot CPU has made their queues: they start a little later. */
	for (u32 c = 1; c < sim.cpus; c++)
		sim_cpus[c].now = START_NS + 20 * NS_PER_US;
	running = &host_fiber;
	host_cpu = 0;
	active = true;
	fiber_swap(sim_cpus[0].fiber);
	return result;
}

int host_sim_run_again(const struct host_sim *s, void (*main_fn)(void *arg), void *arg)
{
	extern unsigned u_failures WEAK;
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		alarm(30); /* an alarm of the parent's is not inherited */
		int r = host_sim_run(s, main_fn, arg);

		fflush(stdout);
		_exit(r ? -r : &u_failures && u_failures ? EIO : 0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -EFAULT;
	status = WEXITSTATUS(status);
	return !status || status == ETIMEDOUT || status == EDEADLK || status == EIO ? -status
										    : -EFAULT;
}

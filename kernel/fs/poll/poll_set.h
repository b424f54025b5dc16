/* Waiting on a set of files: what poll and select share. Layer: fs, and the handlers of poll and
 * select. Use: poll_set_init; rounds of poll_set_ask for each descriptor as long as poll_set_again
 * says so; poll_set_fini. */
#pragma once

#include <exo/fs.h>
#include <exo/sched.h>

#define POLL_INLINE_WAITS 6

struct poll_wait_entry {
	struct wait_entry wait;
	struct waitqueue *wq;
	struct file *file; /* +1 while queued */
	struct poll_set *set;
	u32 events;
};
struct poll_chunk {
	struct poll_chunk *next;
	u32 used;
	struct poll_wait_entry entries[24];
};
struct poll_set {
	/* queue is NULL in the first round - most calls find something - and once something is
	 * ready */
	struct poll_table table;
	bool queue_next; /* the second round hangs hooks on the files */
	struct thread *thread;
	u32 woken;  /* [a] set by wakers */
	int error;  /* -ENOMEM when a wait could not be queued */
	bool late;  /* the deadline has passed: one last round */
	u32 asking; /* events of the descriptor being asked */
	u32 used;
	struct poll_chunk *chunks;
	struct poll_wait_entry entries[POLL_INLINE_WAITS];
};
void poll_set_init(struct poll_set *s, bool may_sleep);
/* poll_set_ask - state of slot @fd: events & (what is true | ERR | HUP | NVAL). POLL_NVAL for a
 * closed slot. What is only in @seen ends no sleep. */
u32 poll_set_ask(struct poll_set *s, cap_t fd, u32 events, u32 seen);
/* poll_set_again - after a round that found *ready: sleeps if that is 0, until something may have
 * changed. true: another round. false: *ready is the answer, or -ERESTARTSYS | -ENOMEM now. */
bool poll_set_again(struct poll_set *s, ns_t deadline_ns, long *ready) MUST_USE;
void poll_set_fini(struct poll_set *s);

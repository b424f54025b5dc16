/* What bpf.c, seccomp.c (filters) and seccomp_notify.c (listeners) share. Layer: posix_x. */
#pragma once

#include "posix_x_internal.h"
#include <exo_abi/linux_seccomp.h>

/* bpf_check - @len 1..BPF_INSNS_MAX instructions, a copy nobody else writes. 0 | -EINVAL |
 * -ENOMEM. */
int bpf_check(const struct bpf_insn *p, u32 len) MUST_USE;
/* bpf_run - what a checked program answers; 0 after a division by zero. */
u32 bpf_run(const struct bpf_insn *p, const struct linux_seccomp_data *data);

/* A filter that has a listener and that file hold the notifier, each once. */
struct notifier;
/* notifier_open - the filter's notifier and the slot of its listener. @firm: once received, only
 * deadly signals end the wait. Slot | -EMFILE | -ENOMEM. */
cap_t notifier_open(bool firm, struct notifier **out);
/* notifier_leave - no thread runs under the filter any more, or ever did. */
void notifier_leave(struct notifier *n);
/* notifier_ask - current asks what becomes of its call. True: it goes on as it is; false: the
 * frame has the answer. */
bool notifier_ask(struct notifier *n, const struct linux_seccomp_data *data, struct trap_frame *f);

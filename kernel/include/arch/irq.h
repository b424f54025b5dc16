/* Interrupts between CPUs, devices and the timer. Layer: arch. */
#pragma once

#include <exo/types.h>
#include <exo/bitops.h>

/* irq_register_isa - ISA irq n is mapped through MADT overrides. Handler context: interrupt, on any
 * CPU, interrupts off; EOI is sent by the dispatcher. Return: 0 | -EBUSY | -EINVAL | -ENOMEM. */
typedef void (*irq_handler_fn)(void *arg);
int irq_register_isa(u32 isa_irq, irq_handler_fn fn, void *arg) MUST_USE;
u64 irq_count(u32 cpu, u32 vector); /* statistics for /proc/interrupts, /proc/stat */
u64 irq_count_total(void);

enum ipi { IPI_RESCHED, IPI_CALL, IPI_COUNT };
/* arch_ipi - Context: any with interrupts off or preemption off. IPI_RESCHED sets the need-resched
 * bit on arrival. */
void arch_ipi(u32 cpu, enum ipi kind);
/* cpu_call - runs fn(arg) on every CPU of @mask (may include this one) in interrupt context, and
 * waits. Context: interrupts enabled, preemption off or on. */
void cpu_call(cpumask_t mask, void (*fn)(void *arg), void *arg);

/* One-shot timer of this CPU. @deadline_ns: CLOCK_MONOTONIC of the clock room; NS_FOREVER stops it.
 * At expiry arch calls timer_interrupt() (time room) with interrupts off. */
void arch_timer_arm(ns_t deadline_ns);
void timer_interrupt(void);

/* Interrupt bracket, called by the arch dispatcher: nesting count per CPU, and on exit the
 * reschedule check. */
bool in_interrupt(void);
/* in an interrupt: did it come from user mode? For time accounting. */
bool irq_interrupted_user(void);

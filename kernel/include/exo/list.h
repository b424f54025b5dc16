/* Intrusive doubly linked lists (circular, with a head) and hash-bucket lists.
 * The caller's lock guards every operation unless the name says rcu. */
#pragma once

#include <exo/types.h>

struct list {
	struct list *next, *prev;
};
#define LIST_INIT(name)          \
	{                        \
		&(name), &(name) \
	}

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}
static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}
static inline void list_insert_between(struct list *n, struct list *prev, struct list *next)
{
	n->next = next;
	n->prev = prev;
	next->prev = n;
	prev->next = n;
}
static inline void list_add(struct list *head, struct list *n) /* at the front */
{
	list_insert_between(n, head, head->next);
}
static inline void list_add_tail(struct list *head, struct list *n)
{
	list_insert_between(n, head->prev, head);
}
/* list_del leaves the node pointing at itself, so deleting twice is harmless. */
static inline void list_del(struct list *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	list_init(n);
}
static inline void list_move_tail(struct list *head, struct list *n)
{
	list_del(n);
	list_add_tail(head, n);
}
static inline void list_splice_tail(struct list *head, struct list *from)
{
	if (!list_empty(from)) {
		from->next->prev = head->prev;
		head->prev->next = from->next;
		from->prev->next = head;
		head->prev = from->prev;
		list_init(from);
	}
}
#define list_entry(p, T, m) container_of(p, T, m)
#define list_first(h, T, m) (list_empty(h) ? NULL : list_entry((h)->next, T, m))
/* list_pop - as list_first, and takes it off. */
#define list_pop(h, T, m)                         \
	({                                        \
		T *_popped = list_first(h, T, m); \
		if (_popped)                      \
			list_del(&_popped->m);    \
		_popped;                          \
	})
#define list_for_each_entry(e, h, m)                                     \
	for (e = list_entry((h)->next, __typeof__(*e), m); &e->m != (h); \
		e = list_entry(e->m.next, __typeof__(*e), m))
#define list_for_each_entry_safe(e, t, h, m)               \
	for (e = list_entry((h)->next, __typeof__(*e), m), \
	    t = list_entry(e->m.next, __typeof__(*e), m);  \
		&e->m != (h); e = t, t = list_entry(e->m.next, __typeof__(*e), m))

/* Hash buckets: one pointer a bucket; readers may walk under RCU. */
struct hlist_node {
	struct hlist_node *next, **pprev;
};
struct hlist {
	struct hlist_node *first;
};
static inline void hlist_add(struct hlist *h, struct hlist_node *n)
{
	struct hlist_node *first = h->first;

	n->next = first;
	n->pprev = &h->first;
	if (first)
		first->pprev = &n->next;
	__atomic_store_n(&h->first, n, __ATOMIC_RELEASE); /* pairs with hlist_for_each_entry */
}
/* hlist_del keeps n->next, so that an RCU reader standing on n walks on. */
static inline void hlist_del(struct hlist_node *n)
{
	if (!n->pprev)
		return;
	WRITE_ONCE(*n->pprev, n->next);
	if (n->next)
		n->next->pprev = n->pprev;
	n->pprev = NULL;
}
#define hlist_for_each_entry(e, h, m)                                                \
	for (struct hlist_node *_n = __atomic_load_n(&(h)->first, __ATOMIC_ACQUIRE); \
		_n && (e = container_of(_n, __typeof__(*e), m), 1);                  \
		_n = __atomic_load_n(&_n->next, __ATOMIC_ACQUIRE))

/* The page tree of a memory object: a radix tree of 64-way nodes, as high as its largest index
 * needs. Layer: memory.
 *
 * The root word is NULL, or the single page of index 0 (small files have no node at all), or a node
 * with bit 0 set. A node at shift s has slots of 2^s indices; at shift 0 the slots are pages.
 * Look-ups run under RCU: nodes are published complete, and freed after a grace period. Changes are
 * made under the owner's spin lock, so nodes are allocated with ALLOC_ATOMIC. Invariant: every node
 * but one under construction has count > 0. */
#include "vm_internal.h"

#define SLOT_BITS  6u
#define SLOTS      (1u << SLOT_BITS)
#define SLOT_MASK  (SLOTS - 1)
#define HEIGHT_MAX 11 /* 64 bits of index */
#define NODE_TAG   1ul

struct tree_node {
	u32 shift; /* [c] */
	u32 count; /* [owner's lock] slots in use */
	struct rcu_head rcu;
	void *slots[SLOTS]; /* [owner's lock write, RCU read] nodes, or pages at shift 0 */
};
static struct kmem_cache *node_cache;

void page_tree_init(void)
{
	node_cache = kmem_cache_create(
		"page_tree_node", sizeof(struct tree_node), 64, CACHE_RECLAIMABLE);
}

static struct tree_node *root_node(void *root)
{
	return (uintptr_t)root & NODE_TAG ? (struct tree_node *)((uintptr_t)root - NODE_TAG) : NULL;
}

static void *tag_node(struct tree_node *n)
{
	return (void *)((uintptr_t)n | NODE_TAG);
}

static u64 node_max(const struct tree_node *n) /* the largest index below the root node @n */
{
	return n->shift + SLOT_BITS >= 64 ? ~0ull : (1ull << (n->shift + SLOT_BITS)) - 1;
}

static struct tree_node *leaf_of(void *root, u64 index)
{
	struct tree_node *n = root_node(root);

	if (!n || index > node_max(n))
		return NULL;
	while (n && n->shift)
		n = rcu_dereference(n->slots[index >> n->shift & SLOT_MASK]);
	return n;
}

struct page *page_tree_get(void *root, u64 index)
{
	struct tree_node *leaf;

	if (!((uintptr_t)root & NODE_TAG))
		return index ? NULL : root;
	leaf = leaf_of(root, index);
	return leaf ? rcu_dereference(leaf->slots[index & SLOT_MASK]) : NULL;
}

struct page **page_tree_window(void **root, u64 index, u64 *first, u32 *count)
{
	void *r = rcu_dereference(*root);
	struct tree_node *leaf;

	if (!((uintptr_t)r & NODE_TAG)) {
		*first = 0;
		*count = 1;
		return r && !index ? (struct page **)root : NULL;
	}
	leaf = leaf_of(r, index);
	*first = index & ~(u64)SLOT_MASK;
	*count = SLOTS;
	return leaf ? (struct page **)leaf->slots : NULL;
}

static struct tree_node *node_create(u32 shift)
{
	struct tree_node *n = kmem_cache_alloc(node_cache, ALLOC_ATOMIC | ALLOC_ZERO);

	if (n)
		n->shift = shift;
	return n;
}

RCU_KFREE(node_free_rcu, struct tree_node, rcu)

/* Makes the tree high enough for @index: an empty one gets a root of the right height, another is
 * put below new roots. */
static int tree_raise(void **root, u64 index)
{
	struct tree_node *top = root_node(*root), *n;
	u32 shift = 0;

	if (!*root) {
		while (shift + SLOT_BITS < 64 && index >> (shift + SLOT_BITS))
			shift += SLOT_BITS;
		n = node_create(shift);
		if (n)
			rcu_assign_pointer(*root, tag_node(n));
		return n ? 0 : -ENOMEM;
	}
	while (!top || index > node_max(top)) {
		n = node_create(top ? top->shift + SLOT_BITS : 0);
		if (!n)
			return -ENOMEM;
		n->slots[0] = top ? (void *)top : *root;
		n->count = 1;
		rcu_assign_pointer(*root, tag_node(n));
		top = n;
	}
	return 0;
}

/* Frees the empty nodes at the end of @path, which begins at the root. */
static void tree_prune(void **root, struct tree_node **path, u32 depth, u64 index)
{
	while (depth > 0 && !path[depth - 1]->count) {
		struct tree_node *n = path[--depth];

		if (depth) {
			struct tree_node *up = path[depth - 1];

			WRITE_ONCE(up->slots[index >> up->shift & SLOT_MASK], NULL);
			up->count--;
		} else {
			WRITE_ONCE(*root, NULL);
		}
		rcu_call(&n->rcu, node_free_rcu);
	}
}

int page_tree_insert(void **root, u64 index, struct page *p)
{
	struct tree_node *path[HEIGHT_MAX], *n, *below;
	u32 depth = 0;

	if (!*root && !index) {
		rcu_assign_pointer(*root, p);
		return 0;
	}
	if (tree_raise(root, index) < 0)
		return -ENOMEM;
	for (n = root_node(*root);; n = below) {
		void **slot = &n->slots[index >> n->shift & SLOT_MASK];

		path[depth++] = n;
		if (!n->shift) {
			n->count++;
			rcu_assign_pointer(*slot, p);
			return 0;
		}
		below = *slot;
		if (!below) {
			below = node_create(n->shift - SLOT_BITS);
			if (!below) {
				tree_prune(root, path, depth, index);
				return -ENOMEM;
			}
			n->count++;
			rcu_assign_pointer(*slot, below);
		}
	}
}

struct page *page_tree_remove(void **root, u64 index)
{
	struct tree_node *path[HEIGHT_MAX], *n = root_node(*root);
	struct page *p;
	u32 depth = 0;

	if (!n) {
		p = index ? NULL : *root;
		if (p)
			WRITE_ONCE(*root, NULL);
		return p;
	}
	if (index > node_max(n))
		return NULL;
	for (;; n = n->slots[index >> n->shift & SLOT_MASK]) {
		if (!n)
			return NULL;
		path[depth++] = n;
		if (!n->shift)
			break;
	}
	p = n->slots[index & SLOT_MASK];
	if (!p)
		return NULL;
	WRITE_ONCE(n->slots[index & SLOT_MASK], NULL);
	n->count--;
	tree_prune(root, path, depth, index);
	return p;
}

struct page *page_tree_next(void *root, u64 *index)
{
	u64 i = *index;

	if (!root_node(root))
		return i ? NULL : root;
	for (;;) {
		struct tree_node *n = root_node(root);

		if (i > node_max(n))
			return NULL;
		for (;;) { /* down, to the right past empty slots */
			u32 s = i >> n->shift & SLOT_MASK, from = s;
			void *below = NULL;

			while (s < SLOTS && !(below = rcu_dereference(n->slots[s])))
				s++;
			if (s != from)
				i = ((i >> n->shift) - from + s) << n->shift;
			if (s == SLOTS)
				break; /* nothing in this node: i is its right neighbour's first */
			if (!n->shift) {
				*index = i;
				return below;
			}
			n = below;
		}
		if (!i)
			return NULL; /* past the largest index */
	}
}

void page_tree_destroy(void **root, void (*fn)(void *ctx, struct page *p), void *ctx)
{
	struct tree_node *path[HEIGHT_MAX], *n = root_node(*root);
	u32 at[HEIGHT_MAX], depth = 0;

	if (!n && *root)
		fn(ctx, *root);
	*root = NULL;
	if (!n)
		return;
	path[0] = n;
	at[0] = 0;
	for (;;) { /* depth first, nodes after what is below them */
		n = path[depth];
		if (at[depth] == SLOTS) {
			kmem_cache_free(node_cache, n);
			if (!depth--)
				return;
			continue;
		}
		void *below = n->slots[at[depth]++];
		if (!below)
			continue;
		if (!n->shift) {
			fn(ctx, below);
			continue;
		}
		path[++depth] = below;
		at[depth] = 0;
	}
}

/* image_pipeline - a camera, a filter and a viewer, three processes. Images stay where they are, in
 * the blocks of a pool; what travels is a descriptor of 16 bytes: camera -> filter -> viewer ->
 * camera, where the block is free again. Tutorial: docs/tutorials/image_pipeline.md */
#include <sys/wait.h>
#include <exo_ipc/exo_ring.h>
#include <exo_std/io.h>

enum { WIDTH = 320, HEIGHT = 200, IMAGE_BYTES = WIDTH * HEIGHT, BLOCKS = 4, FRAMES = 200 };
enum { TO_FILTER, TO_VIEWER, TO_CAMERA, RINGS };

static int32_t ring[RINGS][2], pool;

static int take_ends(struct exo_end *in, int from, struct exo_end *out, int to)
{
	int err = exo_end_open(in, ring[from][1]);

	if (!err)
		err = exo_end_open(out, ring[to][0]);
	for (int i = 0; i < RINGS;
		i++) { /* the others are not ours: their owners must be able to end */
		if (i != from)
			close(ring[i][1]);
		if (i != to)
			close(ring[i][0]);
	}
	return err;
}

static uint8_t pixel(uint32_t frame, uint32_t at)
{
	return (uint8_t)(at % WIDTH + at / WIDTH + frame);
}

/* Inverts in place. */
static int filter(void)
{
	struct fring_message m;
	struct exo_end in, out;
	struct fpool images;
	struct fpool_desc d;
	size_t bytes;
	void *map = exo_pool_map(pool, &bytes), *data;
	int err = take_ends(&in, TO_FILTER, &out, TO_VIEWER);

	if (err || !map || fpool_attach(&images, map, bytes))
		return 1;
	while (!(err = exo_end_recv(&in, &m, EXO_FOREVER))) {
		if (fpool_see(&images, &m, &d, &data))
			return 1;
		for (uint32_t i = 0; i < d.len_bytes; i++)
			((uint8_t *)data)[i] ^= 0xff;
		if (exo_end_send(&out, FRING_TYPE_BLOCK, 0, &d, sizeof(d), EXO_FOREVER))
			return 1;
	}
	return err == -EPIPE ? 0 : 1;
}

/* Looks at every pixel, and gives the block back. */
static int viewer(void)
{
	struct fring_message m;
	struct exo_end in, out;
	struct fpool images;
	struct fpool_desc d;
	size_t bytes;
	void *map = exo_pool_map(pool, &bytes), *data;
	uint32_t frame = 0, wrong = 0;
	int err = take_ends(&in, TO_VIEWER, &out, TO_CAMERA);

	if (err || !map || fpool_attach(&images, map, bytes))
		return 1;
	while (!(err = exo_end_recv(&in, &m, EXO_FOREVER))) {
		if (fpool_see(&images, &m, &d, &data))
			return 1;
		for (uint32_t i = 0; i < IMAGE_BYTES; i++)
			wrong += ((uint8_t *)data)[i] != 255 - pixel(frame, i);
		frame++;
		if (exo_end_send(&out, FRING_TYPE_BLOCK, 0, &d, sizeof(d), EXO_FOREVER))
			return 1;
	}
	exo_print(STDOUT_FILENO, "the viewer saw %u images, %u wrong pixels\n", frame, wrong);
	return err == -EPIPE && frame == FRAMES && !wrong ? 0 : 1;
}

static int camera(void)
{
	struct fpool_entry entry[BLOCKS];
	struct fpool_owner images;
	struct fring_message m;
	struct exo_end in, out;
	struct fpool_desc d;
	uint32_t block, back = 0;
	size_t bytes;
	void *map = exo_pool_map(pool, &bytes), *data;

	if (take_ends(&in, TO_CAMERA, &out, TO_FILTER) || !map ||
		fpool_own(&images, map, bytes, entry, BLOCKS))
		return 1;
	for (uint32_t sent = 0; back < FRAMES;) {
		if (sent < FRAMES && !fpool_take(&images, &block)) {
			uint8_t *image = (uint8_t *)fpool_block(&images.pool, block);

			for (uint32_t i = 0; i < IMAGE_BYTES; i++)
				image[i] = pixel(sent, i);
			if (fpool_lend(&images, block, 0, IMAGE_BYTES, &d) ||
				exo_end_send(&out, FRING_TYPE_BLOCK, 0, &d, sizeof(d), EXO_FOREVER))
				return 1;
			sent++;
			continue;
		}
		if (exo_end_recv(&in, &m, EXO_FOREVER) || fpool_see(&images.pool, &m, &d, &data) ||
			fpool_back(&images, &d))
			return 1;
		back++;
	}
	exo_end_close(&out);
	close(ring[TO_FILTER][0]); /* the end of the film, for the filter, and so on */
	return 0;
}

int main(void)
{
	struct exo_ring_params params = {FRING_SPSC, 8, 0};
	int failed, status;
	pid_t child[2];

	pool = (int32_t)exo_pool_create(BLOCKS, IMAGE_BYTES, 0);
	if (pool < 0) {
		exo_print(STDERR_FILENO, "no pool: %s\n", exo_error_name(pool));
		return 1;
	}
	for (int i = 0; i < RINGS; i++)
		if (exo_ring_create(&params, sizeof(params), ring[i]))
			return 1;
	child[0] = fork();
	if (!child[0])
		_exit(filter());
	child[1] = fork();
	if (!child[1])
		_exit(viewer());
	failed = camera();
	for (int i = 0; i < 2; i++) {
		waitpid(child[i], &status, 0);
		failed |= status != 0;
	}
	if (!failed)
		exo_print(STDOUT_FILENO, "%d images of %d bytes through %d blocks, none copied\n",
			FRAMES, IMAGE_BYTES, BLOCKS);
	return failed;
}

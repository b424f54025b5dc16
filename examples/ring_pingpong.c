/* ring_pingpong - two processes play ball over a channel: two rings in memory that both see. The
 * kernel is entered to sleep and to wake, and not to move the ball. Tutorial:
 * docs/tutorials/ring_pingpong.md */
#include <sys/wait.h>
#include <stdlib.h>
#include <exo_ipc/exo_channel.h>
#include <exo_std/io.h>
#include <exo_std/time.h>

struct ball {
	uint64_t turn;
};
typedef EXO_CHANNEL(struct ball) ball_channel;

static int player(exo_cap_t cap)
{
	ball_channel c;
	struct ball b;
	int err = exo_open(&c, cap);

	while (!err && !(err = exo_recv(&c, &b, EXO_FOREVER))) {
		b.turn++;
		err = exo_send(&c, &b, EXO_FOREVER);
	}
	return err == -EPIPE ? 0 : 1; /* the other side has closed its end */
}

int main(int argc, char **argv)
{
	struct exo_ring_params params = {FRING_SPSC, 64, EXO_RING_DUPLEX};
	uint64_t rounds = argc > 1 ? strtoull(argv[1], NULL, 10) : 10000;
	struct ball b = {0};
	int32_t ends[2];
	ball_channel c;
	exo_ns_t begin;
	int status = -1;
	long err = exo_ring_create(&params, sizeof(params), ends);
	pid_t child;

	if (err) {
		exo_print(STDERR_FILENO, "no ring: %s\n", exo_error_name(err));
		return 1;
	}
	child = fork();
	if (!child) {
		close(ends[0]); /* as long as anybody holds an end, it is not gone */
		_exit(player(ends[1]));
	}
	close(ends[1]);
	err = exo_open(&c, ends[0]);
	begin = exo_now_ns();
	for (uint64_t i = 0; i < rounds && !err; i++) {
		err = exo_send(&c, &b, EXO_FOREVER);
		if (!err)
			err = exo_recv(&c, &b, EXO_FOREVER);
		b.turn++;
	}
	begin = exo_now_ns() - begin;
	exo_close(&c);
	close(ends[0]);
	waitpid(child, &status, 0);
	if (err || status || b.turn != rounds * 2) {
		exo_print(STDERR_FILENO, "the ball was lost: %s\n", exo_error_name(err));
		return 1;
	}
	exo_print(STDOUT_FILENO, "%llu round trips, the ball was hit %llu times\n",
		(unsigned long long)rounds, (unsigned long long)b.turn);
	exo_print(STDERR_FILENO, "%llu ns a round trip\n",
		(unsigned long long)(rounds ? begin / rounds : 0));
	return 0;
}

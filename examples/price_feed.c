/* price_feed - one writer, three readers, a broadcast ring. The writer never waits; who is too slow
 * is told how much it has missed. Tutorial: docs/tutorials/price_feed.md */
#include <sys/wait.h>
#include <exo_ipc/exo_channel.h>
#include <exo_std/io.h>
#include <exo_std/time.h>

enum { READERS = 3, PRICES = 5000 };

struct price {
	uint64_t number; /* 1 .. PRICES */
	char name[8];
	int64_t cents;
};
typedef EXO_CHANNEL(struct price) price_channel;

static int reader(exo_cap_t cap, int ready, bool slow)
{
	uint64_t got = 0, last = 0;
	price_channel c;
	struct price p;
	int err = exo_open(&c, cap);

	if (err || exo_write_all(ready, "r", 1))
		return 1;
	while (!(err = exo_recv(&c, &p, EXO_FOREVER))) {
		if (p.number <= last || p.cents != 10000 + (int64_t)(p.number % 100))
			return 1;
		last = p.number;
		got++;
		if (slow && got % 50 == 0)
			exo_sleep_until(exo_after_ns(2 * EXO_NS_PER_MS));
	}
	if (err != -EPIPE || got + c.end.rx.missed != PRICES)
		return 1;
	exo_print(STDERR_FILENO, "%s reader: %llu seen, %llu missed\n", slow ? "slow" : "fast",
		(unsigned long long)got, (unsigned long long)c.end.rx.missed);
	return 0;
}

int main(void)
{
	struct exo_ring_params params = {FRING_BROADCAST, 256, 0};
	struct price p = {0, "EXO", 0};
	int failed = 0, status, ready[2];
	pid_t child[READERS];
	price_channel c;
	int32_t ends[2];
	char byte[READERS];
	long err = exo_ring_create(&params, sizeof(params), ends);

	if (err || pipe(ready)) {
		exo_print(STDERR_FILENO, "no ring: %s\n", exo_error_name(err));
		return 1;
	}
	for (int i = 0; i < READERS; i++) {
		child[i] = fork();
		if (child[i])
			continue;
		close(ends[0]);
		_exit(reader(ends[1], ready[1], i == READERS - 1));
	}
	close(ends[1]);
	close(ready[1]);
	if (exo_read_all(ready[0], byte, READERS) != READERS || exo_open(&c, ends[0]))
		return 1;
	for (p.number = 1; p.number <= PRICES; p.number++) {
		p.cents = 10000 + (int64_t)(p.number % 100);
		failed |= exo_send(&c, &p, EXO_NO_WAIT) != 0; /* never -EAGAIN */
		if (p.number % 100 == 0)
			exo_sleep_until(exo_after_ns(EXO_NS_PER_MS));
	}
	exo_close(&c);
	close(ends[0]);
	for (int i = 0; i < READERS; i++) {
		waitpid(child[i], &status, 0);
		failed |= status != 0;
	}
	if (!failed)
		exo_print(STDOUT_FILENO,
			"%d prices told; every reader can account for each of them\n", PRICES);
	return failed;
}

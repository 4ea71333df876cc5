// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0
/*
 * Events through the Dynamic Load Balancer with nothing but files: makes a
 * domain in configfs, maps the device file of its port, sends events to an
 * unordered queue and gets them back, sleeps until another process sends one
 * more, and removes the domain again. No library; what is not in the C library
 * is in this file.
 *
 *	cc -O2 -o dlb-echo dlb-echo.c
 *	./dlb-echo		(as root, with the module dlb loaded)
 *
 * Documentation/misc-devices/dlb.rst explains all that happens here.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <emmintrin.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define CONFIG	"/sys/kernel/config/dlb"
#define DOMAIN	"echo-example"
#define DEPTH	64
#define EVENTS	1000

/* Commands: bits 63:56 of the second word of an element. */
#define CMD_TOKENS	(1ULL << 56)	/* give places of the ring back */
#define CMD_RELEASE	(2ULL << 56)	/* done with the oldest event */
#define CMD_ARM		(5ULL << 56)	/* interrupt me at the next event */
#define CMD_NEW		(8ULL << 56)	/* an event */

/* The rest of the second word of an event. */
#define QUEUE(id)	((uint64_t)(id) << 16)
#define UNORDERED	(1ULL << 24)

/* Entries of the ring are 64 bytes apart. The device writes word 1 last. */
#define GENERATION	(1ULL << 56)
struct entry {
	uint64_t data;
	uint64_t state;
	uint64_t pad[6];
};

static int made;	/* whether there is a domain to remove */

static void cleanup(void);

static void die(const char *what)
{
	fprintf(stderr, "dlb-echo: %s: %s\n", what, strerror(errno));
	cleanup();
	exit(1);
}

static int store(const char *file, const char *value)
{
	int fd = open(file, O_WRONLY);
	ssize_t len = strlen(value);
	int ok;

	if (fd < 0)
		return -1;
	ok = write(fd, value, len) == len;
	close(fd);
	return ok ? 0 : -1;
}

static void load(const char *file, char *value, size_t size)
{
	int fd = open(file, O_RDONLY);
	ssize_t len;

	if (fd < 0)
		die(file);
	len = read(fd, value, size - 1);
	if (len < 0)
		die(file);
	close(fd);
	value[len] = 0;
	value[strcspn(value, "\n")] = 0;
}

static void cleanup(void)
{
	if (!made)
		return;
	made = 0;
	store(CONFIG "/" DOMAIN "/enable", "0\n");
	rmdir(CONFIG "/" DOMAIN "/ldb_ports/port");
	rmdir(CONFIG "/" DOMAIN "/ldb_queues/queue");
	rmdir(CONFIG "/" DOMAIN);
}

static void configure(void)
{
	char why[256];

	if (mkdir(CONFIG "/" DOMAIN, 0755))
		die("mkdir " CONFIG "/" DOMAIN);
	made = 1;
	if (mkdir(CONFIG "/" DOMAIN "/ldb_queues/queue", 0755) ||
	    mkdir(CONFIG "/" DOMAIN "/ldb_ports/port", 0755))
		die("mkdir in " CONFIG "/" DOMAIN);
	if (store(CONFIG "/" DOMAIN "/ldb_ports/port/cq_depth", "64\n") ||
	    store(CONFIG "/" DOMAIN "/ldb_ports/port/links", "queue:0\n"))
		die("describing the port");
	if (store(CONFIG "/" DOMAIN "/enable", "1\n")) {
		int saved = errno;

		load(CONFIG "/" DOMAIN "/error", why, sizeof(why));
		errno = saved;
		die(why);
	}
}

/* The device file: /dev/dlb<N>/<domain>/<port>, with the numbers in dev. */
static int open_port(void)
{
	unsigned int maj, min;
	char dev[32];
	struct dirent *d;
	struct stat st;
	DIR *dir;
	int fd = -1;

	load(CONFIG "/" DOMAIN "/ldb_ports/port/dev", dev, sizeof(dev));
	if (sscanf(dev, "%u:%u", &maj, &min) != 2) {
		errno = ENODEV;
		die("the port has no device file");
	}
	dir = opendir("/dev");
	if (!dir)
		die("/dev");
	while (fd < 0 && (d = readdir(dir))) {
		char file[sizeof(d->d_name) + sizeof("/dev//" DOMAIN "/port")];

		snprintf(file, sizeof(file), "/dev/%s/" DOMAIN "/port", d->d_name);
		if (!strncmp(d->d_name, "dlb", 3) && !stat(file, &st) &&
		    st.st_rdev == makedev(maj, min))
			fd = open(file, O_RDWR | O_CLOEXEC);
	}
	if (fd < 0)
		die("opening the port");
	/* A port has one user at a time, and this is how users tell each other. */
	if (flock(fd, LOCK_EX | LOCK_NB))
		die("locking the port");
	closedir(dir);
	return fd;
}

/* One 16-byte store to the start of the page is one command. */
static void put(__m128i *page, uint64_t word0, uint64_t word1)
{
	_mm_sfence();
	_mm_stream_si128(page, _mm_set_epi64x(word1, word0));
	_mm_sfence();
}

/* Whether the device has written this entry. Word 0 must not be read before. */
static int arrived(const struct entry *entry, uint64_t generation)
{
	uint64_t state = __atomic_load_n(&entry->state, __ATOMIC_ACQUIRE);

	return (state & GENERATION) == generation;
}

static __m128i *map_page(int fd)
{
	__m128i *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (page == MAP_FAILED)
		die("mapping the producer page");
	return page;
}

/*
 * What fork() makes does not have the mappings; it makes its own. Two processes
 * can send through one port if they take turns, as these two do.
 */
static pid_t send_later(int fd, uint64_t data, uint64_t what)
{
	pid_t child = fork();

	if (child)
		return child;
	made = 0;	/* that is for the parent to remove */
	usleep(200000);
	put(map_page(fd), data, what);
	_exit(0);
}

int main(void)
{
	unsigned int next = 0, sent = 0, back = 0, sleeps = 0;
	uint64_t generation = GENERATION, sum = 0, what;
	struct pollfd pfd = { .events = POLLIN };
	pid_t child = 0;
	struct entry *ring;
	__m128i *page;
	char id[16];

	configure();
	load(CONFIG "/" DOMAIN "/ldb_queues/queue/id", id, sizeof(id));
	what = CMD_NEW | UNORDERED | QUEUE(atoi(id));
	pfd.fd = open_port();
	page = map_page(pfd.fd);
	ring = mmap(NULL, DEPTH * sizeof(*ring), PROT_READ, MAP_SHARED, pfd.fd, 4096);
	if (ring == MAP_FAILED)
		die("mapping the consumer queue");

	while (back < EVENTS) {
		uint32_t count;

		/* At most as many under way as there are places in the ring. */
		while (sent < EVENTS - 1 && sent - back < DEPTH)
			put(page, sent++, what);

		/* The generation turns whenever the ring starts over. */
		if (!arrived(&ring[next], generation)) {
			put(page, 0, CMD_ARM);
			/* It may have come before the device was told. */
			if (arrived(&ring[next], generation))
				continue;
			/* The last one comes from elsewhere, after all this. */
			if (back == EVENTS - 1 && !child) {
				child = send_later(pfd.fd, sent++, what);
				if (child < 0)
					die("fork");
			}
			if (poll(&pfd, 1, 10000) != 1) {
				errno = ETIMEDOUT;
				die("waiting for an event");
			}
			if (read(pfd.fd, &count, sizeof(count)) != sizeof(count))
				die("reading the count of interrupts");
			sleeps++;
			continue;
		}
		sum += ring[next].data;
		back++;
		if (++next == DEPTH) {
			next = 0;
			generation ^= GENERATION;
		}
		put(page, 0, CMD_RELEASE);
		/* Bits 47:32 are the number of tokens, less one. */
		put(page, 0, CMD_TOKENS);
	}
	waitpid(child, NULL, 0);
	cleanup();
	if (sum != (uint64_t)EVENTS * (EVENTS - 1) / 2) {
		fprintf(stderr, "dlb-echo: the events came back damaged\n");
		return 1;
	}
	if (!sleeps) {
		fprintf(stderr, "dlb-echo: the last event came without an interrupt\n");
		return 1;
	}
	printf("%u events there and back, %u times asleep\n", back, sleeps);
	return 0;
}

// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0
/*
 * Events through the Dynamic Load Balancer with nothing but files: makes a
 * domain in configfs, maps the device file of its port, sends events to an
 * unordered queue, gets them back, sleeps until the last one, and removes the
 * domain again. No library; what is not in the C library is in this file.
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
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
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

__attribute__((format(printf, 1, 2)))
static char *path(const char *format, ...)
{
	static char buf[512];
	va_list args;

	va_start(args, format);
	vsnprintf(buf, sizeof(buf), format, args);
	va_end(args);
	return buf;
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
		char *file = path("/dev/%s/" DOMAIN "/port", d->d_name);

		if (!strncmp(d->d_name, "dlb", 3) && !stat(file, &st) &&
		    st.st_rdev == makedev(maj, min))
			fd = open(file, O_RDWR | O_CLOEXEC);
	}
	if (fd < 0)
		die("opening the port");
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

int main(void)
{
	unsigned int next = 0, sent = 0, back = 0, sleeps = 0;
	uint64_t generation = GENERATION, sum = 0;
	struct pollfd pfd = { .events = POLLIN };
	struct entry *ring;
	__m128i *page;
	char id[16];
	int queue;

	configure();
	load(CONFIG "/" DOMAIN "/ldb_queues/queue/id", id, sizeof(id));
	queue = atoi(id);
	pfd.fd = open_port();

	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, pfd.fd, 0);
	ring = mmap(NULL, DEPTH * sizeof(*ring), PROT_READ, MAP_SHARED, pfd.fd, 4096);
	if (page == MAP_FAILED || ring == MAP_FAILED)
		die("mapping the port");

	while (back < EVENTS) {
		uint32_t count;

		/* At most as many under way as there are places in the ring. */
		while (sent < EVENTS && sent - back < DEPTH)
			put(page, sent++, CMD_NEW | UNORDERED | QUEUE(queue));

		/* The generation turns whenever the ring starts over. */
		if (!arrived(&ring[next], generation)) {
			put(page, 0, CMD_ARM);
			/* It may have come before the device was told. */
			if (arrived(&ring[next], generation))
				continue;
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
	cleanup();
	if (sum != (uint64_t)EVENTS * (EVENTS - 1) / 2) {
		fprintf(stderr, "dlb-echo: the events came back damaged\n");
		return 1;
	}
	printf("%u events there and back, %u times asleep\n", back, sleeps);
	return 0;
}

/* The clients of the benchmark: send one request again and again over so many connections, and time it.
 *
 *   load PORT CONNECTIONS REQUESTS REQUEST-FILE
 *
 * Prints {"seconds": …, "requests": …, "failed": …}; what is no 2xx, or ends early, has failed.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER = 65536, EVENTS = 256, BLOCK = 1 << 20 };

struct client {
    int fd;
    size_t sent, held;
    char answer[ANSWER];
};

static const char *request;
static size_t length;
static int epoll, started, finished, failed, wanted;
static struct sockaddr_in address = {.sin_family = AF_INET};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void watch(struct client *client, int operation) {
    struct epoll_event event = {.events = EPOLLIN | (client->sent < length ? EPOLLOUT : 0), .data.ptr = client};
    epoll_ctl(epoll, operation, client->fd, &event);
}

static void open_connection(struct client *client) {
    int on = 1;
    client->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(client->fd, (struct sockaddr *)&address, sizeof address)) perror("connect"), exit(1);
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(client->fd, F_SETFL, O_NONBLOCK);
    client->sent = client->held = 0;
    watch(client, EPOLL_CTL_ADD);
}

/* 1: the answer is whole; 0: not yet; -1: it will never be, or the connection has to be closed after it. */
static int whole(struct client *client) {
    client->answer[client->held] = 0;
    char *end = strstr(client->answer, "\r\n\r\n");
    if (!end) return client->held < ANSWER - 1 ? 0 : -1;
    char *stated = strcasestr(client->answer, "\r\ncontent-length:");
    if (!stated || stated > end) return -1;
    return client->held >= (size_t)(end + 4 - client->answer) + strtoull(stated + 17, NULL, 10);
}

static void next_request(struct client *client, int again) {
    if (started == wanted) {
        close(client->fd);
        return;
    }
    started++;
    if (again) {
        client->sent = client->held = 0;
        watch(client, EPOLL_CTL_MOD);
    } else {
        open_connection(client);
    }
}

static void end_request(struct client *client, int good) {
    finished++;
    int closes = strcasestr(client->answer, "\r\nconnection: close") != NULL;
    if (!good || strncmp(client->answer, "HTTP/1.1 2", 10)) {
        if (!failed++) fprintf(stderr, "%.400s\n", client->answer);
    }
    if (!good || closes || client->sent < length) {
        close(client->fd);
        next_request(client, 0);
    } else {
        next_request(client, 1);
    }
}

static void ready(struct client *client, unsigned events) {
    if (events & EPOLLIN || events & (EPOLLHUP | EPOLLERR)) {
        ssize_t count = recv(client->fd, client->answer + client->held, ANSWER - 1 - client->held, 0);
        if (count <= 0) {
            if (count < 0 && errno == EAGAIN) return;
            client->answer[client->held] = 0;
            end_request(client, 0);
            return;
        }
        client->held += count;
        int done = whole(client);
        if (done) {
            end_request(client, done > 0);
            return;
        }
    }
    while (events & EPOLLOUT && client->sent < length) {
        size_t most = length - client->sent < BLOCK ? length - client->sent : BLOCK;
        ssize_t count = send(client->fd, request + client->sent, most, MSG_NOSIGNAL);
        if (count < 0) break; /* full, or the answer is being given early and is read next */
        client->sent += count;
        if (client->sent == length) watch(client, EPOLL_CTL_MOD);
    }
}

int main(int argc, char **argv) {
    if (argc != 5) return fputs("load PORT CONNECTIONS REQUESTS REQUEST-FILE\n", stderr), 2;
    int connections = atoi(argv[2]);
    wanted = atoi(argv[3]);
    address.sin_port = htons(atoi(argv[1]));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int file = open(argv[4], O_RDONLY);
    struct stat about;
    if (file < 0 || fstat(file, &about)) return perror(argv[4]), 1;
    length = about.st_size;
    request = mmap(NULL, length, PROT_READ, MAP_SHARED | MAP_POPULATE, file, 0);
    if (request == MAP_FAILED) return perror("mmap"), 1;

    epoll = epoll_create1(0);
    struct client *clients = calloc(connections, sizeof *clients);
    struct epoll_event events[EVENTS];
    double began = now();
    for (int i = 0; i < connections; i++) next_request(&clients[i], 0);
    while (finished < wanted) {
        int count = epoll_wait(epoll, events, EVENTS, 60000);
        if (!count) return fputs("nothing moved for a minute\n", stderr), 1;
        for (int i = 0; i < count; i++) ready(events[i].data.ptr, events[i].events);
    }
    printf("{\"seconds\": %.6f, \"requests\": %d, \"failed\": %d}\n", now() - began, finished, failed);
    return 0;
}

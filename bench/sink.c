/* The provider of the benchmark: reads any request, drops its body without copying it, and answers 200 with one body.
 *
 *   sink PORT REPLY-FILE
 *
 * `GET /_first` tells when the body of the last other request began to arrive, in seconds of the monotonic clock.
 * One thread, epoll; bodies need a Content-Length. What it measures others with has to cost next to nothing itself.
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
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HEAD = 16384, EVENTS = 256 };

struct peer {
    int fd;
    size_t held;             /* bytes in `head` */
    unsigned long long left; /* of the body; the head is being read where `in_body` is 0 */
    int in_body, asks_first;
    char head[HEAD];
};

static char reply[65536];
static size_t reply_length;
static double first_byte;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static int answer(struct peer *peer) {
    char text[256];
    const char *out = reply;
    size_t length = reply_length;
    if (peer->asks_first) {
        char body[64];
        int size = snprintf(body, sizeof body, "{\"first\": %.6f}\n", first_byte);
        length = snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", size, body);
        out = text;
    }
    return send(peer->fd, out, length, MSG_NOSIGNAL) == (ssize_t)length;
}

/* Take what is in `head` as far as it goes; 0 where the connection cannot go on. */
static int advance(struct peer *peer) {
    for (;;) {
        if (!peer->in_body) {
            char *end = memmem(peer->head, peer->held, "\r\n\r\n", 4);
            if (!end) return peer->held < HEAD;
            *end = 0;
            char *length = strcasestr(peer->head, "\r\ncontent-length:");
            peer->left = length ? strtoull(length + 17, NULL, 10) : 0;
            peer->asks_first = !strncmp(peer->head, "GET /_first", 11);
            if (!peer->asks_first) first_byte = 0;
            peer->in_body = 1;
            peer->held -= end + 4 - peer->head;
            memmove(peer->head, end + 4, peer->held);
        }
        size_t taken = peer->held < peer->left ? peer->held : peer->left;
        if (taken && !first_byte) first_byte = now();
        peer->left -= taken;
        peer->held -= taken;
        memmove(peer->head, peer->head + taken, peer->held);
        if (peer->left) return 1;
        if (!answer(peer)) return 0;
        peer->in_body = 0;
        if (!peer->held) return 1;
    }
}

static int readable(struct peer *peer) {
    for (;;) {
        ssize_t count;
        if (peer->in_body && peer->left) {
            size_t most = peer->left < (64u << 20) ? peer->left : (64u << 20);
            count = recv(peer->fd, NULL, most, MSG_TRUNC | MSG_DONTWAIT);
            if (count > 0) {
                if (!first_byte) first_byte = now();
                peer->left -= count;
                if (!peer->left && !advance(peer)) return 0;
                continue;
            }
        } else {
            count = recv(peer->fd, peer->head + peer->held, HEAD - peer->held, MSG_DONTWAIT);
            if (count > 0) {
                peer->held += count;
                if (!advance(peer)) return 0;
                continue;
            }
        }
        return count < 0 && (errno == EAGAIN || errno == EINTR);
    }
}

int main(int argc, char **argv) {
    if (argc != 3) return fputs("sink PORT REPLY-FILE\n", stderr), 2;
    static char body[32768];
    FILE *file = fopen(argv[2], "r");
    if (!file) return perror(argv[2]), 1;
    size_t size = fread(body, 1, sizeof body, file);
    reply_length = snprintf(reply, sizeof reply, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%.*s", size, (int)size, body);

    int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) return perror("listen"), 1;
    int epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN}, events[EVENTS];
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int count = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            struct peer *peer = events[i].data.ptr;
            if (peer) {
                if (!readable(peer)) {
                    close(peer->fd);
                    free(peer);
                }
                continue;
            }
            int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
            if (fd < 0) continue;
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            peer = calloc(1, sizeof *peer);
            peer->fd = fd;
            event.data.ptr = peer;
            epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
        }
    }
}

#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    READ_BYTES = 1 << 16,
    OUT_MOST = 1 << 20, /* a client that does not fetch its replies is not listened to past that */
    NAME_BYTES = USBIP_HOST_CHARS + USBIP_PORT_CHARS + 2,
    POLL_STOP = 0,
    POLL_LISTENER = 1,
    POLL_CLIENTS = 2 /* places in the list of what is polled */
};

static const usb_time SLICE = 500 * (usb_time)1000000000; /* of bus time at once: some ten milliseconds here */

struct client {
    bool open;
    int socket;
    char name[NAME_BYTES];
    double since, moved; /* seconds: when it came, and when a byte last moved */
    struct usbip_session session;
};

struct usbip_server {
    struct usbip_rack *rack;
    int listener;
    struct client clients[USBIP_CLIENTS_MOST];
    struct pollfd polled[POLL_CLIENTS + USBIP_CLIENTS_MOST];
    uint8_t bytes[READ_BYTES];
};

/* ---- clients ---- */

static void drop(struct client *client)
{
    usbip_session_close(&client->session);
    close(client->socket);
    client->open = false;
}

/* "address port" of the other end, or of this one. */
static void name_of(const struct sockaddr *address, socklen_t size, char host[USBIP_HOST_CHARS],
                    char port[USBIP_PORT_CHARS])
{
    if (getnameinfo(address, size, host, USBIP_HOST_CHARS, port, USBIP_PORT_CHARS, NI_NUMERICHOST | NI_NUMERICSERV) !=
        0) {
        strcpy(host, "?");
        strcpy(port, "?");
    }
}

/* A client whose computer has vanished is noticed after two minutes: else it would keep its board. */
static bool set_up(int socket)
{
    static const struct {
        int level, name, value;
    } wanted[] = {
        {IPPROTO_TCP, TCP_NODELAY, 1},    {SOL_SOCKET, SO_KEEPALIVE, 1}, {IPPROTO_TCP, TCP_KEEPIDLE, 60},
        {IPPROTO_TCP, TCP_KEEPINTVL, 10}, {IPPROTO_TCP, TCP_KEEPCNT, 6},
    };
    bool good = fcntl(socket, F_SETFL, O_NONBLOCK) == 0 && fcntl(socket, F_SETFD, FD_CLOEXEC) == 0;
    for (size_t n = 0; n < sizeof wanted / sizeof *wanted; n++)
        good = good && setsockopt(socket, wanted[n].level, wanted[n].name, &wanted[n].value, sizeof(int)) == 0;
    return good;
}

static bool asks(const struct client *client)
{
    return client->session.stage == USBIP_STAGE_OPERATION || client->session.stage == USBIP_STAGE_IMPORT;
}

/* A place for one more client. If there is none, whoever has been asking for longest without having asked for anything
 * makes room: a crowd that says nothing keeps nobody out. @return NULL if nobody can be sent away */
static struct client *make_room(struct usbip_server *server)
{
    struct client *oldest = NULL;
    for (struct client *client = server->clients; client < server->clients + USBIP_CLIENTS_MOST; client++) {
        if (!client->open)
            return client;
        if (asks(client) && (!oldest || client->since < oldest->since))
            oldest = client;
    }
    if (oldest) {
        usbip_note(&server->rack->notes, oldest->name, "closed: it has asked for nothing, and others come");
        drop(oldest);
    }
    return oldest;
}

static void welcome(struct usbip_server *server)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    char host[USBIP_HOST_CHARS], port[USBIP_PORT_CHARS];
    const int socket = accept(server->listener, (struct sockaddr *)&address, &size);
    if (socket < 0)
        return; /* it has gone again; or there are no descriptors, and it waits */
    struct client *client = make_room(server);
    name_of((struct sockaddr *)&address, size, host, port);
    if (!client || !set_up(socket)) {
        usbip_note(&server->rack->notes, host, "refused: %s", client ? strerror(errno) : "there are too many clients");
        close(socket);
        return;
    }
    const double now = usbip_now();
    *client = (struct client){.open = true, .socket = socket, .since = now, .moved = now};
    snprintf(client->name, sizeof client->name, "%s port %s", host, port);
    usbip_session_open(&client->session, server->rack, client->name);
}

static bool passing(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static void listen_to(struct usbip_server *server, struct client *client)
{
    const ssize_t size = recv(client->socket, server->bytes, sizeof server->bytes, 0);
    if (size > 0) {
        client->moved = usbip_now();
        usbip_session_take(&client->session, server->bytes, (size_t)size);
    } else if (size == 0 || !passing()) {
        if (usbip_session_expects(&client->session))
            usbip_note(&server->rack->notes, client->name, "closed: it left in the middle of a message");
        drop(client);
    }
}

static void speak_to(struct client *client)
{
    struct usbip_session *session = &client->session;
    while (session->out_begin < session->out_end) {
        const ssize_t size = send(client->socket, session->out + session->out_begin,
                                  session->out_end - session->out_begin, MSG_NOSIGNAL);
        if (size < 0) {
            if (!passing())
                drop(client);
            return;
        }
        session->out_begin += (size_t)size;
        client->moved = usbip_now();
    }
    if (session->stage == USBIP_STAGE_OVER)
        drop(client);
}

static size_t owed(const struct client *client)
{
    return client->session.out_end - client->session.out_begin;
}

/* When a client is given up, in seconds; infinity for one that keeps nobody waiting. */
static double patience_ends(const struct client *client)
{
    if (asks(client))
        return client->since + USBIP_ASK_SECONDS;
    return usbip_session_expects(&client->session) || owed(client) > 0 ? client->moved + USBIP_STUCK_SECONDS : INFINITY;
}

static void give_up_the_stuck(struct usbip_server *server)
{
    const double now = usbip_now();
    for (struct client *client = server->clients; client < server->clients + USBIP_CLIENTS_MOST; client++)
        if (client->open && now >= patience_ends(client)) {
            usbip_note(&server->rack->notes, client->name, "closed: it neither sends nor takes what it has begun");
            drop(client);
        }
}

/* ---- the loop ---- */

/* How long poll may wait, in milliseconds: not at all while a board is awake, for ever if nobody is to be given up. */
static int waiting_time(const struct usbip_server *server)
{
    double soonest = INFINITY;
    for (unsigned n = 0; n < server->rack->count; n++)
        if (usb_port_awake(&server->rack->boards[n].port))
            return 0;
    for (const struct client *client = server->clients; client < server->clients + USBIP_CLIENTS_MOST; client++)
        if (client->open)
            soonest = fmin(soonest, patience_ends(client));
    return soonest == INFINITY ? -1 : (int)(1000 * fmax(soonest - usbip_now(), 0)) + 1;
}

static short interest(const struct client *client)
{
    const bool listening = client->session.stage != USBIP_STAGE_OVER && owed(client) < OUT_MOST;
    return (short)((listening ? POLLIN : 0) | (owed(client) > 0 ? POLLOUT : 0));
}

static void serve_clients(struct usbip_server *server)
{
    for (unsigned n = 0; n < USBIP_CLIENTS_MOST; n++) {
        struct client *client = &server->clients[n];
        const struct pollfd *polled = &server->polled[POLL_CLIENTS + n];
        if (!client->open || polled->fd < 0)
            continue;
        if (polled->revents & (POLLERR | POLLNVAL))
            drop(client);
        else if (polled->revents & (POLLIN | POLLHUP))
            listen_to(server, client);
    }
}

static void let_time_pass(struct usbip_server *server)
{
    for (unsigned n = 0; n < server->rack->count; n++) {
        struct usb_port *port = &server->rack->boards[n].port;
        if (usb_port_awake(port))
            usb_port_advance(port, SLICE);
    }
    for (struct client *client = server->clients; client < server->clients + USBIP_CLIENTS_MOST; client++)
        if (client->open) {
            usbip_session_collect(&client->session);
            speak_to(client);
        }
}

bool usbip_server_run(struct usbip_server *server, int stop)
{
    struct pollfd *polled = server->polled;
    polled[POLL_STOP] = (struct pollfd){.fd = stop, .events = POLLIN};
    polled[POLL_LISTENER] = (struct pollfd){.fd = server->listener, .events = POLLIN};
    for (;;) {
        for (unsigned n = 0; n < USBIP_CLIENTS_MOST; n++) {
            const struct client *client = &server->clients[n];
            polled[POLL_CLIENTS + n] = (struct pollfd){.fd = -1};
            if (client->open)
                polled[POLL_CLIENTS + n] = (struct pollfd){.fd = client->socket, .events = interest(client)};
        }
        if (poll(polled, POLL_CLIENTS + USBIP_CLIENTS_MOST, waiting_time(server)) < 0 && errno != EINTR)
            return false;
        if (polled[POLL_STOP].revents)
            return true;
        serve_clients(server);
        if (polled[POLL_LISTENER].revents)
            welcome(server);
        let_time_pass(server);
        give_up_the_stuck(server);
    }
}

/* ---- opening ---- */

/* @return a listening socket, or -1 */
static int listen_at(const struct addrinfo *place)
{
    const int on = 1;
    const int listener = socket(place->ai_family, SOCK_STREAM, 0);
    if (listener < 0)
        return -1;
    if (setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        fcntl(listener, F_SETFL, O_NONBLOCK) == 0 && fcntl(listener, F_SETFD, FD_CLOEXEC) == 0 &&
        bind(listener, place->ai_addr, place->ai_addrlen) == 0 && listen(listener, USBIP_CLIENTS_MOST) == 0)
        return listener;
    const int reason = errno;
    close(listener);
    errno = reason;
    return -1;
}

struct usbip_server *usbip_server_open(struct usbip_rack *rack, const char *address, const char *port, const char **why)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo *places;
    struct usbip_server *server = calloc(1, sizeof *server);
    const int fault = getaddrinfo(address, port, &hints, &places);
    *why = server ? NULL : strerror(ENOMEM);
    if (fault != 0) {
        *why = gai_strerror(fault);
    } else {
        if (server && (server->listener = listen_at(places)) < 0)
            *why = strerror(errno);
        freeaddrinfo(places);
    }
    if (*why) {
        free(server);
        return NULL;
    }
    server->rack = rack;
    return server;
}

void usbip_server_close(struct usbip_server *server)
{
    for (struct client *client = server->clients; client < server->clients + USBIP_CLIENTS_MOST; client++)
        if (client->open)
            drop(client);
    close(server->listener);
    free(server);
}

void usbip_server_address(const struct usbip_server *server, char address[USBIP_HOST_CHARS],
                          char port[USBIP_PORT_CHARS])
{
    struct sockaddr_storage place = {0};
    socklen_t size = sizeof place;
    getsockname(server->listener, (struct sockaddr *)&place, &size);
    name_of((struct sockaddr *)&place, size, address, port);
}

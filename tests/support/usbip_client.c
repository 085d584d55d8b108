#include "support/usbip_client.h"
#include "support/support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WAIT_MILLISECONDS = 60000, PATH_ROOM = 4096, DIRECTION_IN = 1 };

/* ---- the server ---- */

const char *usbip_program(void)
{
    static char path[PATH_ROOM];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 32);
    ck_assert(length > 0);
    path[length] = '\0';
    dirname(dirname(path));
    strcat(path, "/espalier-sim");
    return path;
}

void usbip_process_start(struct usbip_process *process, unsigned boards)
{
    int out[2];
    char count[16], line[4096] = "";
    const char *errors = test_path(3, "usbip.err");
    memset(process, 0, sizeof *process);
    snprintf(count, sizeof count, "%u", boards);
    ck_assert_int_eq(pipe(out), 0);
    process->pid = fork();
    ck_assert_int_ge(process->pid, 0);
    if (process->pid == 0) {
        dup2(out[1], STDOUT_FILENO);
        close(out[0]);
        close(out[1]);
        if (freopen(errors, "w", stderr))
            execl(usbip_program(), "espalier-sim", "--usbip", "--port", "0", "--boards", count, "--json", (char *)NULL);
        _exit(127);
    }
    close(out[1]);
    FILE *file = fdopen(out[0], "r");
    ck_assert(file && fgets(line, sizeof line, file));
    fclose(file);
    const char *port = strstr(line, "\"port\":");
    ck_assert_msg(port && sscanf(port, "\"port\":%u", &process->port) == 1, "%s", line);
}

static void read_errors(struct usbip_process *process)
{
    FILE *file = fopen(test_path(3, "usbip.err"), "r");
    ck_assert(file);
    process->errors[fread(process->errors, 1, sizeof process->errors - 1, file)] = '\0';
    fclose(file);
}

void usbip_process_expect(struct usbip_process *process, const char *text)
{
    const struct timespec pause = {.tv_nsec = 10000000};
    for (unsigned n = 0; n < WAIT_MILLISECONDS / 10; n++) {
        read_errors(process);
        if (strstr(process->errors, text))
            return;
        nanosleep(&pause, NULL);
    }
    ck_abort_msg("it does not say \"%s\": %s", text, process->errors);
}

void usbip_process_end(struct usbip_process *process, int signal)
{
    int status;
    ck_assert_int_eq(kill(process->pid, signal), 0);
    ck_assert_int_eq(waitpid(process->pid, &status, 0), process->pid);
    read_errors(process);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the server ended with %#x: %s", (unsigned)status,
                  process->errors);
}

/* ---- bytes ---- */

static void put(uint8_t *at, uint64_t value, unsigned bytes)
{
    for (unsigned n = 0; n < bytes; n++)
        at[n] = (uint8_t)(value >> 8 * (bytes - 1 - n));
}

static uint32_t get(const uint8_t *at, unsigned bytes)
{
    uint32_t value = 0;
    for (unsigned n = 0; n < bytes; n++)
        value = value << 8 | at[n];
    return value;
}

struct usbip_client usbip_client_connect(const struct usbip_process *process)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)process->port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct usbip_client client = {.socket = socket(AF_INET, SOCK_STREAM, 0)};
    ck_assert_int_ge(client.socket, 0);
    ck_assert_msg(connect(client.socket, (const struct sockaddr *)&address, sizeof address) == 0, "%s",
                  strerror(errno));
    return client;
}

void usbip_client_close(struct usbip_client *client)
{
    close(client->socket);
    client->socket = -1;
}

void usbip_client_send(const struct usbip_client *client, const void *bytes, size_t size)
{
    for (size_t sent = 0; sent < size;) {
        const ssize_t piece = send(client->socket, (const uint8_t *)bytes + sent, size - sent, MSG_NOSIGNAL);
        if (piece < 0)
            return; /* the other end has closed: what is received will tell */
        sent += (size_t)piece;
    }
}

size_t usbip_client_receive(const struct usbip_client *client, void *bytes, size_t size)
{
    struct pollfd polled = {.fd = client->socket, .events = POLLIN};
    size_t have = 0;
    while (have < size) {
        ck_assert_msg(poll(&polled, 1, WAIT_MILLISECONDS) == 1, "no answer from the server");
        const ssize_t piece = recv(client->socket, (uint8_t *)bytes + have, size - have, 0);
        if (piece <= 0)
            break;
        have += (size_t)piece;
    }
    return have;
}

static void receive_all(const struct usbip_client *client, void *bytes, size_t size)
{
    const size_t have = usbip_client_receive(client, bytes, size);
    ck_assert_msg(have == size, "the server closed after %zu of %zu bytes", have, size);
}

/* ---- attaching ---- */

uint32_t usbip_client_import(struct usbip_client *client, const char *bus_id)
{
    uint8_t request[40] = {0}, reply[8 + 312];
    put(request, 0x0111, 2);
    put(request + 2, 0x8003, 2);
    memcpy(request + 8, bus_id, strlen(bus_id) < 32 ? strlen(bus_id) : 32);
    usbip_client_send(client, request, sizeof request);
    receive_all(client, reply, 8);
    ck_assert_uint_eq(get(reply, 2), 0x0111);
    ck_assert_uint_eq(get(reply + 2, 2), 0x0003);
    const uint32_t status = get(reply + 4, 4);
    if (status != 0)
        return status;
    receive_all(client, reply + 8, 312);
    ck_assert_str_eq((const char *)reply + 0x108, bus_id);
    client->device = get(reply + 0x128, 4) << 16 | get(reply + 0x12C, 4);
    ck_assert_uint_eq(get(reply + 0x130, 4), 2); /* full speed */
    return status;
}

struct usbip_client usbip_client_attach(const struct usbip_process *process, const char *bus_id)
{
    struct usbip_client client = usbip_client_connect(process);
    ck_assert_uint_eq(usbip_client_import(&client, bus_id), 0);
    return client;
}

/* ---- transfers ---- */

void usbip_client_encode(struct usbip_client *client, unsigned endpoint, bool in, uint32_t flags, uint32_t length,
                         const uint8_t setup[8], uint8_t bytes[48])
{
    memset(bytes, 0, 48);
    put(bytes, 1, 4);
    put(bytes + 4, ++client->sequence, 4);
    put(bytes + 8, client->device, 4);
    put(bytes + 12, in ? DIRECTION_IN : 0, 4);
    put(bytes + 16, endpoint, 4);
    put(bytes + 0x14, flags, 4);
    put(bytes + 0x18, length, 4);
    put(bytes + 0x20, client->packets, 4);
    if (setup)
        memcpy(bytes + 0x28, setup, 8);
}

uint32_t usbip_client_submit(struct usbip_client *client, unsigned endpoint, bool in, uint32_t flags, const void *data,
                             uint32_t length, const uint8_t setup[8])
{
    uint8_t bytes[48];
    usbip_client_encode(client, endpoint, in, flags, length, setup, bytes);
    usbip_client_send(client, bytes, sizeof bytes);
    if (!in)
        usbip_client_send(client, data, length);
    return client->sequence;
}

uint32_t usbip_client_unlink(struct usbip_client *client, uint32_t sequence)
{
    uint8_t bytes[48] = {0};
    put(bytes, 2, 4);
    put(bytes + 4, ++client->sequence, 4);
    put(bytes + 8, client->device, 4);
    put(bytes + 0x14, sequence, 4);
    usbip_client_send(client, bytes, sizeof bytes);
    return client->sequence;
}

void usbip_client_reply(const struct usbip_client *client, bool in, struct usbip_reply *reply)
{
    static const uint8_t zeros[12];
    uint8_t bytes[48];
    receive_all(client, bytes, sizeof bytes);
    reply->command = get(bytes, 4);
    reply->sequence = get(bytes + 4, 4);
    reply->status = (int32_t)get(bytes + 0x14, 4);
    reply->length = get(bytes + 0x18, 4);
    ck_assert_mem_eq(bytes + 8, zeros, 12); /* device, direction and endpoint are a client's */
    ck_assert_mem_eq(bytes + 0x24, zeros, 12);
    ck_assert_uint_eq(get(bytes + 0x1C, 4), 0);
    if (reply->command == 4) {
        ck_assert_uint_eq(reply->length, 0);
        ck_assert_uint_eq(get(bytes + 0x20, 4), 0);
        return;
    }
    ck_assert_uint_eq(reply->command, 3);
    ck_assert_uint_eq(get(bytes + 0x20, 4), client->packets);
    if (in) {
        ck_assert_uint_le(reply->length, CLIENT_REPLY_BYTES);
        receive_all(client, reply->data, reply->length);
    }
}

int usbip_client_control(struct usbip_client *client, uint8_t type, uint8_t request, uint16_t value, uint16_t index,
                         uint16_t length, uint8_t *data)
{
    static struct usbip_reply reply;
    const uint8_t setup[8] = {type,
                              request,
                              (uint8_t)value,
                              (uint8_t)(value >> 8),
                              (uint8_t)index,
                              (uint8_t)(index >> 8),
                              (uint8_t)length,
                              (uint8_t)(length >> 8)};
    const bool in = type & 0x80;
    const uint32_t sequence = usbip_client_submit(client, 0, in, 0, data, length, setup);
    usbip_client_reply(client, in, &reply);
    ck_assert_uint_eq(reply.command, 3);
    ck_assert_uint_eq(reply.sequence, sequence);
    ck_assert_uint_le(reply.length, length);
    if (reply.status != 0)
        return reply.status;
    if (in)
        memcpy(data, reply.data, reply.length);
    return (int)reply.length;
}

void usbip_client_configure(struct usbip_client *client)
{
    ck_assert_int_eq(usbip_client_control(client, 0x00, 9, 1, 0, 0, NULL), 0);
}

/* ---- a transport ---- */

enum { IN_FLIGHT = 4, IN_BYTES = 512, OUT_FLIGHT = 4, OUT_BYTES = 4096, HELD_BYTES = 1 << 16 };

struct link {
    struct usbip_client client;
    uint32_t outs[OUT_FLIGHT]; /* sequence numbers, 0 for none */
    uint8_t held[HELD_BYTES];  /* received and not yet asked for: [first, last) */
    size_t first, last;
    unsigned ins;
};

static void keep_listening(struct link *link)
{
    for (; link->ins < IN_FLIGHT && HELD_BYTES - link->last >= (link->ins + 1) * IN_BYTES; link->ins++)
        usbip_client_submit(&link->client, 1, true, 0, NULL, IN_BYTES, NULL);
}

/* Handles a reply: for an OUT it carries no data, though its length is told. */
static bool handle_reply(struct link *link)
{
    uint8_t bytes[48];
    if (usbip_client_receive(&link->client, bytes, sizeof bytes) != sizeof bytes)
        return false;
    const uint32_t length = get(bytes + 0x18, 4);
    if (get(bytes, 4) != 3 || get(bytes + 0x14, 4) != 0)
        return false;
    for (unsigned n = 0; n < OUT_FLIGHT; n++)
        if (link->outs[n] == get(bytes + 4, 4)) {
            link->outs[n] = 0;
            return true;
        }
    ck_assert_uint_le(length, IN_BYTES);
    link->ins--;
    receive_all(&link->client, link->held + link->last, length);
    link->last += length;
    return true;
}

static bool pending(const struct link *link)
{
    struct pollfd polled = {.fd = link->client.socket, .events = POLLIN};
    return poll(&polled, 1, 0) == 1;
}

static enum espalier_status link_send(void *context, const uint8_t *bytes, size_t size, size_t *sent)
{
    struct link *link = context;
    const uint32_t piece = size < OUT_BYTES ? (uint32_t)size : OUT_BYTES;
    unsigned place = 0;
    *sent = 0;
    keep_listening(link);
    while (place < OUT_FLIGHT && link->outs[place] != 0)
        place++;
    if (place == OUT_FLIGHT)
        return handle_reply(link) ? link_send(context, bytes, size, sent) : ESPALIER_ERR_IO;
    link->outs[place] = usbip_client_submit(&link->client, 1, false, 0, bytes, piece, NULL);
    *sent = piece;
    return ESPALIER_OK;
}

static enum espalier_status link_receive(void *context, uint8_t *bytes, size_t size, bool wait, size_t *received)
{
    struct link *link = context;
    keep_listening(link);
    while (link->first == link->last && (wait || pending(link)))
        if (!handle_reply(link))
            return ESPALIER_ERR_IO;
    const size_t there = link->last - link->first;
    *received = there < size ? there : size;
    memcpy(bytes, link->held + link->first, *received);
    link->first += *received;
    if (link->first == link->last)
        link->first = link->last = 0;
    return ESPALIER_OK;
}

static void link_close(void *context)
{
    struct link *link = context;
    usbip_client_close(&link->client);
    free(link);
}

struct espalier_transport usbip_client_transport(const struct usbip_client *client)
{
    struct link *link = calloc(1, sizeof *link);
    ck_assert(link);
    link->client = *client;
    return (struct espalier_transport){
        .context = link, .send = link_send, .receive = link_receive, .close = link_close};
}

/** A USB/IP client for tests, written from the kernel's description of the protocol and apart from the server: what
 * vhci_hcd and `usbip attach` do, and what they never would. What is not as the protocol says fails the test. */
#ifndef ESPALIER_TEST_USBIP_CLIENT_H
#define ESPALIER_TEST_USBIP_CLIENT_H

#include <espalier/device.h>

enum { CLIENT_REPLY_BYTES = 1 << 16 };

/** The path of espalier-sim, in the folder above this program's. */
const char *usbip_program(void);

/** A server of its own, in another process. */
struct usbip_process {
    int pid;
    unsigned port;
    char errors[1 << 17]; /**< what it has written on standard error, after usbip_process_end or _expect */
};

/** Starts build/espalier-sim --usbip --port 0 --json, and @p boards boards. */
void usbip_process_start(struct usbip_process *process, unsigned boards);
/** Ends it with a signal. It must have lived until then, leak nothing (where sanitizers look), and exit with 0. */
void usbip_process_end(struct usbip_process *process, int signal);
/** Waits until it has written @p text on standard error, for 60 seconds at the most. */
void usbip_process_expect(struct usbip_process *process, const char *text);

/** A connection. */
struct usbip_client {
    int socket;
    uint32_t device;   /**< its number in commands, once attached */
    uint32_t sequence; /**< of the last command */
    uint32_t packets;  /**< number_of_packets of what is not isochronous: 0 from Linux, all ones by its documentation */
};

/** What came back for a transfer or an unlink. */
struct usbip_reply {
    uint32_t command, sequence; /**< command 3 or 4 */
    int32_t status;
    uint32_t length; /**< actual_length; data are there for transfers that asked for bytes */
    uint8_t data[CLIENT_REPLY_BYTES];
};

struct usbip_client usbip_client_connect(const struct usbip_process *process);
void usbip_client_close(struct usbip_client *client);
/** Bytes as they are. */
void usbip_client_send(const struct usbip_client *client, const void *bytes, size_t size);
/** Waits for that many bytes, for 60 seconds at the most. @return how many came before the other end closed */
size_t usbip_client_receive(const struct usbip_client *client, void *bytes, size_t size);

/** OP_REQ_IMPORT. @return the status of the reply */
uint32_t usbip_client_import(struct usbip_client *client, const char *bus_id);
/** Connects and imports, or fails the test. */
struct usbip_client usbip_client_attach(const struct usbip_process *process, const char *bus_id);

/** The bytes of a USBIP_CMD_SUBMIT without its data, with the next sequence number. */
void usbip_client_encode(struct usbip_client *client, unsigned endpoint, bool in, uint32_t flags, uint32_t length,
                         const uint8_t setup[8], uint8_t bytes[48]);
/** USBIP_CMD_SUBMIT. @return its sequence number */
uint32_t usbip_client_submit(struct usbip_client *client, unsigned endpoint, bool in, uint32_t flags, const void *data,
                             uint32_t length, const uint8_t setup[8]);
uint32_t usbip_client_unlink(struct usbip_client *client, uint32_t sequence);
/** Waits for the next reply. @param in  whether transfers that are under way ask for bytes (their replies carry them)
 */
void usbip_client_reply(const struct usbip_client *client, bool in, struct usbip_reply *reply);

/** A control transfer alone. @return bytes, or a negative errno */
int usbip_client_control(struct usbip_client *client, uint8_t type, uint8_t request, uint16_t value, uint16_t index,
                         uint16_t length, uint8_t *data);
/** SET_CONFIGURATION(1), which must succeed. */
void usbip_client_configure(struct usbip_client *client);

/** The driver's link over a connection that is attached and configured, with transfers under way both ways. Its close
 * function closes the connection. */
struct espalier_transport usbip_client_transport(const struct usbip_client *client);

#endif

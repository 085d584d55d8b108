/* The host's end of the link: requests that arrive exactly once and in order, over a transport that may damage, lose
 * or delay bytes. Private to the library; rtl/frame/PROTOCOL.md is the protocol.
 *
 * All functions return ESPALIER_OK, what the transport failed with (ESPALIER_ERR_IO, ESPALIER_ERR_NO_DEVICE,
 * ESPALIER_ERR_CANCELLED), ESPALIER_ERR_DEVICE (the device refused:
 * the request was not carried out), or ESPALIER_ERR_TIMEOUT: nothing could be agreed with the device within a number of
 * attempts. When in_session has become false, only espalier_link_begin can follow. */
#ifndef ESPALIER_LINK_H
#define ESPALIER_LINK_H

#include "frame.h"

#include <espalier/device.h>

struct espalier_link {
    struct espalier_transport transport;
    struct espalier_frame_decoder decoder;
    struct espalier_frame frame; /**< the last one received */
    uint8_t sequence;            /**< of the next request that the device has not confirmed */
    bool in_session;
    bool run_ended; /**< the run that the last RUN started is over */
    uint8_t run_sequence, run_status;
    size_t babble; /**< bytes received since something was last sent */
};

/** Bytes of the questions that the link asks at the most of a device that has been silent, before it gives the session
 * up. */
enum { ESPALIER_LINK_ATTEMPTS = 8, ESPALIER_LINK_QUESTIONS = ESPALIER_LINK_ATTEMPTS * ESPALIER_FRAME_OVERHEAD };

/** Begins a session with HELLO (link->frame is then its answer) or RESET: what the device held is as PROTOCOL.md says.
 */
enum espalier_status espalier_link_begin(struct espalier_link *link, uint8_t type, struct espalier_error *error);

/** Sends one request and waits for its answer, which is then in link->frame.
 *  @param wants_data  the answer must be DATA; the request is one that may be carried out twice */
enum espalier_status espalier_link_ask(struct espalier_link *link, uint8_t type, const void *payload, size_t size,
                                       bool wants_data, struct espalier_error *error);

/** A sequence of requests, several of which are under way at a time. */
struct espalier_batch {
    size_t count;
    size_t window; /**< requests under way at the most; 0: as many as the link has by itself */
    /** Makes request @p index: sets type, size and payload. The same index gives the same request. */
    void (*make)(const void *context, size_t index, struct espalier_frame *request);
    const void *context;
    /** After damage, go on with the damaged request; else begin again with request 0: for requests that take
     *  effect before their checksum is known, wherever a damaged address may have sent them. */
    bool resumable;
    bool beside_run; /**< stop, successfully, when the run ends */
};

/** Sends requests @p first to the last of a batch (an index below @p first is sent only when the batch begins again).
 */
enum espalier_status espalier_link_send(struct espalier_link *link, const struct espalier_batch *batch, size_t first,
                                        struct espalier_error *error);

/** Waits until the run has ended; link->run_status tells how. */
enum espalier_status espalier_link_wait(struct espalier_link *link, struct espalier_error *error);

#endif

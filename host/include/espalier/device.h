/** A device behind a byte link: capability negotiation, fit check, loading, running, reading back. The same client
 * serves the simulated board and boards on USB (usb.h). Not thread-safe: one thread a device; several devices at once
 * are fine. */
#ifndef ESPALIER_DEVICE_H
#define ESPALIER_DEVICE_H

#include <espalier/model.h>
#include <espalier/protocol.h>

/** A byte link to a device. All functions return ESPALIER_OK, ESPALIER_ERR_IO or ESPALIER_ERR_TIMEOUT, and a link that
 * can, ESPALIER_ERR_NO_DEVICE or ESPALIER_ERR_CANCELLED: the client then gives up at once. */
struct espalier_transport {
    void *context;
    /** Sends up to @p size bytes, at least one unless the device is not ready within the link's patience; *sent
     * receives how many. */
    enum espalier_status (*send)(void *context, const uint8_t *bytes, size_t size, size_t *sent);
    /** Receives up to @p size bytes; with @p wait, waits for at least one within the link's patience, else returns at
     * once with *received = 0 if none is there. */
    enum espalier_status (*receive)(void *context, uint8_t *bytes, size_t size, bool wait, size_t *received);
    /** Closes the link and frees @p context. */
    void (*close)(void *context);
    /** Bytes that the device keeps while its core holds back, if nothing can stop the host meanwhile: beside a run, the
     * client then has no more under way. 0: the link has flow control. */
    size_t room;
};

/** What a device tells of itself, indexed by ESPALIER_CAPS_* of protocol.h. */
struct espalier_capabilities {
    uint32_t words[ESPALIER_CAPS_WORDS];
};

struct espalier_device;

/** Says HELLO and reads the capability descriptor. Takes over the transport: it is closed by espalier_device_close, and
 * on failure here. */
enum espalier_status espalier_device_open(const struct espalier_transport *transport, struct espalier_device **out,
                                          struct espalier_error *error);
void espalier_device_close(struct espalier_device *device);
const struct espalier_capabilities *espalier_device_capabilities(const struct espalier_device *device);

/** How a model lies in a device: memory layout, layer descriptors, resident or streamed weights. */
struct espalier_plan {
    uint32_t layer_count;
    uint16_t (*layers)[ESPALIER_LAYER_WORDS]; /**< [layer_count] layer descriptors */
    bool streamed;                            /**< the weight stream is larger than the weight memory */
    uint32_t input_base;                      /**< word address of the padded input image */
    uint32_t act_words;                       /**< activation words needed */
};

/** Lays a checked model out for a device in milliseconds, without one.
 *  @return ESPALIER_ERR_FIT with what does not fit, how much is there and how much is needed */
enum espalier_status espalier_plan_create(const struct espalier_model *model,
                                          const struct espalier_capabilities *capabilities, struct espalier_plan *out,
                                          struct espalier_error *error);
void espalier_plan_free(struct espalier_plan *plan);

/** Loads a model (plan, descriptors, resident weights). The device keeps a reference to @p model, which must outlive
 * its runs. */
enum espalier_status espalier_device_load(struct espalier_device *device, const struct espalier_model *model,
                                          struct espalier_error *error);

/** Classifies @p count images (1 to POSITIONS), one in each slot. @p pixels is [count][height][width];
 *  @p logits receives [count][rows * out_height * out_width] accumulators of the last layer
 *  (its activations if it is not raw). */
enum espalier_status espalier_device_run(struct espalier_device *device, const uint8_t *pixels, uint32_t count,
                                         int32_t *logits, struct espalier_error *error);

/** After a run: runs the first @p layers layers again on the same images and reads what the last of them gave:
 *  [count][rows][out_height][out_width]. For locating a divergence. */
enum espalier_status espalier_device_run_to(struct espalier_device *device, const uint8_t *pixels, uint32_t count,
                                            uint32_t layers, int8_t *activations, struct espalier_error *error);

/** The event counters of the last run and of the link, indexed by ESPALIER_COUNT_* of protocol.h. */
enum espalier_status espalier_device_counters(struct espalier_device *device, uint32_t counters[ESPALIER_COUNTERS],
                                              struct espalier_error *error);

#endif

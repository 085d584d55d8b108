/** A model, a batch of images, and what the reference engine makes of them: what a device must make of them too. */
#ifndef ESPALIER_TEST_TASK_H
#define ESPALIER_TEST_TASK_H

#include <espalier/device.h>
#include <espalier/engine.h>
#include <espalier/random.h>

struct task {
    struct espalier_model *model;
    struct espalier_engine *engine;
    uint32_t count;
    uint8_t *pixels; /**< [count][inputs] */
    int32_t *logits; /**< [count][outputs], the engine's */
    int32_t *given;  /**< the same, the device's */
    size_t inputs, outputs;
};

/** Values that a layer gives for an image. */
size_t task_outputs(const struct espalier_layer *layer);

/** Draws @p count images for @p model, which is taken over. */
struct task make_task(struct espalier_random *random, struct espalier_model *model, uint32_t count);
void free_task(struct task *task);

/** Runs the images on a device that has been loaded with the model. */
enum espalier_status run_task(struct espalier_device *device, struct task *task, struct espalier_error *error);
/** Fails the test if the device's logits differ from the engine's. */
void check_task(const struct task *task, const char *where);

#endif

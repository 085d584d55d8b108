#include "support/task.h"

#include "support/random_model.h"
#include "support/support.h"

#include <stdlib.h>
#include <string.h>

size_t task_outputs(const struct espalier_layer *layer)
{
    return (size_t)layer->rows * espalier_layer_out_height(layer) * espalier_layer_out_width(layer);
}

struct task make_task(struct espalier_random *random, struct espalier_model *model, uint32_t count)
{
    struct espalier_error error = {0};
    const struct espalier_layer *first = &model->layers[0];
    struct task task = {.model = model, .count = count};
    task.inputs = (size_t)first->in_channels * first->in_height * first->in_width;
    task.outputs = task_outputs(&model->layers[model->layer_count - 1]);
    task.pixels = malloc(count * task.inputs);
    task.logits = malloc(count * task.outputs * sizeof *task.logits);
    task.given = malloc(count * task.outputs * sizeof *task.given);
    ck_assert(task.pixels && task.logits && task.given);
    test_ok(espalier_engine_create(model, &task.engine, &error));
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *image = random_image(random, model);
        memcpy(task.pixels + i * task.inputs, image, task.inputs);
        free(image);
        espalier_engine_run(task.engine, task.pixels + i * task.inputs, task.logits + i * task.outputs);
    }
    return task;
}

void free_task(struct task *task)
{
    espalier_engine_free(task->engine);
    espalier_model_free(task->model);
    free(task->pixels);
    free(task->logits);
    free(task->given);
}

enum espalier_status run_task(struct espalier_device *device, struct task *task, struct espalier_error *error)
{
    memset(task->given, 0x55, task->count * task->outputs * sizeof *task->given);
    return espalier_device_run(device, task->pixels, task->count, task->given, error);
}

void check_task(const struct task *task, const char *where)
{
    for (size_t i = 0; i < task->count * task->outputs; i++)
        if (task->given[i] != task->logits[i])
            ck_abort_msg("%s: image %zu, output %zu: expected %d, got %d", where, i / task->outputs, i % task->outputs,
                         task->logits[i], task->given[i]);
}

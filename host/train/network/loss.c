#include "loss.h"

#include <math.h>
#include <stddef.h>

/* The softmax of one image's logits divided by a temperature, kept as what its logarithm needs. */
struct softmax {
    const float *logits;
    uint32_t stride;
    float largest, temperature;
    double total; /* of exp((logit - largest) / temperature) */
};

static double raised(const struct softmax *softmax, uint32_t class)
{
    return (double)(softmax->logits[(size_t)class * softmax->stride] - softmax->largest) / (double)softmax->temperature;
}

static struct softmax soften(const float *logits, uint32_t classes, uint32_t stride, float temperature)
{
    struct softmax softmax = {.logits = logits, .stride = stride, .largest = logits[0], .temperature = temperature};

    for (uint32_t c = 1; c < classes; c++)
        softmax.largest = fmaxf(softmax.largest, logits[(size_t)c * stride]);
    for (uint32_t c = 0; c < classes; c++)
        softmax.total += exp(raised(&softmax, c));
    return softmax;
}

static double probability(const struct softmax *softmax, uint32_t class)
{
    return exp(raised(softmax, class)) / softmax->total;
}

static double log_probability(const struct softmax *softmax, uint32_t class)
{
    return raised(softmax, class) - log(softmax->total);
}

double espalier_cross_entropy(const float *logits, const uint8_t *labels, uint32_t classes, uint32_t batch,
                              float *gradients)
{
    double loss = 0.0;

    for (uint32_t n = 0; n < batch; n++) {
        struct softmax said = soften(logits + n, classes, batch, 1.0F);
        loss -= log_probability(&said, labels[n]);
        for (uint32_t c = 0; c < classes; c++)
            gradients[(size_t)c * batch + n] = (float)((probability(&said, c) - (c == labels[n] ? 1.0 : 0.0)) / batch);
    }
    return loss / batch;
}

double espalier_image_loss(const float *logits, uint8_t label, uint32_t classes, uint32_t stride)
{
    struct softmax said = soften(logits, classes, stride, 1.0F);

    return -log_probability(&said, label);
}

double espalier_distillation(const float *logits, const float *teacher, uint32_t classes, uint32_t batch,
                             float temperature, float *gradients)
{
    double loss = 0.0;

    for (uint32_t n = 0; n < batch; n++) {
        struct softmax said = soften(logits + n, classes, batch, temperature);
        struct softmax taught = soften(teacher + n, classes, batch, temperature);
        for (uint32_t c = 0; c < classes; c++) {
            double wanted = probability(&taught, c);
            loss += wanted * (log_probability(&taught, c) - log_probability(&said, c));
            gradients[(size_t)c * batch + n] = (float)((double)temperature * (probability(&said, c) - wanted) / batch);
        }
    }
    return loss * (double)temperature * (double)temperature / batch;
}

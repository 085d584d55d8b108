/* Knowledge distillation: the loss against its definition and finite differences of it; a student that believes its
 * teacher and not its labels; unsuitable teachers. */
#include "support/networks.h"
#include "support/support.h"

#include <espalier/random.h>
#include <espalier/train.h>
#include <math.h>
#include <string.h>

#include "network/loss.h"

enum { CLASSES = 4, BATCH = 3, LOGITS = CLASSES * BATCH, EDGE = 8, IMAGES = 600, HELD_OUT = 100 };

static struct espalier_error error;

/* ---- the loss ---- */

/* Probabilities of image n, straight from the definition. */
static void plain_softmax(const float *logits, size_t n, double temperature, double *out)
{
    double total = 0.0;
    for (size_t c = 0; c < CLASSES; c++)
        total += out[c] = exp((double)logits[c * BATCH + n] / temperature);
    for (size_t c = 0; c < CLASSES; c++)
        out[c] /= total;
}

static double plain_loss(const float *logits, const float *teacher, double temperature)
{
    double loss = 0.0, said[CLASSES], taught[CLASSES];
    for (size_t n = 0; n < BATCH; n++) {
        plain_softmax(logits, n, temperature, said);
        plain_softmax(teacher, n, temperature, taught);
        for (size_t c = 0; c < CLASSES; c++)
            loss += taught[c] * log(taught[c] / said[c]);
    }
    return loss * temperature * temperature / BATCH;
}

static void draw_logits(struct espalier_random *random, float *logits)
{
    for (size_t i = 0; i < LOGITS; i++)
        logits[i] = 5.0F * (float)espalier_random_normal(random);
}

START_TEST(loss_and_derivatives_are_as_defined)
{
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    for (uint32_t round = 0; round < test_scale(500); round++) {
        float logits[LOGITS], teacher[LOGITS], gradients[LOGITS], unused[LOGITS];
        float temperature = 0.5F + 0.01F * (float)espalier_random_below(&random, 800);
        draw_logits(&random, logits);
        draw_logits(&random, teacher);
        double loss = espalier_distillation(logits, teacher, CLASSES, BATCH, temperature, gradients);
        double expected = plain_loss(logits, teacher, (double)temperature);
        ck_assert_double_eq_tol(loss, expected, 1e-6 * (1.0 + expected));
        for (size_t i = 0; i < LOGITS; i++) {
            const float middle = logits[i], step = 0x1p-7F;
            logits[i] = middle + step;
            double up = espalier_distillation(logits, teacher, CLASSES, BATCH, temperature, unused);
            logits[i] = middle - step;
            double down = espalier_distillation(logits, teacher, CLASSES, BATCH, temperature, unused);
            logits[i] = middle;
            ck_assert_double_eq_tol((double)gradients[i], (up - down) / (2.0 * (double)step), 1e-3);
        }
    }
}
END_TEST

START_TEST(agreement_costs_nothing_and_large_logits_are_no_trouble)
{
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    for (uint32_t round = 0; round < test_scale(500); round++) {
        float logits[LOGITS], teacher[LOGITS], gradients[LOGITS];
        draw_logits(&random, logits);
        for (size_t i = 0; i < LOGITS; i++)
            teacher[i] = logits[i] + 3.0F * (float)(i % BATCH); /* the same added to an image's logits says nothing */
        ck_assert_double_eq_tol(espalier_distillation(logits, teacher, CLASSES, BATCH, 2.0F, gradients), 0.0, 1e-6);
        for (size_t i = 0; i < LOGITS; i++) {
            ck_assert_float_eq_tol(gradients[i], 0.0F, 1e-6F);
            logits[i] *= 1e4F;
            teacher[i] *= -1e4F;
        }
        double loss = espalier_distillation(logits, teacher, CLASSES, BATCH, 0.5F, gradients);
        ck_assert(isfinite(loss) && loss > 0.0);
        for (size_t i = 0; i < LOGITS; i++)
            ck_assert(isfinite(gradients[i]));
    }
}
END_TEST

/* ---- teacher and student ---- */

static struct espalier_train_options small_options(void)
{
    struct espalier_train_options options = espalier_train_defaults();
    options.epochs = 12;
    options.batch = 20;
    options.held_out = HELD_OUT;
    options.learning_rate = 1e-2F;
    options.seed = test_seed();
    options.augment = 0.2F;
    options.dropout = 0.1F;
    return options;
}

/* The held-out images that the network gives the honest label, and those that it gives the label behind it. */
static void count(const struct espalier_network *network, struct espalier_dataset *honest,
                  struct espalier_dataset *lying, uint32_t *right, uint32_t *misled)
{
    struct espalier_judgement by_truth, by_lies;
    test_ok(espalier_network_judge(network, honest, IMAGES - HELD_OUT, HELD_OUT, &by_truth, &error));
    test_ok(espalier_network_judge(network, lying, IMAGES - HELD_OUT, HELD_OUT, &by_lies, &error));
    *right = by_truth.correct;
    *misled = by_lies.correct;
}

START_TEST(a_student_believes_its_teacher_as_far_as_it_is_told)
{
    struct espalier_dataset honest = network_task(test_seed(), IMAGES, EDGE, 40),
                            lying = network_task(test_seed(), IMAGES, EDGE, 40);
    struct espalier_network *teacher = network_for_task(EDGE, CLASSES, test_seed());
    struct espalier_train_options options = small_options();
    uint32_t right, misled;
    for (uint32_t i = 0; i < IMAGES; i++)
        lying.labels[i] = (uint8_t)((lying.labels[i] + 1) % CLASSES);
    test_ok(espalier_train(teacher, &honest, &options, &error));
    count(teacher, &honest, &lying, &right, &misled);
    ck_assert_uint_gt(right, 90);
    const float first = teacher->layers[0].weights[0];

    for (int believes = 0; believes < 2; believes++) {
        struct espalier_network *student = network_for_task(EDGE, CLASSES, ~test_seed());
        options.teacher = teacher;
        options.distill = believes ? 0.9F : 0.1F;
        options.threads = 1 + (uint32_t)believes; /* a teacher a thread */
        test_ok(espalier_train(student, &lying, &options, &error));
        count(student, &honest, &lying, &right, &misled);
        ck_assert_msg(believes ? right > 85 : misled > 85, "share %g: %u right, %u misled", (double)options.distill,
                      right, misled);
        espalier_network_free(student);
    }
    ck_assert(teacher->layers[0].weights[0] == first); /* bit for bit: nobody teaches the teacher */
    espalier_network_free(teacher);
    espalier_dataset_free(&honest);
    espalier_dataset_free(&lying);
}
END_TEST

START_TEST(unsuitable_teachers_are_refused)
{
    struct espalier_dataset data = network_task(test_seed(), IMAGES, EDGE, 40);
    struct espalier_network *student = network_for_task(EDGE, CLASSES, 1);
    const struct {
        uint16_t edge, classes;
        float distill, temperature;
    } unsuitable[] = {
        {EDGE + 4, CLASSES, 0.5F, 4.0F}, {EDGE, CLASSES + 1, 0.5F, 4.0F}, {EDGE, CLASSES, 1.5F, 4.0F},
        {EDGE, CLASSES, -0.5F, 4.0F},    {EDGE, CLASSES, NAN, 4.0F},      {EDGE, CLASSES, 0.5F, 0.0F},
    };
    for (size_t i = 0; i < sizeof unsuitable / sizeof *unsuitable; i++) {
        struct espalier_network *teacher = network_for_task(unsuitable[i].edge, unsuitable[i].classes, 2);
        struct espalier_train_options options = small_options();
        options.teacher = teacher;
        options.distill = unsuitable[i].distill;
        options.temperature = unsuitable[i].temperature;
        ck_assert_int_eq(espalier_train(student, &data, &options, &error), ESPALIER_ERR_RANGE);
        ck_assert_ptr_nonnull(strstr(error.message, i < 2 ? "teacher" : "temperature"));
        espalier_network_free(teacher);
    }
    espalier_network_free(student);
    espalier_dataset_free(&data);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {loss_and_derivatives_are_as_defined,
                                  agreement_costs_nothing_and_large_logits_are_no_trouble,
                                  a_student_believes_its_teacher_as_far_as_it_is_told, unsuitable_teachers_are_refused};

    return test_run("distill", tests, sizeof tests / sizeof *tests);
}
